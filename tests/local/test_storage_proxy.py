"""The proxy before the storage service: local/storage_proxy."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientSession
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

from local import process
from local.azurite import server as azurite
from local.faults import Cut, Delay, Hold
from local.storage_proxy.client import ProxyControl
from local.storage_proxy.faults import BUSY, REFUSED, Answer, Point
from local.storage_proxy.operation import Service

KEYS = {"PartitionKey": "a'b c", "RowKey": "record"}


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[process.Child]:
    """A proxy of its own process, before an Azurite of its own."""
    async with azurite.running() as emulator:
        facts, account = emulator.child.facts, emulator.account.name
        command = process.module(
            "local.storage_proxy",
            f"--queue-url=http://127.0.0.1:{facts['queuePort']}/{account}",
            f"--table-url=http://127.0.0.1:{facts['tablePort']}/{account}",
        )
        async with process.running(command) as child:
            yield child


@pytest.fixture
async def proxy(server: process.Child) -> AsyncIterator[ProxyControl]:
    async with ProxyControl(server.url) as control:
        await control.reset()
        yield control
        await control.reset()


@pytest.fixture
async def table(server: process.Child, proxy: ProxyControl) -> AsyncIterator[TableClient]:
    """A client that tries once."""
    async with TableClient.from_connection_string(
        _connection_string(server), "runs", retry_total=0
    ) as client:
        if not await proxy.calls("createTable"):
            await client.delete_table()
            await client.create_table()
            await proxy.reset()
        yield client


@pytest.fixture
async def queue(server: process.Child, proxy: ProxyControl) -> AsyncIterator[QueueClient]:
    """A client that tries once."""
    async with QueueClient.from_connection_string(
        _connection_string(server), "run-requests", retry_total=0
    ) as client:
        yield client


async def attempt(call: Awaitable[object]) -> None:
    """Make a call whatever comes of it."""
    with suppress(HttpResponseError, ServiceRequestError):
        await call


def _connection_string(server: process.Child) -> str:
    return azurite.connection_string(
        queue_port=server.facts["queuePort"], table_port=server.facts["tablePort"]
    )


# What comes through.


async def test_a_call_comes_through_as_it_is(table: TableClient, proxy: ProxyControl) -> None:
    """The signature stays valid, also of keys that have to be escaped."""
    entity = {**KEYS, "text": "é😀", "bytes": b"x" * 60_000, "more": b"y" * 60_000}
    written = await table.create_entity(entity)
    await table.update_entity({**KEYS, "text": "z"}, mode=UpdateMode.MERGE)

    read = await table.get_entity(KEYS["PartitionKey"], KEYS["RowKey"])

    assert written["etag"]
    assert (read["text"], read["bytes"]) == ("z", b"x" * 60_000)
    assert [call.status for call in await proxy.calls()] == [201, 204, 200]


async def test_an_error_comes_through_as_it_is(table: TableClient) -> None:
    """With the service's own code."""
    with pytest.raises(HttpResponseError, match="ResourceNotFound"):
        await table.get_entity("no", "such")


async def test_messages_come_through(queue: QueueClient) -> None:
    """And back."""
    try:
        await queue.create_queue()
        await queue.send_message("<é😀>")
        message = await queue.receive_message()
        assert message is not None
        assert message.content == "<é😀>"
        await queue.delete_message(message)
    finally:
        await queue.delete_queue()


async def test_what_was_called_is_told(queue: QueueClient, proxy: ProxyControl) -> None:
    """Oldest first; of one operation if it is named."""
    with pytest.raises(HttpResponseError):
        await queue.send_message("x", visibility_timeout=7)
    with pytest.raises(HttpResponseError):
        await queue.peek_messages()

    (sent,) = await proxy.calls("putMessage")

    assert [call.operation for call in await proxy.calls()] == ["putMessage", "peekMessages"]
    assert (sent.service, sent.name, sent.status) == (Service.QUEUE, "run-requests", 404)
    assert "visibilitytimeout=7" in sent.query
    assert sent.forwarded
    assert sent.acts == []


# What befalls it.


