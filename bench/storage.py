"""The storage that the apps use: in memory (`bench.stand_in`), or one or two processes of Azurite."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import aiohttp
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueServiceClient

from local import process
from local.azurite import server as azurite
from local.azurite.server import connection_string

REQUESTS: Final = "run-requests"
RESULTS: Final = "run-results"
OUTCOMES: Final = "run-outcomes"
RUNS: Final = "runs"
AUDIT: Final = "runaudit"
QUEUES: Final = (REQUESTS, f"{REQUESTS}-poison", RESULTS, OUTCOMES)
TABLES: Final = (RUNS, AUDIT)

type Kind = Literal["memory", "azurite", "two-azurites"]


@dataclass(frozen=True, slots=True)
class Storage:
    """Running storage."""

    connection_string: str
    processes: int
    _http: aiohttp.ClientSession
    _control: str | None = None

    async def ask(self, route: str, **asked: Any) -> Any:
        """Ask storage in memory, or order something: the routes of `bench.stand_in.server`."""
        async with self._http.post(f"{self._control}/_stand_in/{route}", json=asked) as answer:
            answer.raise_for_status()
            return await answer.json()


@asynccontextmanager
async def storage(
    kind: Kind, http: aiohttp.ClientSession, secured: Sequence[str]
) -> AsyncIterator[Storage]:
    """Start storage, with the queues and tables that a deployment creates.

    Args:
        kind: in memory, or Azurite: queues and tables in one process, or in one for each.
        http: for orders to the storage in memory.
        secured: its options for TLS.
    """
    async with AsyncExitStack() as servers:
        if kind != "memory":
            count = 2 if kind == "two-azurites" else 1
            running = [await servers.enter_async_context(azurite.running()) for _ in range(count)]
            text = connection_string(
                queue_port=running[0].child.facts["queuePort"],
                table_port=running[-1].child.facts["tablePort"],
            )
            await _create(text)
            yield Storage(text, count, http)
            return
        child = await servers.enter_async_context(
            process.running(process.module("bench.stand_in", *secured))
        )
        text = connection_string(
            queue_port=child.facts["queuePort"], table_port=child.facts["tablePort"]
        )
        made = Storage(text.replace("http", "https") if secured else text, 1, http, child.url)
        await made.ask("create", tables=TABLES, queues=QUEUES)
        yield made


async def _create(text: str) -> None:
    async with (
        TableServiceClient.from_connection_string(text) as tables,
        QueueServiceClient.from_connection_string(text) as queues,
    ):
        for table in TABLES:
            await tables.create_table(table)
        for queue in QUEUES:
            await queues.create_queue(queue)
