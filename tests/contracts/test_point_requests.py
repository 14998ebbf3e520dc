"""Our requests are those of Azure's libraries, as a server on this machine sees them: operation by operation."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from azure.core import MatchConditions
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient
from hypothesis import example, given, settings, strategies as st

from shared.adapters.storage.account import Account
from shared.adapters.storage.columns import INT64, MAX_BINARY
from shared.adapters.storage.facts import ByConnectionString
from shared.ports import Receipt
from tests.contracts.raw_server import RawServer
from tests.contracts.storage_recorder import ETAG, Meaning, account_at, meaning, recording
from tests.examples import examples

# The service refuses what the next lines leave out: control characters, and a few more.
KEYS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=60)
TIMES = st.datetimes(
    min_value=datetime(1601, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001 - the same
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11, minutes=-30))]),
)
VALUES = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.just(INT64)),
    st.floats(),
    st.binary(max_size=200),
    TIMES,
    st.uuids(),
)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
PROPERTIES = st.dictionaries(
    NAMES.filter(lambda name: name not in {"PartitionKey", "RowKey"}), VALUES, max_size=12
)
ENTITIES = st.builds(
    lambda partition, row, properties: {"PartitionKey": partition, "RowKey": row, **properties},
    KEYS,
    KEYS,
    PROPERTIES,
)
EVERY_TYPE: dict[str, Any] = {
    "PartitionKey": "O'Neill é😀 +%&=/#?\"<>[]^{|}`",
    "RowKey": "",
    "text": "",
    "markup": "]]>&amp;<!-- \r\n\t'\" -->",
    "half": "\ud800",
    "flag": True,
    "int": -(2**31),
    "long": (2**63 - 1, INT64),
    "short_long": (0, INT64),
    "double": 3.0,
    "tiny": 5e-324,
    "huge": 1e300,
    "nothing": float("nan"),
    "without_end": float("-inf"),
    "binary": b"",
    "large": bytes(range(256)) * (MAX_BINARY // 256),
    "time": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    "full_second": datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=1))),
    "guid": UUID("c9da6455-213d-42c9-9a79-3e9149a57833"),
}
# A queue's message ids are GUIDs, and its receipts base64.
RECEIPTS = st.builds(
    lambda message, data: Receipt(message_id=str(message), pop_receipt=data),
    st.uuids(),
    st.from_regex(r"[A-Za-z0-9+/]{4,40}={0,2}", fullmatch=True),
)
# What XML can't hold never gets so far: see `strict_json.for_xml`.
MESSAGES = st.text(
    st.one_of(
        st.sampled_from("\t\n &<>\"'"),
        st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"),
    ),
    max_size=200,
)


@dataclass(frozen=True, slots=True)
class Side:
    """The library's clients and ours, before one recorder."""

    server: RawServer
    table: TableClient
    queue: QueueClient
    account: Account

    async def of(self, call: Awaitable[object]) -> Meaning:
        """Make a call; returns what its one request means."""
        self.server.arrived.clear()
        await call
        (request,) = self.server.arrived
        return meaning(request)

    async def compare(self, theirs: Awaitable[object], ours: Awaitable[object]) -> None:
        expected, found = await self.of(theirs), await self.of(ours)
        assert expected.is_signed
        assert expected.is_sized
        version = found.headers["x-ms-version"]
        assert version == "2019-02-02"
        if expected.headers["x-ms-version"] == "any":
            found = replace(found, headers={**found.headers, "x-ms-version": "any"})
        assert found == expected


@pytest.fixture(scope="module")
async def side() -> AsyncIterator[Side]:
    async with RawServer(recording) as server:
        text = account_at(server.port)
        account = Account(ByConnectionString(text=text))
        async with (
            TableClient.from_connection_string(text, "runs", retry_total=0) as table,
            QueueClient.from_connection_string(text, "run-results", retry_total=0) as queue,
        ):
            yield Side(server, table, queue, account)
        await account.aclose()


@example(EVERY_TYPE)
@given(ENTITIES)
async def test_insert(side: Side, entity: dict[str, Any]) -> None:
    await side.compare(
        side.table.create_entity(entity, response_preference="return-no-content"),
        side.account.table("runs").insert(entity),
    )


