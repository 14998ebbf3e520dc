"""CPU of the worker process for each queue request, in interleaved rounds."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from bench import spread
from bench.apps import App
from bench.ground import ground
from bench.progress import Progress

WARM_UP = 64


async def measure(
    apps: Sequence[App],
    progress: Progress,
    *,
    rounds: int,
    requests: int,
    in_flight: int,
    tls: bool,
) -> Mapping[str, Any]:
    """Measure every app: milliseconds of CPU (user and system) for each request."""
    found: dict[str, list[float]] = {app.name: [] for app in apps}
    async with AsyncExitStack() as running:
        base = await running.enter_async_context(ground(tls=tls))
        workers = {app.name: await running.enter_async_context(base.worker(app)) for app in apps}
        for worker in workers.values():
            await worker.run(base.requests(WARM_UP), in_flight)
        for turn in range(rounds):
            for name in _turned(list(workers), turn):
                done = await workers[name].run(base.requests(requests), in_flight)
                found[name].append(done["cpu"] * 1000 / requests)
                progress.step(f"round {turn + 1}, {name}: {found[name][-1]:.2f} ms a request")
            await base.ask("clear")
            await base.synapse.reset()
    return {
        "rounds": rounds,
        "requests": requests,
        "inFlight": in_flight,
        "tls": tls,
        "apps": {name: spread.of(figures) for name, figures in found.items()},
    }


def _turned(names: list[str], by: int) -> list[str]:
    """Begin each round with another app, so that none always follows the same one."""
    start = by % len(names)
    return names[start:] + names[:start]
