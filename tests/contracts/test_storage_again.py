"""What is sent again, how often, and that each time it is dated and signed anew."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from shared.adapters.clock import SystemClock
from shared.adapters.storage import wire
from shared.adapters.storage.account import Account
from shared.adapters.storage.facts import DEADLINE, RETRIES, ByConnectionString, Changed, Exists
from shared.kernel.errors import StorageUnavailable
from shared.ports import Receipt
from tests.contracts.raw_server import (
    Connection,
    Ending,
    RawServer,
    Script,
    after,
    end,
    hang,
    reset,
)
from tests.contracts.storage_recorder import (
    ENTITY,
    ETAG,
    account_at,
    answer,
    recording,
    signature,
    success,
)

KEYS = {"PartitionKey": "p", "RowKey": "r"}
RECEIPT = Receipt(message_id="2f7fdb90-5df1-4b8e-ac2f-064cfa58202b", pop_receipt="AgA=")
CALLS: dict[str, Callable[[Account], Awaitable[object]]] = {
    "insert": lambda account: account.table("runs").insert(dict(KEYS)),
    "merge": lambda account: account.table("runs").merge(dict(KEYS), ETAG),
    "replace": lambda account: account.table("runs").replace(dict(KEYS)),
    "get": lambda account: account.table("runs").get("p", "r"),
    "delete": lambda account: account.table("runs").delete("p", "r", ETAG),
    "put": lambda account: account.queue("results").put("m"),
    "hide": lambda account: account.queue("results").hide(RECEIPT, 1),
    "withdraw": lambda account: account.queue("results").delete(RECEIPT),
}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between two tries, which last no time but for the clocks, and are drawn as long as can be."""
    pauses: list[float] = []
    clock = SystemClock()
    now, monotonic = clock.now, clock.monotonic

    async def pause(_: object, seconds: float) -> None:
        pauses.append(seconds)

    def passed() -> float:
        return 60.0 * len(pauses)

    monkeypatch.setattr(SystemClock, "pause", pause)
    monkeypatch.setattr(SystemClock, "jitter", lambda _: 1.0)
    monkeypatch.setattr(SystemClock, "now", lambda _: now() + timedelta(seconds=passed()))
    monkeypatch.setattr(SystemClock, "monotonic", lambda _: monotonic() + passed())
    return pauses


def saying(*texts: bytes) -> Script:
    """Answer in this order, over however many connections; then with a success."""
    left = list(texts)

    async def script(connection: Connection) -> None:
        while True:
            request = await connection.read()
            await connection.write(left.pop(0) if left else success(request))

    return script


@asynccontextmanager
async def served(*scripts: Script) -> AsyncIterator[tuple[RawServer, Account]]:
    """Serve an account whose services do what a test says."""
    async with RawServer(*scripts) as server:
        account = Account(ByConnectionString(text=account_at(server.port)))
        try:
            yield server, account
        finally:
            await account.aclose()


def is_signed_anew(server: RawServer) -> bool:
    """Tell whether each request has a time of its own, and the signature for it."""
    dates = {request.headers["x-ms-date"] for request in server.arrived}
    signed = all(
        request.headers["authorization"] == signature(request) for request in server.arrived
    )
    return signed and len(dates) == len(server.arrived)


@pytest.mark.parametrize("ending", [end, reset])
@pytest.mark.parametrize("call", CALLS)
async def test_a_call_that_is_cut_once_is_sent_twice(call: str, ending: Ending) -> None:
    """Exactly: aiohttp itself would repeat a GET, PUT and DELETE without a word."""
    async with served(after(b"", ending), recording) as (server, account):
        await CALLS[call](account)

    assert len(server.arrived) == 2
    assert len({(each.line, each.body) for each in server.arrived}) == 1
    assert is_signed_anew(server)


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_that_is_always_cut_is_given_up(call: str, pauses: list[float]) -> None:
    async with served(after(b"", end)) as (server, account):
        with pytest.raises(StorageUnavailable, match=r"ServerDisconnectedError$"):
            await CALLS[call](account)

    assert len(server.arrived) == 1 + RETRIES
    assert pauses == [0.5, 1, 2, 4]
    assert is_signed_anew(server)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("call", CALLS)
async def test_a_service_that_is_busy_once_is_asked_twice(call: str, status: int) -> None:
    async with served(saying(answer(status))) as (server, account):
        await CALLS[call](account)

    assert len(server.arrived) == 2
    assert is_signed_anew(server)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 405, 409, 411, 412, 413, 501])