@example(EVERY_TYPE)
@given(ENTITIES)
async def test_merge(side: Side, entity: dict[str, Any]) -> None:
    await side.compare(
        side.table.update_entity(
            entity,
            mode=UpdateMode.MERGE,
            etag=ETAG,
            match_condition=MatchConditions.IfNotModified,
        ),
        side.account.table("runs").merge(entity, ETAG),
    )


@example(EVERY_TYPE)
@given(ENTITIES)
async def test_replace(side: Side, entity: dict[str, Any]) -> None:
    await side.compare(
        side.table.upsert_entity(entity, mode=UpdateMode.REPLACE),
        side.account.table("runs").replace(entity),
    )


@example("O'Neill é😀 +%&=/#?\"<>[]^{|}`", "''")
@given(KEYS, KEYS)
async def test_get(side: Side, partition: str, row: str) -> None:
    await side.compare(
        side.table.get_entity(partition, row), side.account.table("runs").get(partition, row)
    )


@example("PartitionKey eq 'O''Neill é😀 +%&=/#?\"<>[]^{|}`'", ["RowKey", "Timestamp"], 1)
@given(
    KEYS.map(lambda key: f"RowKey gt '{key.replace("'", "''")}'"),
    st.lists(NAMES, min_size=1, max_size=5),
    st.integers(1, 1000),
)
async def test_page(side: Side, query: str, select: list[str], size: int) -> None:
    await side.compare(
        _drained(side.table.query_entities(query, select=select, results_per_page=size)),
        _drained(side.account.table("runs").pages(query, select=select, size=size)),
    )


async def _drained(found: AsyncIterable[object]) -> None:
    async for _ in found:
        pass


@example("O'Neill é😀 +%&=/#?\"<>[]^{|}`", "''")
@given(KEYS, KEYS)
async def test_delete(side: Side, partition: str, row: str) -> None:
    await side.compare(
        side.table.delete_entity(
            partition, row, etag=ETAG, match_condition=MatchConditions.IfNotModified
        ),
        side.account.table("runs").delete(partition, row, ETAG),
    )


@settings(max_examples=examples(200))
@example("x" * 49_152, 0)
@example("", 518_400)
@given(MESSAGES, st.integers(0, 518_400))
async def test_put_message(side: Side, text: str, delay: int) -> None:
    await side.compare(
        side.queue.send_message(text, visibility_timeout=delay, time_to_live=-1),
        side.account.queue("run-results").put(text, delay=delay),
    )


@given(RECEIPTS, st.integers(0, 518_400))
async def test_hide_message(side: Side, receipt: Receipt, delay: int) -> None:
    await side.compare(
        side.queue.update_message(
            receipt.message_id, receipt.pop_receipt, visibility_timeout=delay
        ),
        side.account.queue("run-results").hide(receipt, delay),
    )


@given(RECEIPTS)
async def test_delete_message(side: Side, receipt: Receipt) -> None:
    await side.compare(
        side.queue.delete_message(receipt.message_id, receipt.pop_receipt),
        side.account.queue("run-results").delete(receipt),
    )


SAS = "sv=2021-08-06&ss=qt&srt=o&sp=rwdlacup&se=2027-01-01T00%3A00%3A00Z&sig=a%2Bb%2Fc%3D"


async def test_a_shared_access_signature_is_added_as_it_is(side: Side) -> None:
    """To a call with a query of its own too; such a call is not signed."""
    url = f"http://127.0.0.1:{side.server.port}/devstoreaccount1"
    text = f"SharedAccessSignature=?{SAS};TableEndpoint={url};QueueEndpoint={url}"
    account = Account(ByConnectionString(text=text))
    async with (
        TableClient.from_connection_string(text, "runs") as table,
        QueueClient.from_connection_string(text, "run-results") as queue,
    ):
        for theirs, ours in (
            (table.get_entity("p", "r"), account.table("runs").get("p", "r")),
            (
                queue.send_message("m", visibility_timeout=0, time_to_live=-1),
                account.queue("run-results").put("m"),
            ),
        ):
            expected, found = await side.of(theirs), await side.of(ours)
            assert SAS in side.server.arrived[0].line
            assert "authorization" not in side.server.arrived[0].headers
            assert found.query == expected.query
            assert (found.method, found.path) == (expected.method, expected.path)
    await account.aclose()
