"""What holds for every call to the storage service: what fails, how soon, and what is told of it."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, override

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.credentials_async import AsyncTokenCredential

from local.faults import Cut, Hold
from local.storage_proxy.faults import BUSY, REFUSED, Act, Answer, Fault, Match, Point
from shared.adapters.clock import SystemClock
from shared.adapters.storage import call as storage_call
from shared.adapters.storage.account import Account
from shared.adapters.storage.audit import TableAudit
from shared.adapters.storage.facts import ByConnectionString, ByIdentity
from shared.adapters.storage.queues import AnswerQueue, RequestQueue
from shared.adapters.storage.records import TableRecords
from shared.kernel.errors import StorageUnavailable
from shared.ports import Receipt, VersionedRecord
from shared.runs import result as run_result
from shared.runs.record import Status
from shared.runs.request import Resume
from tests.contracts.raw_server import RawServer
from tests.contracts.storage_recorder import answer
from tests.contracts.test_audit import an_entry
from tests.contracts.test_storage_again import saying
from tests.contracts.worlds import Storage, all_pages, fresh_name
from tests.unit.builders import DELIVERY, ERROR, NOW, a_record

RESUME = Resume(resume="order-17")
RESULT = run_result.answer(a_record(status=Status.FAILED, error=ERROR), DELIVERY)
STORED = VersionedRecord(record=a_record(), version='W/"x"', age=0)
RECEIPT = Receipt(message_id="m", pop_receipt="r")

CALLS: dict[str, Callable[[Account, str], Awaitable[object]]] = {
    "get": lambda account, name: TableRecords(account, name).get("order-17"),
    "insert": lambda account, name: TableRecords(account, name).insert(a_record()),
    "update": lambda account, name: TableRecords(account, name).update(STORED, a_record()),
    "delete": lambda account, name: TableRecords(account, name).delete(STORED),
    "echo": lambda account, name: TableRecords(account, name).echo("https://w"),
    "note_echo": lambda account, name: TableRecords(account, name).note_echo(
        "https://w", echoed=True
    ),
    "append": lambda account, name: TableAudit(account, name).append(an_entry()),
    "oldest": lambda account, name: all_pages(TableAudit(account, name), NOW),
    "enqueue": lambda account, name: RequestQueue(account, name).enqueue(RESUME, 1),
    "postpone": lambda account, name: RequestQueue(account, name).postpone(RECEIPT, 1),
    "withdraw": lambda account, name: RequestQueue(account, name).withdraw(RECEIPT),
    "publish": lambda account, name: AnswerQueue(account, name).publish(RESULT),
}


def afflict(storage: Storage, act: Act, *, times: int | None = None, **match: Any) -> None:
    storage.proxy.proxy.faults.add(Fault(act=act, match=Match(**match), times=times))


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs that a test can wait for."""
    monkeypatch.setattr(storage_call, "DEADLINE", 0.5)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between two tries, which are not made."""
    waits: list[float] = []

    async def note(_: object, seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(SystemClock, "pause", note)
    return waits


@pytest.mark.parametrize("call", CALLS)
async def test_a_refused_identity_is_an_unavailable_storage(
    storage: Storage, account: Account, call: str
) -> None:
    """It is told at once, by the service's own code."""
    afflict(storage, REFUSED)

    with pytest.raises(StorageUnavailable, match=r"403 AuthorizationPermissionMismatch$"):
        await CALLS[call](account, "runs")


@pytest.mark.parametrize("call", CALLS)
async def test_a_service_that_says_nothing_is_given_up(
    storage: Storage, account: Account, call: str, swift: None
) -> None:
    """A call ends at its deadline, whatever its tries would still have taken."""
    afflict(storage, Hold())
    started = time.monotonic()

    with pytest.raises(StorageUnavailable, match="no answer within"):
        await CALLS[call](account, "runs")

    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("call", ["insert", "enqueue"])
@pytest.mark.parametrize("act", [BUSY, Cut()], ids=["busy", "cut"])
async def test_a_service_that_stays_busy_is_given_up(
    storage: Storage, account: Account, call: str, act: Act, waits: list[float]
) -> None:
    """After four more tries within a few seconds: a lease is 90."""
    afflict(storage, act)

    with pytest.raises(StorageUnavailable):
        await CALLS[call](account, "runs")

    assert 3 <= len(waits) <= 4
    assert sum(waits) <= 8
    assert len(storage.proxy.proxy.calls) == 5