async def test_a_busy_service_knows_nothing_of_the_call(
    table: TableClient, proxy: ProxyControl
) -> None:
    """It answers 503 once."""
    await proxy.fault(BUSY)

    with pytest.raises(HttpResponseError, match="ServerBusy") as caught:
        await table.create_entity({**KEYS, "RowKey": "busy"})

    assert caught.value.status_code == 503
    await table.create_entity({**KEYS, "RowKey": "busy"})


async def test_a_refusal_names_its_code(queue: QueueClient, proxy: ProxyControl) -> None:
    """In the format of the service that is asked."""
    await proxy.fault(REFUSED)

    with pytest.raises(HttpResponseError) as caught:
        await queue.peek_messages()

    assert caught.value.status_code == 403
    assert "AuthorizationPermissionMismatch" in str(caught.value)


async def test_an_answer_may_ask_for_patience(proxy: ProxyControl, server: process.Child) -> None:
    """By the header that azure-core heeds."""
    await proxy.fault(Answer(status=500, code="OperationTimedOut", retry_after=7))

    async with ClientSession() as session, session.get(f"{server.url}/x/q/messages") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (500, "7")


async def test_a_call_is_cut_before_it_arrives(table: TableClient, proxy: ProxyControl) -> None:
    """Nothing has happened."""
    await proxy.fault(Cut())

    with pytest.raises(ServiceRequestError):
        await table.create_entity({**KEYS, "RowKey": "before"})

    with pytest.raises(HttpResponseError, match="ResourceNotFound"):
        await table.get_entity(KEYS["PartitionKey"], "before")


async def test_a_call_is_cut_after_it_arrived(table: TableClient, proxy: ProxyControl) -> None:
    """All has happened, and its caller doesn't know."""
    await proxy.fault(Cut(), point=Point.FORWARDED)

    with pytest.raises(ServiceRequestError):
        await table.create_entity({**KEYS, "RowKey": "after"})

    assert await table.get_entity(KEYS["PartitionKey"], "after")
    (call, _) = await proxy.calls()
    assert (call.forwarded, call.status, call.acts) == (True, None, ["cut@forwarded"])


async def test_a_call_is_delayed(table: TableClient, proxy: ProxyControl) -> None:
    """And then goes on."""
    await proxy.fault(Delay(seconds=0.3))
    started = time.monotonic()

    await table.create_entity({**KEYS, "RowKey": "late"})

    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("point", Point)
async def test_a_call_is_held_until_released(
    table: TableClient, proxy: ProxyControl, point: Point
) -> None:
    """Before the service knows of it, or before its caller does."""
    await proxy.fault(Hold(), point=point)
    entity = {**KEYS, "RowKey": f"held {point}"}
    under_way = asyncio.ensure_future(table.create_entity(entity))

    (held,) = await proxy.held()
    assert held.forwarded is (point is Point.FORWARDED)
    assert not under_way.done()
    assert await proxy.release(held) == 1

    assert (await under_way)["etag"]
    assert await proxy.release() == 0


async def test_a_held_call_goes_on_without_its_caller(
    table: TableClient, proxy: ProxyControl
) -> None:
    """As a write that arrives late, when its writer is long dead."""
    await proxy.fault(Hold())
    under_way = asyncio.ensure_future(table.create_entity({**KEYS, "RowKey": "late write"}))
    await proxy.held()
    under_way.cancel()
    await asyncio.wait([under_way])

    await proxy.release()

    for _ in range(500):
        (call,) = await proxy.calls("insertRecord")
        if call.forwarded:
            break
        await asyncio.sleep(0.01)
    assert await table.get_entity(KEYS["PartitionKey"], "late write")


async def test_a_held_call_can_be_cut(table: TableClient, proxy: ProxyControl) -> None:
    """Instead of going on."""
    await proxy.fault(Hold())
    under_way = asyncio.ensure_future(table.create_entity({**KEYS, "RowKey": "cut"}))
    await proxy.held()

    await proxy.release(cut=True)

    with pytest.raises(ServiceRequestError):
        await under_way


async def test_what_is_not_held_is_told(proxy: ProxyControl) -> None:
    """A test that waits for nothing fails."""
    with pytest.raises(AssertionError, match="1 calls should be held"):
        await proxy.held(patience=0.05)


