"""Azurite and the proxy before it, once for all contract tests; each test has tables and queues of its own."""

from collections.abc import AsyncIterator

import pytest

from local.azurite import server as azurite
from local.storage_proxy.server import serving
from shared.adapters.storage.account import Account
from tests.contracts.following_worlds import (
    FakeFollowingWorld,
    FollowingWorld,
    TableFollowingWorld,
)
from tests.contracts.queue_worlds import (
    FakeRequestsWorld,
    FakeResultsWorld,
    RequestQueueWorld,
    RequestsWorld,
    ResultQueueWorld,
    ResultsWorld,
)
from tests.contracts.worlds import (
    AuditWorld,
    FakeAuditWorld,
    FakeRecordsWorld,
    RecordsWorld,
    Storage,
    TableAuditWorld,
    TableRecordsWorld,
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def shared_storage() -> AsyncIterator[Storage]:
    async with azurite.running() as emulator:
        host, name = "http://127.0.0.1", emulator.account.name
        async with serving(
            queue_url=f"{host}:{emulator.child.facts['queuePort']}/{name}",
            table_url=f"{host}:{emulator.child.facts['tablePort']}/{name}",
        ) as proxy:
            yield Storage(proxy=proxy)


@pytest.fixture
async def storage(shared_storage: Storage) -> AsyncIterator[Storage]:
    yield shared_storage
    shared_storage.proxy.proxy.reset()


@pytest.fixture
async def account(storage: Storage) -> AsyncIterator[Account]:
    account = storage.account()
    yield account
    await account.aclose()


@pytest.fixture(params=["fake", "azurite"])
def records_world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RecordsWorld:
    if request.param == "fake":
        return FakeRecordsWorld()
    storage: Storage = request.getfixturevalue("storage")
    return TableRecordsWorld(storage, request.getfixturevalue("account"), monkeypatch)


@pytest.fixture
def audit_table(storage: Storage, account: Account) -> TableAuditWorld:
    return TableAuditWorld(storage, account)


@pytest.fixture(params=["fake", "azurite"])
def audit_world(request: pytest.FixtureRequest) -> AuditWorld:
    if request.param == "fake":
        return FakeAuditWorld()
    table: TableAuditWorld = request.getfixturevalue("audit_table")
    return table


@pytest.fixture
def request_queue(storage: Storage, account: Account) -> RequestQueueWorld:
    return RequestQueueWorld(storage, account)


@pytest.fixture(params=["fake", "azurite"])
def requests_world(request: pytest.FixtureRequest) -> RequestsWorld:
    if request.param == "fake":
        return FakeRequestsWorld()
    queue: RequestQueueWorld = request.getfixturevalue("request_queue")
    return queue


@pytest.fixture(params=["base64", "none"])
def result_queue(
    request: pytest.FixtureRequest, storage: Storage, account: Account
) -> ResultQueueWorld:
    return ResultQueueWorld(storage, account, request.param)


@pytest.fixture(params=["fake", "base64", "none"])
def results_world(request: pytest.FixtureRequest) -> ResultsWorld:
    if request.param == "fake":
        return FakeResultsWorld()
    storage: Storage = request.getfixturevalue("storage")
    return ResultQueueWorld(storage, request.getfixturevalue("account"), request.param)


@pytest.fixture(params=["fake", "azurite"])
def following_world(request: pytest.FixtureRequest) -> FollowingWorld:
    if request.param == "fake":
        return FakeFollowingWorld()
    storage: Storage = request.getfixturevalue("storage")
    return TableFollowingWorld(storage, request.getfixturevalue("account"))
