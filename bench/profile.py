"""Profiles an app's worker over queue requests, and prints what costs most."""

import pstats
from pathlib import Path

from bench.apps import App
from bench.ground import ground
from bench.plan import WARM_UP


async def write(app: App, path: Path, *, requests: int, in_flight: int, tls: bool) -> None:
    """Write the profile of so many requests, as `python -m pstats` reads it."""
    async with ground(tls=tls) as base, base.worker(app) as worker:
        await worker.run(base.requests(WARM_UP), in_flight)
        plain = await worker.run(base.requests(requests), in_flight)
        await worker.run(base.requests(requests), in_flight, profile=path)
    print(f"{plain['cpu'] * 1000 / requests:.2f} ms of CPU for each request without the profiler")


def show(path: Path, lines: int) -> None:
    """Print the functions in which most time passes, with what they call and by themselves."""
    stats = pstats.Stats(str(path)).strip_dirs()
    for order in ("cumulative", "tottime"):
        stats.sort_stats(order).print_stats(lines)
