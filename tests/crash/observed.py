"""What can be seen from outside: records, results, audit entries, and what the workspace says."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

from local.synapse.client import SeenCall, SeenRun, Simulator
from tests.crash.ground import Names

LOOK_AGAIN = 0.3
RECORDS = "RowKey eq 'record'"
HIDDEN = 24 * 3600  # what was read is not deleted, and must not be read twice

type Entity = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything at one moment."""

    records: dict[str, Entity]  #: by request id
    results: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]  #: messages
    kept: list[Entity]  #: outcomes beside their records
    index: list[Entity]  #: of open runs
    audit: list[Entity]
    runs: list[SeenRun]  #: that the gateway started
    calls: list[SeenCall]  #: of createRun


@dataclass(slots=True, kw_only=True)
class Observer:
    """Clients that read; they change nothing, but results and outcomes that were read are hidden."""

    requests: QueueClient
    poison: QueueClient
    results: QueueClient
    outcomes: QueueClient
    records: TableClient
    audit: TableClient
    synapse: Simulator
    told: list[dict[str, Any]] = field(default_factory=list)
    ends: list[dict[str, Any]] = field(default_factory=list)

    async def settled(self, patience: float) -> bool:
        """Wait until there are records and none is open, and one message at most is left: the follower's."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if await self.waiting() <= 1:
                records = await _entities(self.records, RECORDS, ["status"])
                if records and not any(map(_is_open, records)):
                    return True
            await asyncio.sleep(LOOK_AGAIN)
        return False

    async def quiet(self, patience: float) -> bool:
        """Wait until no message is left on the requests queue and no record is open; False if that never is."""
        until = time.monotonic() + patience
        calm = 0
        while time.monotonic() < until:
            calm = 0 if await self.waiting() else calm + 1
            if calm >= 2:
                records = await _entities(self.records, RECORDS, ["status"])
                return not any(map(_is_open, records))
            await asyncio.sleep(LOOK_AGAIN)
        return False

    async def waiting(self) -> int:
        """How many messages are on the requests queue, the hidden ones too."""
        return await _length(self.requests)

    async def poisoned(self) -> int:
        return await _length(self.poison)

    async def look(self) -> Observed:
        """Read everything."""
        await _read(self.results, self.told)
        await _read(self.outcomes, self.ends)
        entities = await _entities(self.records)
        return Observed(
            records={one["requestId"]: one for one in entities if one["RowKey"] == "record"},
            results=self.told,
            outcomes=self.ends,
            kept=[one for one in entities if one["RowKey"].startswith("outcome-")],
            index=[one for one in entities if one["PartitionKey"].startswith("open-")],
            audit=await _entities(self.audit),
            runs=[run for run in await self.synapse.runs() if run.origin == "createRun"],
            calls=await self.synapse.calls("createRun"),
        )


@asynccontextmanager
async def observer(storage: str, names: Names, synapse: Simulator) -> AsyncIterator[Observer]:
    """Open the clients, and close them."""
    async with AsyncExitStack() as clients:
        queues = [
            await clients.enter_async_context(QueueClient.from_connection_string(storage, name))
            for name in (names.requests, names.poison, names.results, names.outcomes)
        ]
        tables = [
            await clients.enter_async_context(TableClient.from_connection_string(storage, name))
            for name in (names.runs, names.audit)
        ]
        yield Observer(
            requests=queues[0],
            poison=queues[1],
            results=queues[2],
            outcomes=queues[3],
            records=tables[0],
            audit=tables[1],
            synapse=synapse,
        )


def history(record: Entity) -> Sequence[dict[str, str]]:
    """The record's history, as it was written."""
    entries: list[dict[str, str]] = json.loads(record["history"])
    return entries


def error_code(record: Entity) -> str | None:
    """The code of the record's error."""
    return json.loads(record["error"])["code"] if record.get("error") else None


def _is_open(entity: Entity) -> bool:
    return entity.get("status") in {"Starting", "Waiting", "Unknown"}


async def _read(queue: QueueClient, told: list[dict[str, Any]]) -> None:
    try:
        messages = queue.receive_messages(messages_per_page=32, visibility_timeout=HIDDEN)
        told.extend([json.loads(base64.b64decode(one.content)) async for one in messages])
    except ResourceNotFoundError:
        return


async def _entities(
    table: TableClient, asked: str = "", columns: list[str] | None = None
) -> list[Entity]:
    try:
        found = table.query_entities(asked, select=columns, results_per_page=1000)
        return [dict(entity) async for entity in found]
    except ResourceNotFoundError:
        return []


async def _length(queue: QueueClient) -> int:
    try:
        properties = await queue.get_queue_properties()
    except ResourceNotFoundError:
        return 0
    return int(properties.approximate_message_count or 0)
