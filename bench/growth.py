"""What a request takes where many are recorded: the gateway alone, one request at a time, in interleaved rounds.

Over storage in memory, which takes the same time however much it holds, the gateway itself is measured. Azurite is put
beside it, with fewer records: it searches all messages of a queue for each put.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

from bench import spread
from bench.apps import APPS, App
from bench.ground import Ground, ground
from bench.plan import Size, turned
from bench.progress import Progress
from bench.storage import AUDIT, RESULTS, RUNS, Kind
from bench.workers import Worker

FEW: Final = 1_000
MANY: Final[Mapping[Kind, int]] = {"memory": 200_000, "azurite": 10_000}
QUICK: Final[Mapping[Kind, int]] = {"memory": 5_000}
SEED: Final = 20  #: requests before there are records to copy
AT_ONCE: Final = 16


async def measure(apps: Sequence[App], size: Size, progress: Progress) -> Mapping[str, Any]:
    """Compare the medians of few and many records, on both kinds of storage."""
    if APPS["ours"] not in apps:
        return {}
    kinds = MANY if size.thorough else QUICK
    return {kind: await _compared(kind, many, size, progress) for kind, many in kinds.items()}


async def _compared(kind: Kind, many: int, size: Size, progress: Progress) -> Mapping[str, Any]:
    found: dict[int, list[float]] = {FEW: [], many: []}
    cpu: dict[int, list[float]] = {FEW: [], many: []}
    progress.begin(f"growth, {kind}", 2 * size.rounds)
    async with AsyncExitStack() as running:
        worked: dict[int, tuple[Ground, Worker]] = {}
        for records in found:
            base = await running.enter_async_context(ground(kind=kind))
            worker = await running.enter_async_context(base.worker(APPS["ours"]))
            await worker.run(base.requests(SEED), 1)
            await _fill(base, kind, records - SEED)
            await worker.run(base.requests(SEED), 1)
            worked[records] = base, worker
        for turn in range(size.rounds):
            for records in turned(list(worked), turn):
                base, worker = worked[records]
                done = await worker.run(base.requests(size.requests), 1)
                p50 = spread.percentiles(done["latencies"])["p50"]
                found[records].append(p50)
                cpu[records].append(done["cpu"] * 1000 / size.requests)
                progress.step(f"{records} records: {p50:.2f} ms")
    return {
        "records": list(found),
        "p50": {str(records): spread.of(figures) for records, figures in found.items()},
        "cpu": {str(records): spread.of(figures) for records, figures in cpu.items()},
        "ratio": spread.of([b / a for a, b in zip(found[FEW], found[many], strict=True)]),
    }


async def _fill(base: Ground, kind: Kind, times: int) -> None:
    """Copy a record, its audit entry and its result so often."""
    if kind == "memory":
        await base.storage.ask("copy", tables=[RUNS, AUDIT], queues=[RESULTS], times=times)
        return
    text = base.storage.connection_string
    async with (
        TableClient.from_connection_string(text, RUNS) as records,
        TableClient.from_connection_string(text, AUDIT) as audit,
        QueueClient.from_connection_string(text, RESULTS) as results,
    ):
        record, entry = await _first(records), await _first(audit)
        numbers = iter(range(times))

        async def copy() -> None:
            for number in numbers:
                partition = f"{record['PartitionKey']}~{number}"
                await records.create_entity(record | {"PartitionKey": partition})
                await audit.create_entity(entry | {"RowKey": f"{entry['RowKey']}~{number}"})
                await results.send_message("e30=")

        await asyncio.gather(*itertools.starmap(copy, [()] * AT_ONCE))


async def _first(table: TableClient) -> dict[str, Any]:
    async for entity in table.list_entities(results_per_page=1):
        return dict(entity)
    msg = "There is no entity to copy."
    raise RuntimeError(msg)
