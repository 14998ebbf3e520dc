"""What following many open runs costs, and how soon an end is told: the gateway alone, in the local host.

Storage is in memory. At first every run goes on; then ten end each second, while nothing else is on the requests queue; then
all the others end within a minute. After that nothing may be left to do.
"""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any, Final

from bench import spread
from bench.apps import APPS, App
from bench.ground import Ground, ground
from bench.plan import Size
from bench.processes import cpu_seconds, resident
from bench.progress import Progress
from bench.storage import OUTCOMES, REQUESTS, RUNS
from local import process
from local.synapse.faults import Live
from local.synapse.routes import MONITORING

ENDLESS: Final = Live(run_seconds=None)
PIECE: Final = 1000  #: messages put at once
APART: Final = 0.1  #: seconds between two ends
LOOK_AGAIN: Final = 0.5
PATIENCE: Final = 180.0  #: seconds without anything new
#: of each end, by the names of `local.storage_proxy.operation`
OF_AN_END: Final = ("getOpenRun", "insertOutcome", "insertAudit", "batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """How long each phase takes."""

    follow_seconds: int
    idle: float  #: seconds
    ends: int
    rest: float  #: seconds in which the others end


THOROUGH: Final = Amounts(follow_seconds=15, idle=60.0, ends=900, rest=60.0)
QUICK: Final = Amounts(follow_seconds=1, idle=3.0, ends=20, rest=1.0)


class Stuck(Exception):
    """Nothing happened any more."""


@dataclass(slots=True, kw_only=True)
class _Phase:
    """Counts what one host does from here on."""

    base: Ground
    host: process.Child
    began: float
    cpu: float
    looks: int

    async def counted(self) -> dict[str, Any]:
        """Return what was done since."""
        seconds = time.monotonic() - self.began
        traffic = (await self.base.storage.ask("traffic"))["counts"]
        operations = {name: one["calls"] for name, one in traffic.items() if name != "getMessages"}
        pid = self.host.process.pid
        return {
            "seconds": seconds,
            "looksPerSecond": (await _looks(self.base) - self.looks) / seconds,
            "operationsPerSecond": sum(operations.values()) / seconds,
            "operations": operations,
            "cpu": (cpu_seconds(pid) - self.cpu) / seconds,
            "memory": resident(pid),
        }


async def measure(apps: Sequence[App], size: Size, progress: Progress) -> Mapping[str, Any]:
    """Measure each phase: looks and storage operations a second, CPU, memory; and how late ends are told."""
    if APPS["ours"] not in apps:
        return {}
    amounts = THOROUGH if size.thorough else QUICK
    progress.begin("following", 5)
    async with ground() as base:
        await base.synapse.fault(ENDLESS, operation="createRun", times=None)
        settings = {"FOLLOW_SECONDS": str(amounts.follow_seconds)}
        async with base.host(APPS["ours"], **settings) as host:
            return await _measured(base, host, size.requests, amounts, progress)


async def _measured(
    base: Ground, host: process.Child, count: int, amounts: Amounts, progress: Progress
) -> Mapping[str, Any]:
    await _open(base, 1, 1)
    first = resident(host.process.pid)
    await _open(base, count - 1, count)
    progress.step(f"{count} runs are open")
    ends = min(amounts.ends, count // 2)
    run_ids = [run.run_id for run in await base.synapse.runs()]

    await asyncio.sleep(2.0 * amounts.follow_seconds)  # visits were late while requests came in
    phase = await _phase(base, host)
    await asyncio.sleep(amounts.idle)
    idle = await phase.counted()
    progress.step(f"all open: {_shown(idle)}")

    phase = await _phase(base, host)
    await base.synapse.end(*run_ids[:ends], every=APART)
    await _until_told(base, ends)
    some = await phase.counted()
    told = spread.percentiles(_waits(await base.storage.ask("messages", queue=OUTCOMES)))
    progress.step(f"{ends} ended, p99 {told['p99'] / 1000:.1f} s: {_shown(some)}")

    phase = await _phase(base, host)
    await base.synapse.end(*run_ids[ends:], every=amounts.rest / (count - ends))
    await _until_told(base, count)
    rest = await phase.counted()
    progress.step(f"all ended: {_shown(rest)}")

    await _until(lambda: _is_empty(base), lambda: _length(base, REQUESTS))
    phase = await _phase(base, host)
    await asyncio.sleep(max(amounts.idle, 2.0 * amounts.follow_seconds))
    after = await phase.counted()
    progress.step(f"none is open: {_shown(after)}")
    operations = {name: some["operations"].get(name, 0) / ends for name in OF_AN_END}
    return {
        "open": count,
        "followSeconds": amounts.follow_seconds,
        "ended": ends,
        "memoryFirst": first,
        "phases": {"all open": idle, "ten end a second": some, "others end": rest, "none": after},
        "ofAnEnd": operations | {"putMessage": 1.0},  # each has one, as `_until_told` saw
        "told": told,
        "left": await _length(base, REQUESTS),
    }


async def _open(base: Ground, more: int, count: int) -> None:
    """Start so many runs more, until there are so many in the index: each has a row there, and a record."""
    for texts in batched(base.requests(more), PIECE, strict=False):
        await base.storage.ask("put", queue=REQUESTS, texts=texts)

    async def entities() -> int:
        return int((await base.storage.ask("sizes"))["tables"][RUNS])

    async def is_open() -> bool:
        return await entities() > 2 * count  # and the chain's

    await _until(is_open, entities)


async def _until_told(base: Ground, count: int) -> None:
    async def told() -> int:
        return await _length(base, OUTCOMES)

    async def is_told() -> bool:
        return await told() >= count

    await _until(is_told, told)


async def _until(
    is_done: Callable[[], Awaitable[bool]], so_far: Callable[[], Awaitable[int]]
) -> None:
    """Wait, as long as something changes."""
    before, changed = -1, time.monotonic()
    while not await is_done():
        now = await so_far()
        if now != before:
            before, changed = now, time.monotonic()
        elif time.monotonic() - changed > PATIENCE:
            msg = f"stuck at {now}"
            raise Stuck(msg)
        await asyncio.sleep(LOOK_AGAIN)


async def _phase(base: Ground, host: process.Child) -> _Phase:
    await base.storage.ask("forget")
    return _Phase(
        base=base,
        host=host,
        began=time.monotonic(),
        cpu=cpu_seconds(host.process.pid),
        looks=await _looks(base),
    )


async def _looks(base: Ground) -> int:
    """Count the looks that counted against the workspace's limit of monitoring queries."""
    calls = (await base.synapse.stats())["calls"]
    return sum(sum(calls.get(operation, {}).values()) for operation in MONITORING)


async def _length(base: Ground, queue: str) -> int:
    return int((await base.storage.ask("sizes"))["queues"][queue])


async def _is_empty(base: Ground) -> bool:
    return await _length(base, REQUESTS) == 0


def _shown(phase: Mapping[str, Any]) -> str:
    return (
        f"{phase['looksPerSecond']:.2f} looks and {phase['operationsPerSecond']:.2f} storage operations a second, "
        f"{phase['cpu']:.1%} CPU, {phase['memory']:.0f} MB, {phase['seconds']:.0f} s"
    )


def _waits(messages: Sequence[tuple[str, float]]) -> list[float]:
    """Return the seconds from each run's end until its message; all clocks are this machine's."""
    return [
        put_at - datetime.fromisoformat(json.loads(base64.b64decode(text))["runEnd"]).timestamp()
        for text, put_at in messages
    ]
