"""Posts 5,000 events in ten batches of 500 at once: how many become runs, in what time and memory.

    python -m bench.events [--events 5000] [--batch 500]

On the local stack: Azurite, a simulated workspace, and one host with the app. Figures are of this machine.
"""

import argparse
import asyncio
import json
import time
from itertools import batched
from pathlib import Path
from typing import Any

import httpx

from local import stack
from local.synapse.client import Simulator

SUBJECT = "/blobServices/default/containers/incoming/blobs/2026/11/24/orders-{}.csv"
URL = "https://landing.blob.core.windows.net/incoming/2026/11/24/orders-{}.csv"
PATIENCE = 600.0


def an_event(number: int) -> dict[str, Any]:
    """Make a created blob that gateway.json's own rule takes."""
    return {
        "id": f"bench-{number}",
        "topic": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/a",
        "subject": SUBJECT.format(number),
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-11-24T08:41:00.9584103Z",
        "data": {"api": "PutBlockList", "url": URL.format(number), "contentLength": 524288},
        "dataVersion": "2",
        "metadataVersion": "1",
    }


def megabytes(pid: int, name: str) -> float:
    """Read a figure of a process's memory: VmRSS now, VmHWM at its highest."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


async def main(count: int, size: int) -> None:
    """Run it, and print the figures."""
    batches = [list(batch) for batch in batched(map(an_event, range(count)), size, strict=False)]
    async with (
        stack.running() as running,
        httpx.AsyncClient(base_url=running.url, timeout=300) as client,
        Simulator(running.synapse.url) as synapse,
    ):
        pid = running.host.process.pid
        await client.post("/api/events", json=[an_event(-1)])
        await settled(synapse, 1)
        before = megabytes(pid, "VmRSS")
        start = time.monotonic()
        answers = await asyncio.gather(
            *(answer(client, batch, start) for batch in batches), return_exceptions=False
        )
        print(f"{count} events in {len(batches)} batches of {size} ({kilobytes(batches)} KB each)")
        print(f"  statuses     {sorted({status for status, _ in answers})}")
        print(
            f"  answered     first {min(s for _, s in answers):.1f} s, last {max(s for _, s in answers):.1f} s"
        )
        runs = await settled(synapse, count + 1)
        print(f"  all are runs {runs - 1} of {count}, after {time.monotonic() - start:.1f} s")
        print(
            f"  memory       {before:.0f} MB before, {megabytes(pid, 'VmHWM'):.0f} MB at the highest"
        )


async def answer(client: httpx.AsyncClient, batch: list[Any], start: float) -> tuple[int, float]:
    """Post one batch; gives the status, and when it came."""
    posted = await client.post("/api/events", json=batch)
    return posted.status_code, time.monotonic() - start


async def settled(synapse: Simulator, count: int) -> int:
    """Wait for so many runs."""
    until = time.monotonic() + PATIENCE
    runs = 0
    while runs < count and time.monotonic() < until:
        await asyncio.sleep(0.5)
        runs = len({run.run_id for run in await synapse.runs()})
    return runs


def kilobytes(batches: list[list[Any]]) -> int:
    """Tell how large a batch is on the wire."""
    return len(json.dumps(batches[0])) // 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=500)
    given = parser.parse_args()
    asyncio.run(main(given.events, given.batch))