# Which calls it befalls.


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({}, [True, False, False, False]),
        ({"nth": 3}, [False, False, True, False]),
        ({"key": "two"}, [False, True, False, False]),
        ({"body": "fre"}, [False, False, True, False]),
        ({"method": "GET"}, [False, False, False, True]),
        ({"operation": "getRecord"}, [False, False, False, True]),
        ({"operation": "insertRecord", "nth": 2}, [False, False, True, False]),
        ({"service": Service.QUEUE}, [False] * 4),
        ({"name": "runaudit"}, [False] * 4),
    ],
    ids=str,
)
async def test_a_fault_meets_what_it_names(
    table: TableClient, proxy: ProxyControl, match: dict[str, Any], hit: list[bool]
) -> None:
    """All that it names, and the nth of these."""
    await table.upsert_entity({**KEYS, "RowKey": "two"})
    await proxy.reset()
    await proxy.fault(REFUSED, **match)

    await attempt(table.create_entity({**KEYS, "RowKey": "one"}))
    await attempt(table.update_entity({**KEYS, "RowKey": "two"}))
    await attempt(table.create_entity({**KEYS, "RowKey": "x", "a": "fred"}))
    await attempt(table.get_entity(KEYS["PartitionKey"], "one"))

    assert [bool(call.acts) for call in await proxy.calls()] == hit


@pytest.mark.parametrize(("times", "hits"), [(1, 1), (2, 2), (None, 5)])
async def test_a_fault_meets_so_many_calls(
    queue: QueueClient, proxy: ProxyControl, times: int | None, hits: int
) -> None:
    """Or all of them, until it is removed."""
    number = await proxy.fault(REFUSED, times=times)
    for _ in range(5):
        await attempt(queue.peek_messages())
    await proxy.remove(number)
    await attempt(queue.peek_messages())

    assert len([call for call in await proxy.calls() if call.acts]) == hits


async def test_chance_is_drawn_from_a_seed(queue: QueueClient, proxy: ProxyControl) -> None:
    """About as many as asked for."""
    await proxy.fault(REFUSED, times=None, probability=0.5)
    for _ in range(100):
        await attempt(queue.peek_messages())

    assert 25 < len([call for call in await proxy.calls() if call.acts]) < 75


async def test_a_fault_at_each_point_of_one_call(table: TableClient, proxy: ProxyControl) -> None:
    """One before the service knows of it, one after."""
    await proxy.fault(Delay(seconds=0.01))
    await proxy.fault(Cut(), point=Point.FORWARDED)

    await attempt(table.create_entity({**KEYS, "RowKey": "both"}))

    assert [call.acts for call in await proxy.calls()] == [["delay@received", "cut@forwarded"]]


# The server itself.


@pytest.mark.parametrize(
    ("order", "body", "status"),
    [
        ("POST faults", '{"act": {"do": "explode"}}', 400),
        ("POST faults", "not json", 400),
        ("POST faults", '{"act": {"do": "cut"}, "oops": 1}', 400),
        ("GET nothing", "", 404),
        ("GET faults", "", 200),
    ],
)
async def test_a_wrong_wish_is_told(
    server: process.Child, proxy: ProxyControl, order: str, body: str, status: int
) -> None:
    """And nothing is forwarded for it."""
    method, route = order.split()
    url = f"{server.url}/_proxy/{route}"
    async with ClientSession() as session, session.request(method, url, data=body) as answer:
        assert answer.status == status

    assert await proxy.calls() == []


async def test_both_ports_take_orders(server: process.Child) -> None:
    """Whichever a test knows."""
    async with ProxyControl(f"http://127.0.0.1:{server.facts['tablePort']}") as control:
        assert await control.calls() == []


async def test_it_ends_when_it_is_told() -> None:
    """Also with a call in its hands, and with nobody behind it."""
    command = process.module(
        "local.storage_proxy",
        "--queue-url=http://127.0.0.1:1/a",
        "--table-url=http://127.0.0.1:1/a",
    )
    child = await process.start(command)
    async with ProxyControl(child.url) as control, ClientSession() as session:
        await control.fault(Hold())
        calling = asyncio.create_task(session.get(f"{child.url}/a/q/messages"))
        await control.held()
        assert await child.stop(grace=5) == 0
        with pytest.raises(ClientConnectionError):
            await calling
