"""Storage in memory answers as Azure documents, to Azure's own libraries."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import EntityProperty, TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

from bench.ground import Ground, ground

KEYS = {"PartitionKey": "it's", "RowKey": "a/b é"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    table: TableClient
    queue: QueueClient


@pytest.fixture(scope="module")
async def plain() -> AsyncIterator[Ground]:
    async with ground() as made:
        yield made


@pytest.fixture
async def clients(plain: Ground) -> AsyncIterator[Clients]:
    text, name = plain.storage.connection_string, f"n{uuid4().hex}"
    async with AsyncExitStack() as opened:
        made = Clients(
            table=await opened.enter_async_context(TableClient.from_connection_string(text, name)),
            queue=await opened.enter_async_context(QueueClient.from_connection_string(text, name)),
        )
        await made.table.create_table()
        await made.queue.create_queue()
        yield made


async def test_an_entity_comes_back_with_the_types_it_was_sent_with(clients: Clients) -> None:
    sent = KEYS | {
        "text": "ü'",
        "number": 7,
        "long": EntityProperty(2**40, "Edm.Int64"),
        "flag": True,
        "bytes": b"\x00\xff",
        "at": datetime(2026, 11, 24, 8, 0, tzinfo=UTC),
    }

    await clients.table.create_entity(sent)
    found = await clients.table.get_entity(**_named(KEYS))

    assert dict(found) == sent


async def test_an_entity_is_inserted_once(clients: Clients) -> None:
    await clients.table.create_entity(KEYS)

    with pytest.raises(ResourceExistsError) as refused:
        await clients.table.create_entity(KEYS)
    assert refused.value.status_code == 409


async def test_a_merge_keeps_other_properties_and_needs_the_entity_unchanged(
    clients: Clients,
) -> None:
    first = await clients.table.create_entity(KEYS | {"kept": 1, "changed": 1})
    options: dict[str, Any] = {
        "mode": UpdateMode.MERGE,
        "match_condition": MatchConditions.IfNotModified,
        "etag": first["etag"],
    }
    await clients.table.update_entity(KEYS | {"changed": 2}, **options)

    with pytest.raises(ResourceModifiedError):
        await clients.table.update_entity(KEYS | {"changed": 3}, **options)
    found = await clients.table.get_entity(**_named(KEYS))
    assert (found["kept"], found["changed"]) == (1, 2)


async def test_what_is_not_there_is_reported_by_its_code(clients: Clients) -> None:
    with pytest.raises(ResourceNotFoundError) as missing:
        await clients.table.update_entity(KEYS, mode=UpdateMode.MERGE)
    assert _code(missing.value) == "ResourceNotFound"

    await clients.table.upsert_entity(KEYS)
    await clients.table.delete_entity(KEYS)
    with pytest.raises(ResourceNotFoundError):
        await clients.table.get_entity(**_named(KEYS))


async def test_a_query_is_paged_in_the_order_of_keys_and_filtered(clients: Clients) -> None:
    for number in (2, 0, 3, 1):
        await clients.table.create_entity({"PartitionKey": f"p{number}", "RowKey": "r"})

    rows = clients.table.query_entities(
        "PartitionKey ge 'p1' and PartitionKey lt 'p3'", results_per_page=1
    )

    assert [row["PartitionKey"] async for row in rows] == ["p1", "p2"]


async def test_a_transaction_deletes_all_or_none(clients: Clients) -> None:
    rows = [{"PartitionKey": "it's", "RowKey": f"a/{number}"} for number in range(3)]
    for row in rows:
        await clients.table.create_entity(row)
    missing = {"PartitionKey": "it's", "RowKey": "none"}

    with pytest.raises(TableTransactionError) as refused:
        await clients.table.submit_transaction([("delete", rows[0]), ("delete", missing)])
    assert (refused.value.status_code, refused.value.index) == (404, 1)
    assert len([row async for row in clients.table.list_entities()]) == 3

    done = await clients.table.submit_transaction([("delete", row) for row in rows[:2]])
    assert len(done) == 2
    assert [row["RowKey"] async for row in clients.table.list_entities()] == ["a/2"]


async def test_a_query_sees_what_came_and_went_since_the_last(clients: Clients) -> None:
    for partition in ("b", "d", "a", "e"):
        await clients.table.create_entity({"PartitionKey": partition, "RowKey": "r"})
    asked = "PartitionKey gt 'a' and PartitionKey le 'd'"
    assert [row["PartitionKey"] async for row in clients.table.query_entities(asked)] == ["b", "d"]

    await clients.table.create_entity({"PartitionKey": "c", "RowKey": "r"})
    await clients.table.delete_entity({"PartitionKey": "b", "RowKey": "r"})

    assert [row["PartitionKey"] async for row in clients.table.query_entities(asked)] == ["c", "d"]


async def test_a_message_is_hidden_while_it_is_worked_on_and_gone_when_deleted(
    clients: Clients,
) -> None:
    await clients.queue.send_message("<&>", time_to_live=-1)

    (taken,) = [one async for one in clients.queue.receive_messages(visibility_timeout=60)]
    again = [one async for one in clients.queue.receive_messages()]
    await clients.queue.delete_message(taken)

    assert (taken.content, taken.dequeue_count, again) == ("<&>", 1, [])
    assert (await clients.queue.get_queue_properties()).approximate_message_count == 0


async def test_an_old_receipt_is_good_for_nothing(clients: Clients) -> None:
    await clients.queue.send_message("text")
    (taken,) = [one async for one in clients.queue.receive_messages()]
    await clients.queue.update_message(taken.id, taken.pop_receipt, visibility_timeout=0)

    with pytest.raises(HttpResponseError) as refused:
        await clients.queue.delete_message(taken.id, taken.pop_receipt)
    assert _code(refused.value) == "PopReceiptMismatch"
    (visible,) = [one async for one in clients.queue.receive_messages()]
    assert visible.dequeue_count == 2


async def test_operations_are_counted_with_their_bytes(plain: Ground, clients: Clients) -> None:
    await plain.storage.ask("forget")

    await clients.table.create_entity(KEYS | {"text": "x" * 1000})
    await clients.queue.send_message("y" * 2000)

    counts = (await plain.storage.ask("traffic"))["counts"]
    assert {name: count["calls"] for name, count in counts.items()} == {
        "insertRecord": 1,
        "putMessage": 1,
    }
    assert 1000 < counts["insertRecord"]["bytes_in"] < 3000
    assert 2000 < counts["putMessage"]["bytes_in"] < 3500


def _code(error: HttpResponseError) -> object:
    return vars(error)["error_code"]  # set by both libraries, and declared by neither


def _named(keys: dict[str, str]) -> dict[str, str]:
    return {"partition_key": keys["PartitionKey"], "row_key": keys["RowKey"]}
