"""Requests a second and latencies, through the worker library alone, over HTTP and through the queue; over TLS.

What is called `function` is the queue function in the worker library alone, so many at a time. `http` and `queue` go
through the whole local host: HTTP by so many callers, of whom each asks again when it is answered; the queue drained
as host.json says (24 at a time), and fed steadily, when the time until a message is deleted includes the wait for the
next poll. The host's own work (polling, deleting, serving) is in the same process here, and in another on the platform.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from bench import spread
from bench.apps import App
from bench.ground import Ground, ground
from bench.plan import AGAIN, Size, turned
from bench.posting import post_all
from bench.processes import cpu_seconds
from bench.progress import Progress
from bench.storage import REQUESTS
from bench.workers import Worker
from local import process

LEVELS: Final = (1, 16, 64)
STEADY: Final = 20.0  #: messages a second
LOOK_AGAIN: Final = 0.02


@dataclass(slots=True)
class Figures:
    """What was measured of one way in, over all rounds."""

    per_second: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = spread.percentiles(self.latencies)
        if self.per_second:
            shown["perSecond"] = spread.of(self.per_second)
        if self.cpu:
            shown["cpu"] = spread.of(self.cpu)
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An app that runs, in both ways."""

    base: Ground
    name: str
    worker: Worker
    host: process.Child

    @property
    def queue(self) -> str:
        return f"{REQUESTS}-{self.name}"

    async def function(self, figures: Figures, count: int, level: int) -> None:
        """Run the queue function in the worker library."""
        await self.worker.run(self.base.requests(min(AGAIN, count)), level)
        done = await self.worker.run(self.base.requests(count), level)
        figures.per_second.append(count / done["wall"])
        figures.latencies += done["latencies"]

    async def http(self, figures: Figures, count: int, level: int) -> None:
        """Call POST /api/runs."""
        url = f"{self.host.url}/api/runs"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await post_all(session, url, self.base.requests(min(AGAIN, count)), level)
            began = time.perf_counter()
            done = await post_all(session, url, self.base.requests(count), level)
            figures.per_second.append(count / (time.perf_counter() - began))
            figures.latencies += done.latencies

    async def drain(self, figures: Figures, count: int) -> None:
        """Work off messages that wait on the queue."""
        await self.base.storage.ask("forget")
        before = cpu_seconds(self.host.process.pid)
        await self.base.storage.ask("put", queue=self.queue, texts=self.base.requests(count))
        journeys = await self._journeys(count)
        figures.cpu.append((cpu_seconds(self.host.process.pid) - before) * 1000 / count)
        first, last = min(taken for _, taken, _ in journeys), max(gone for *_, gone in journeys)
        figures.per_second.append(count / (last - first))
        figures.latencies += [gone - taken for _, taken, gone in journeys]

    async def feed(self, figures: Figures, count: int) -> None:
        """Work off messages that come at a steady pace."""
        await self.base.storage.ask("forget")
        began = time.perf_counter()
        for number, text in enumerate(self.base.requests(count)):
            await asyncio.sleep(max(0.0, began + number / STEADY - time.perf_counter()))
            await self.base.storage.ask("put", queue=self.queue, texts=[text])
        figures.latencies += [gone - came for came, _, gone in await self._journeys(count)]

    async def _journeys(self, count: int) -> list[tuple[float, float, float]]:
        """Wait until so many messages are gone; when each came, was taken first, and went."""
        while (await self.base.storage.ask("sizes"))["gone"].get(self.queue, 0) < count:
            if self.host.process.poll() is not None:
                raise RuntimeError(self.host.output()[-4000:])
            await asyncio.sleep(LOOK_AGAIN)
        found: list[tuple[float, float, float]]
        found = await self.base.storage.ask("journeys", queue=self.queue)
        return found


async def measure(apps: Sequence[App], size: Size, progress: Progress) -> Mapping[str, Any]:
    """Measure every app on all ways."""
    ways = [f"{way}{level}" for way in ("function", "http") for level in LEVELS]
    found = {app.name: {way: Figures() for way in (*ways, "drained", "fed")} for app in apps}
    progress.begin("throughput over TLS", size.rounds * len(apps))
    async with AsyncExitStack() as running:
        base = await running.enter_async_context(ground(tls=True))
        served = [await _served(base, app, size, running) for app in apps]
        for turn in range(size.rounds):
            for one in turned(served, turn):
                await _all_ways(one, found[one.name], size.requests)
                rate = found[one.name]["function16"].per_second[-1]
                progress.step(f"{one.name} {rate:.0f} a second with 16 at a time")
            await base.storage.ask("clear")
            await base.synapse.reset()
    return {
        "steadyPerSecond": STEADY,
        "apps": {
            name: {way: figures.shown() for way, figures in ways.items()}
            for name, ways in found.items()
        },
    }


async def _served(base: Ground, app: App, size: Size, running: AsyncExitStack) -> Served:
    queue = f"{REQUESTS}-{app.name}"
    made = Served(
        base=base,
        name=app.name,
        worker=await running.enter_async_context(base.worker(app)),
        host=await running.enter_async_context(base.host(app, RUN_REQUESTS_QUEUE=queue)),
    )
    await made.worker.run(base.requests(size.warm_up), 16)
    await made.http(Figures(), size.warm_up, 16)
    return made


async def _all_ways(one: Served, figures: Mapping[str, Figures], count: int) -> None:
    for level in LEVELS:
        await one.function(figures[f"function{level}"], count, level)
        await one.http(figures[f"http{level}"], count, level)
    await one.drain(figures["drained"], count)
    await one.feed(figures["fed"], max(1, count // 2))
