"""The whole local stack, once for each process that runs these tests."""

from collections.abc import AsyncIterator

import pytest

from local import stack
from tests.e2e.outside import Outside, outside


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def running() -> AsyncIterator[stack.Stack]:
    async with stack.running() as started:
        yield started


@pytest.fixture
async def world(running: stack.Stack) -> AsyncIterator[Outside]:
    async with outside(
        url=running.url, storage=running.storage, synapse=running.synapse.url
    ) as clients:
        yield clients
