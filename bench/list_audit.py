"""Does a page of the audit cost the same from the first to the last? `python -m bench.list_audit`.

Puts entries into Azurite (in memory) as the app would have written them over some days, reads all of them by pages
through the `Audit` port's adapter, checks that each entry came once and newest first, and prints time per page.
"""

import argparse
import asyncio
import itertools
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from azure.data.tables.aio import TableClient

from local.azurite import server as azurite
from shared.adapters.storage.account import Account
from shared.adapters.storage.audit import TableAudit
from shared.adapters.storage.audit_entity import encode
from shared.adapters.storage.facts import ByConnectionString
from shared.kernel.cloud_error import CloudError
from shared.runs.audit_entry import AuditEntry
from shared.runs.audit_query import Wanted
from shared.runs.delivery import Source
from shared.runs.result import ResultStatus

NEWEST = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BATCH = 100  # entities of one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One page."""

    seconds: float
    entries: int


def entries(count: int, days: int) -> Iterable[AuditEntry]:
    """Make entries evenly over the days, the newest first; every tenth one failed."""
    step = timedelta(days=days) / count
    for number in range(count):
        failed = number % 10 == 0
        error = CloudError(code="PipelineNotFound", message="There is no such pipeline.")
        yield AuditEntry(
            at=NEWEST - number * step,
            request_id=f"order-{number}",
            generation=1,
            delivery_id=f"message-{number}",
            source=Source.QUEUE,
            principal="queue",
            pipeline_name="copyOrders" if number % 3 else "loadOrders",
            workspace="default",
            parameters='{"day":"2026-11-24","regions":["north","south"]}',
            fingerprint="0" * 64,
            status=ResultStatus.FAILED if failed else ResultStatus.STARTED,
            run_id=None if failed else f"run-{number}",
            error=error if failed else None,
            http_status=404 if failed else 202,
            service_request_id="5d0e2f1c-7c1b-5f0e-9a53-0f6f5e0c9c11",
            service_correlation_id=None,
            client_request_id="5d0e2f1c-7c1b-5f0e-9a53-0f6f5e0c9c11",
            attempts=1,
            duplicate=False,
            duration_ms=120,
            correlation_id=f"c-{number}",
            traceparent=None,
        )


async def fill(connection: str, table: str, made: Iterable[AuditEntry]) -> None:
    """Write the entries, a transaction for each hundred of a partition."""
    async with TableClient.from_connection_string(connection, table) as client:
        await client.create_table()
        rows = sorted(map(encode, made), key=lambda row: str(row["PartitionKey"]))
        for _, partition in itertools.groupby(rows, key=lambda row: row["PartitionKey"]):
            for batch in itertools.batched(partition, BATCH, strict=False):
                await client.submit_transaction([("create", row) for row in batch])


async def read(audit: TableAudit, wanted: Wanted, expected: int) -> list[Timing]:
    """Read every page; complain unless each entry came once and newest first."""
    timings: list[Timing] = []
    times: list[datetime] = []
    while True:
        began = time.perf_counter()
        page = await audit.page(wanted)
        timings.append(Timing(seconds=time.perf_counter() - began, entries=len(page.entries)))
        times += (entry.at for entry in page.entries)
        if page.end is None:
            break
        wanted = replace(wanted, after=page.end)
    if len(times) != expected or times != sorted(set(times), reverse=True):
        msg = f"{len(times)} entries came instead of {expected}, or not newest first"
        raise RuntimeError(msg)
    return timings


def show(name: str, timings: list[Timing]) -> None:
    """Print the tenths of the way."""
    tenth = max(1, len(timings) // 10)
    print(f"{name}: {len(timings)} pages, {sum(one.entries for one in timings)} entries")
    for start in range(0, len(timings), tenth):
        part = [one.seconds * 1000 for one in timings[start : start + tenth]]
        last = min(start + tenth, len(timings))
        print(
            f"  pages {start + 1:>4} to {last:>4}: median {statistics.median(part):6.1f} ms, "
            f"slowest {max(part):6.1f} ms"
        )


async def main(given: argparse.Namespace) -> None:
    async with azurite.running() as emulator:
        account = Account(ByConnectionString(text=emulator.connection_string))
        try:
            began = time.perf_counter()
            made = entries(given.entries, given.days)
            await fill(emulator.connection_string, "runaudit", made)
            print(
                f"{given.entries} entries over {given.days} days, written in {time.perf_counter() - began:.0f} s"
            )
            audit = TableAudit(account, "runaudit")
            every = Wanted(until=NEWEST + timedelta(hours=1), top=given.top)
            show(f"top={given.top}", await read(audit, every, given.entries))
            failed = replace(every, matches=lambda entry: entry.status is ResultStatus.FAILED)
            found = -(-given.entries // 10)
            show(f"top={given.top}, status=Failed", await read(audit, failed, found))
        finally:
            await account.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.list_audit", description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--top", type=int, default=200)
    sys.exit(asyncio.run(main(parser.parse_args())))
