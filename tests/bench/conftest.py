"""One ground for all tests of the benchmark: storage in memory and a simulated workspace, both over TLS."""

from collections.abc import AsyncIterator

import pytest

from bench.ground import Ground, ground


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def base() -> AsyncIterator[Ground]:
    async with ground(tls=True) as made:
        yield made
