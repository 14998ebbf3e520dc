"""Resident memory after the first answer, after a tenth of the requests, and after all of them, 16 at a time.

The gateway is measured twice: once with its hourly timer in between, after half of the requests.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.apps import App
from bench.ground import Ground, ground
from bench.plan import Size
from bench.progress import Progress
from bench.workers import Worker

PIECE: Final = 500  #: requests of one order; a larger one would be part of what is measured
IN_FLIGHT: Final = 16


async def measure(apps: Sequence[App], size: Size, progress: Progress) -> Mapping[str, Any]:
    """Measure each app in a process of its own."""
    sweeping = [app for app in apps if app.name == "ours"]
    turns = [*((app, False) for app in apps), *((app, True) for app in sweeping)]
    progress.begin("memory", len(turns) * size.requests)
    found: dict[str, Any] = {}
    async with ground() as base:
        for app, sweep in turns:
            name = f"{app.name}, timer in between" if sweep else app.name
            async with base.worker(app) as worker:
                found[name] = await _marks(base, worker, size.requests, progress, sweep=sweep)
    return {"requests": size.requests, "apps": found}


async def _marks(
    base: Ground, worker: Worker, requests: int, progress: Progress, *, sweep: bool
) -> dict[str, float]:
    await worker.run(base.requests(1), 1)
    marks = {"first": await worker.memory()}
    tenth = requests // 10
    await _send(base, worker, tenth, progress)
    marks["tenth"] = await worker.memory()
    await _send(base, worker, requests // 2 - tenth, progress)
    if sweep:
        await worker.sweep()
    await _send(base, worker, requests - requests // 2, progress)
    marks["last"] = await worker.memory()
    return marks | {"growth": marks["last"] - marks["first"]}


async def _send(base: Ground, worker: Worker, count: int, progress: Progress) -> None:
    for start in range(0, count, PIECE):
        piece = min(PIECE, count - start)
        await worker.run(base.requests(piece), IN_FLIGHT)
        progress.step(f"{await worker.memory():.1f} MB", by=piece)
    await base.storage.ask("clear")
    await base.synapse.reset()