@pytest.mark.parametrize("call", CALLS)
async def test_an_answer_that_stays_the_same_is_asked_for_once(call: str, status: int) -> None:
    """Nor is a redirect followed: the signature is for this address."""
    async with served(saying(answer(status, location="/elsewhere"))) as (server, account):
        with pytest.raises(StorageUnavailable, match=f": {status}$"):
            await CALLS[call](account)

    assert len(server.arrived) == 1


@pytest.mark.parametrize(
    ("given", "pause"),
    [("7", 7.5), ("0", 0.5), ("", 0.5), ("soon", 0.5), ("-1", 0.5), ("²", 0.5)],
)
async def test_a_pause_is_longer_than_the_service_asks(
    given: str, pause: float, pauses: list[float]
) -> None:
    """By a part that is drawn: it asks all processes for the same."""
    busy = answer(503).replace(b"\r\n\r\n", f"\r\nRetry-After: {given}\r\n\r\n".encode())
    async with served(saying(busy)) as (_, account):
        await CALLS["get"](account)

    assert pauses == [pause]


async def test_a_pause_beyond_the_deadline_is_not_made(pauses: list[float]) -> None:
    """The call would end in it, and its error would not say that the service is busy."""
    busy = answer(503, x_ms_error_code="ServerBusy", retry_after=f"{DEADLINE:.0f}")
    async with served(saying(busy)) as (_, account):
        with pytest.raises(StorageUnavailable, match=r"503 ServerBusy$"):
            await CALLS["get"](account)

    assert pauses == []


async def test_pauses_are_drawn(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    """So that processes that were refused together don't come back together."""
    monkeypatch.setattr(SystemClock, "jitter", lambda _: 0.25)
    async with served(saying(answer(503), answer(503))) as (_, account):
        await CALLS["get"](account)

    assert pauses == [0.125, 0.25]


def refusal(status: int, code: str) -> bytes:
    return answer(status, x_ms_error_code=code)


@pytest.mark.parametrize(
    ("call", "second", "fact"),
    [
        ("insert", refusal(409, "EntityAlreadyExists"), Exists),
        ("merge", refusal(412, "UpdateConditionNotSatisfied"), Changed),
        ("delete", refusal(412, "UpdateConditionNotSatisfied"), Changed),
    ],
)
async def test_what_the_first_try_may_have_done_is_a_fact_for_the_caller(
    call: str, second: bytes, fact: type[Exception]
) -> None:
    """Only it knows its own write again: a record's by its lease owner, an audit entry's by its key."""
    async with served(after(b"", end), saying(second)) as (server, account):
        with pytest.raises(fact):
            await CALLS[call](account)

    assert len(server.arrived) == 2


@pytest.mark.parametrize(
    ("call", "second", "result"),
    [
        ("delete", refusal(404, "ResourceNotFound"), None),
        ("hide", refusal(400, "PopReceiptMismatch"), False),
        ("hide", refusal(404, "MessageNotFound"), False),
        ("withdraw", refusal(400, "PopReceiptMismatch"), None),
        ("withdraw", refusal(404, "MessageNotFound"), None),
    ],
)
async def test_what_the_first_try_may_have_removed_is_gone(
    call: str, second: bytes, *, result: object
) -> None:
    async with served(after(b"", end), saying(second)) as (server, account):
        assert await CALLS[call](account) is result

    assert len(server.arrived) == 2


async def test_a_time_limit_holds_for_one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that says nothing once is asked again."""
    monkeypatch.setattr(wire, "READ_TIMEOUT", 0.1)
    async with served(after(b"", hang), recording) as (server, account):
        await CALLS["put"](account)

    assert len(server.arrived) == 2


@pytest.mark.parametrize("call", ["insert", "merge", "get", "put"])
async def test_a_success_that_says_too_little_is_none(call: str) -> None:
    """No ETag, no entity, no receipt: what follows would build on nothing."""
    async with served(saying(answer(200))) as (server, account):
        with pytest.raises(StorageUnavailable, match="the answer can't be read"):
            await CALLS[call](account)

    assert len(server.arrived) == 1


async def test_an_answer_longer_than_any_entity_is_not_read_to_its_end() -> None:
    """It costs no memory, and its connection is not used again."""
    endless = answer(200, " " * (4 * wire.LONGEST) + ENTITY, etag=ETAG)
    async with served(saying(endless), recording) as (server, account):
        with pytest.raises(StorageUnavailable, match="it is no entity"):
            await CALLS["get"](account)
        await CALLS["get"](account)

    assert server.connections == 2