@pytest.mark.parametrize("call", ["get", "insert", "echo", "append", "enqueue", "publish"])
@pytest.mark.parametrize("act", [BUSY, Cut()], ids=["busy", "cut"])
async def test_a_service_that_is_busy_once_is_asked_again(
    storage: Storage, account: Account, call: str, act: Act, waits: list[float]
) -> None:
    """Nobody hears of it."""
    name = fresh_name()
    afflict(storage, act, times=1)

    await CALLS[call](account, name)


async def test_a_service_that_asks_for_patience_gets_no_more_than_the_deadline(
    storage: Storage, account: Account, swift: None
) -> None:
    """A Retry-After beyond the deadline is not waited for at all: see test_storage_again.py."""
    afflict(storage, Answer(retry_after=20))

    with pytest.raises(StorageUnavailable, match="no answer within"):
        await CALLS["get"](account, "runs")


@pytest.mark.parametrize("call", ["get", "enqueue"])
async def test_a_service_that_is_away_is_an_unavailable_storage(
    call: str, waits: list[float]
) -> None:
    """Nobody listens there."""
    account = Account(
        ByConnectionString(
            text="AccountName=a;AccountKey=c2VjcmV0;"
            "QueueEndpoint=http://127.0.0.1:1/a;TableEndpoint=http://127.0.0.1:1/a"
        )
    )

    with pytest.raises(StorageUnavailable, match="ClientConnectorError"):
        await CALLS[call](account, "runs")

    await account.aclose()


@pytest.mark.parametrize("call", ["get", "enqueue"])
@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "AccountName=a;AccountKey=hunter2",
        "AccountName=a;SharedAccessSignature=sig=hunter2;TableEndpoint=:;QueueEndpoint=:",
        "TableEndpoint=http://hunter2;QueueEndpoint=http://hunter2",
        "QueueEndpoint=http://[::1?sig=hunter2;TableEndpoint=http://[::1?sig=hunter2",
    ],
)
async def test_what_is_no_connection_string_is_told_without_a_secret(
    call: str, text: str, waits: list[float]
) -> None:
    """Neither the error nor its traceback quotes it."""
    account = Account(ByConnectionString(text=text))

    with pytest.raises(StorageUnavailable) as caught:
        await CALLS[call](account, "runs")

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in repr(account.__dict__)
    await account.aclose()


@pytest.mark.parametrize("call", ["get", "enqueue"])
async def test_a_signature_is_not_told(call: str, waits: list[float]) -> None:
    """A SAS stands in the address of each call, and Azure's errors quote addresses."""
    account = Account(
        ByConnectionString(
            text="SharedAccessSignature=sv=2026&sig=hunter2;"
            "QueueEndpoint=http://127.0.0.1:1/a;TableEndpoint=http://127.0.0.1:1/a"
        )
    )

    with pytest.raises(StorageUnavailable) as caught:
        await CALLS[call](account, "runs")

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    await account.aclose()


async def test_a_table_that_is_missing_is_made_once(storage: Storage, account: Account) -> None:
    """It is made when the service says that it is missing, and not before."""
    records = TableRecords(account, fresh_name())

    assert await records.get("order-17") is None
    await records.insert(a_record())
    await records.get("order-17")

    asked = [call.operation.operation for call in storage.proxy.proxy.calls]
    assert asked == ["getRecord", "createTable", "getRecord", "insertRecord", "getRecord"]


async def test_a_queue_that_is_missing_is_made_once(storage: Storage, account: Account) -> None:
    """By whoever writes first."""
    results = AnswerQueue(account, fresh_name())
    await results.publish(RESULT)
    await results.publish(RESULT)

    asked = [call.operation.operation for call in storage.proxy.proxy.calls]
    assert asked == ["putMessage", "createQueue", "putMessage", "putMessage"]


async def test_many_may_find_a_table_missing_at_once(account: Account) -> None:
    """Each of them gets through."""
    records = TableRecords(account, fresh_name())

    found = await asyncio.gather(*(records.get(str(i)) for i in range(20)))

    assert found == [None] * 20


