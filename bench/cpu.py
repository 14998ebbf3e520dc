"""CPU of the worker process for each queue request, in interleaved rounds; over plain http, then over TLS."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from bench import spread
from bench.apps import App, turns
from bench.ground import ground
from bench.plan import AGAIN, Size, turned
from bench.progress import Progress

IN_FLIGHT: Final = 16


async def measure(apps: Sequence[App], size: Size, progress: Progress) -> Mapping[str, Any]:
    """Measure milliseconds of CPU (user and system) for each request."""
    found = {"inFlight": IN_FLIGHT, "plain": await _measured(apps, size, progress, tls=False)}
    if size.thorough:
        found["tls"] = await _measured(apps, size, progress, tls=True)
    return found


async def _measured(
    apps: Sequence[App], size: Size, progress: Progress, *, tls: bool
) -> Mapping[str, Any]:
    named = turns(apps)
    found: dict[str, list[float]] = {name: [] for name in named}
    progress.begin("CPU over TLS" if tls else "CPU", size.rounds * len(named))
    async with AsyncExitStack() as running:
        base = await running.enter_async_context(ground(tls=tls))
        workers = {
            name: await running.enter_async_context(base.worker(app, **settings))
            for name, (app, settings) in named.items()
        }
        for worker in workers.values():
            await worker.run(base.requests(size.warm_up), IN_FLIGHT)
        for turn in range(size.rounds):
            for name in turned(list(workers), turn):
                await workers[name].run(base.requests(min(AGAIN, size.requests)), IN_FLIGHT)
                done = await workers[name].run(base.requests(size.requests), IN_FLIGHT)
                found[name].append(done["cpu"] * 1000 / size.requests)
                progress.step(f"{name} {found[name][-1]:.2f} ms a request")
            await base.storage.ask("clear")
            await base.synapse.reset()
    return {name: spread.of(figures) for name, figures in found.items()}
