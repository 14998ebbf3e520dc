"""Storage operations and bytes of one queue request, and how many wait for one another.

Storage holds each answer back for 20 ms, so that calls made side by side overlap. The platform's own get and delete of
the message come on top, and are the same for all.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.apps import App, turns
from bench.ground import Ground, ground
from bench.plan import Size
from bench.progress import Progress
from bench.workers import Worker

HELD_BACK: Final = 0.02


async def measure(apps: Sequence[App], size: Size, progress: Progress) -> Mapping[str, Any]:
    """Count them."""
    named = turns(apps)
    progress.begin("operations", len(named))
    found: dict[str, Any] = {}
    async with ground() as base:
        await base.storage.ask("latency", seconds=HELD_BACK)
        for name, (app, settings) in named.items():
            async with base.worker(app, **settings) as worker:
                found[name] = await _counted(base, worker, size.requests)
            progress.step(f"{name} {found[name]['roundTrips']:.1f} round trips")
    return found


async def _counted(base: Ground, worker: Worker, requests: int) -> dict[str, Any]:
    await worker.run(base.requests(2), 1)
    await base.storage.ask("forget")
    before = await _create_runs(base.synapse)
    await worker.run(base.requests(requests), 1)
    traffic = await base.storage.ask("traffic")
    sent = await _create_runs(base.synapse) - before
    counts = traffic["counts"]
    return {
        "operations": {name: one["calls"] / requests for name, one in counts.items()},
        "roundTrips": sum(one["calls"] for one in counts.values()) / requests,
        "inSequence": _in_sequence(traffic["spans"]) / requests,
        "bytesIn": sum(one["bytes_in"] for one in counts.values()) / requests,
        "bytesOut": sum(one["bytes_out"] for one in counts.values()) / requests,
        "createRuns": sent / requests,
    }


async def _create_runs(synapse: Any) -> int:
    calls = (await synapse.stats())["calls"].get("createRun", {})
    return sum(calls.values())


def _in_sequence(spans: Sequence[tuple[str, float, float]]) -> int:
    """Return the length of the longest chain of operations of which each began after the one before had ended."""
    length, end = 0, 0.0
    for _, began, ended in sorted(spans, key=lambda span: span[2]):
        if began >= end:
            length, end = length + 1, ended
    return length