async def test_a_write_sends_what_changed_alone(storage: Storage, account: Account) -> None:
    """A request of half a MiB travels once."""
    records = TableRecords(account, fresh_name())
    large = replace(a_record(), request=b"x" * 500_000)
    stored = await records.insert(large)
    assert isinstance(stored, VersionedRecord)

    await records.update(stored, replace(large, principal="another"))

    merge = storage.proxy.proxy.calls[-1]
    assert merge.operation.operation == "mergeRecord"
    assert merge.body_length < 400


async def test_an_inserted_entity_is_not_sent_back(storage: Storage, account: Account) -> None:
    """As the service does unless it is asked not to."""
    await TableRecords(account, fresh_name()).insert(a_record())

    assert storage.proxy.proxy.calls[-1].status == 204


async def test_an_account_that_was_closed_opens_again(account: Account) -> None:
    """Closing ends connections, not the account."""
    records = TableRecords(account, fresh_name())
    await records.insert(a_record())

    await account.aclose()
    await account.aclose()

    assert await records.get("order-17") is not None


@pytest.mark.parametrize("call", ["get", "enqueue"])
@pytest.mark.parametrize("use_proxy_settings", [True, False])
async def test_proxy_settings_are_heeded_only_where_asked(
    monkeypatch: pytest.MonkeyPatch, waits: list[float], call: str, *, use_proxy_settings: bool
) -> None:
    """Reading them costs each call two thread hops."""
    async with RawServer(saying(answer(403))) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        text = (
            "AccountName=a;AccountKey=c2VjcmV0;DefaultEndpointsProtocol=http;EndpointSuffix=invalid"
        )
        account = Account(ByConnectionString(text=text), use_proxy_settings=use_proxy_settings)
        with pytest.raises(StorageUnavailable, match="403" if use_proxy_settings else "DNSError"):
            await CALLS[call](account, "runs")
        await account.aclose()

    hosts = {request.headers["host"].partition(".")[2] for request in proxy.arrived}
    assert hosts <= {"table.invalid", "queue.invalid"}
    assert len(proxy.arrived) == use_proxy_settings


class _Credential(AsyncTokenCredential):
    """Gives a token, and notes what it was asked for."""

    def __init__(self) -> None:
        self.scopes: list[tuple[str, ...]] = []

    @override
    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes.append(scopes)
        return AccessToken("hunter2", int(time.time()) + 3600)

    async def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
        self.scopes.append(scopes)
        return AccessTokenInfo("hunter2", int(time.time()) + 3600)

    @override
    async def close(self) -> None:
        """Nothing is open."""

    @override
    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""


async def test_an_identity_is_asked_for_a_token_of_the_storage_service(
    waits: list[float],
) -> None:
    """One credential serves all clients; nobody listens at these addresses."""
    made: list[_Credential] = []

    def credential() -> _Credential:
        made.append(_Credential())
        return made[-1]

    account = Account(
        ByIdentity(
            queue_uri="https://127.0.0.1:1", table_uri="https://127.0.0.1:1", credential=credential
        )
    )
    for call in ("get", "append", "enqueue"):
        with pytest.raises(StorageUnavailable):
            await CALLS[call](account, "runs")

    (one,) = made
    assert set(one.scopes) == {("https://storage.azure.com/.default",)}
    await account.aclose()


@pytest.mark.parametrize("call", ["get", "enqueue"])
async def test_a_token_is_not_sent_over_plain_http(call: str) -> None:
    """Azure's clients refuse to, and that is no crash."""
    account = Account(
        ByIdentity(
            queue_uri="http://127.0.0.1:1", table_uri="http://127.0.0.1:1", credential=_Credential
        )
    )

    with pytest.raises(StorageUnavailable, match="address can't be used"):
        await CALLS[call](account, "runs")

    await account.aclose()


async def test_a_read_that_was_cut_after_it_was_answered_is_repeated(
    storage: Storage, account: Account
) -> None:
    """Reading twice harms nobody."""
    records = TableRecords(account, fresh_name())
    await records.insert(a_record())
    storage.proxy.proxy.faults.add(
        Fault(act=Cut(), point=Point.FORWARDED, match=Match(operation="getRecord"))
    )

    assert await records.get("order-17") is not None
