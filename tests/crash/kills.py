"""Hosts are killed at each named step of start and follower and at random, or stopped for one and a half leases while another takes over."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle

from local import process
from tests.crash.hosts import LEASE
from tests.crash.monitoring import Monitoring, answering
from tests.crash.plan import Plan, draw
from tests.crash.play import PATIENCE, Play, Reckoning
from tests.crash.steps import FOLLOWING, STEPS, Trap

AT_RANDOM = "at random"
FOLLOWER_PATIENCE = 3.0
SPARSE_PATIENCE = 1800.0  # seconds; each lost answer needs a look of its own, and there are two a second for everything
STEP_PATIENCE = 1.5  # some steps need a request that waits, and there may be none
CAUGHT_AT = {**STEPS, **FOLLOWING}
STOPPED_FOR = 1.5 * LEASE


@dataclass(slots=True, kw_only=True)
class Harm:
    """What was done."""

    kills: Counter[str] = field(default_factory=Counter)  #: by step
    stops: Counter[str] = field(default_factory=Counter)
    restart_seconds: list[float] = field(default_factory=list)


class Kills:
    """The harm of one play. The seed decides on it; when a step is reached is the machine's matter."""

    def __init__(self, play: Play, plan: Plan, seed: int) -> None:
        self._play = play
        self._plan = plan
        self._chance = random.Random(seed)
        self._host: process.Child | None = None
        self.harm = Harm()

    async def wreak(self, kills: int, stops: int, patience: float) -> Reckoning:
        """Play the plan: one wave for each kill or stop. Then let everything come to rest, within so many seconds."""
        kinds = [False] * kills + [True] * stops
        self._chance.shuffle(kinds)
        steps = [*CAUGHT_AT, AT_RANDOM]
        self._chance.shuffle(steps)
        await self._serving()
        await self._play.warm_up()
        for wave, (is_stop, step) in enumerate(zip(kinds, cycle(steps), strict=False)):
            await self._send(wave)
            await (self._stop(step) if is_stop else self._kill(step))
        await self._serving()
        return await self._play.reckon(patience=patience)

    async def _send(self, wave: int) -> None:
        self._play.send(*self._plan.wave(wave))
        await self._play.start_others(*self._plan.others_of(wave))

    async def _serving(self) -> process.Child:
        if self._host is None:
            began = asyncio.get_running_loop().time()
            self._host = await self._play.hosts.start()
            self.harm.restart_seconds.append(asyncio.get_running_loop().time() - began)
        return self._host

    async def _kill(self, step: str) -> None:
        trap = self._trap(step)
        if trap:
            await trap.lay(nth=self._nth(step))
        host = await self._serving()
        await self._work()
        reached = trap is not None and await trap.sprung(self._patience(step))
        await asyncio.sleep(self._chance.uniform(0.0, 0.1))
        self._play.hosts.kill(host)
        self._host = None
        self.harm.kills[step if reached else AT_RANDOM] += 1
        if trap:
            await trap.open(cut=True)

    async def _stop(self, step: str) -> None:
        """Another takes its place meanwhile; then both are there, and one of them goes."""
        host = await self._serving()
        trap = self._trap(step)
        if trap:
            await trap.lay(nth=self._nth(step))
        await self._work()
        reached = trap is not None and await trap.sprung(self._patience(step))
        self._play.hosts.suspend(host)
        self.harm.stops[step if reached else AT_RANDOM] += 1
        if trap:
            await trap.open(cut=False)  # the answer lies there when it wakes
        self._host = None
        _, other = await asyncio.gather(asyncio.sleep(STOPPED_FOR), self._serving())
        self._play.hosts.carry_on(host)
        await asyncio.sleep(self._chance.uniform(0.2, 1.0))
        await self._play.hosts.stop(self._chance.choice([host, other]))
        self._host = other if host.process.poll() is not None else host

    async def _work(self) -> None:
        """Let it do something, or nothing, before it is caught."""
        await asyncio.sleep(self._chance.choice([0.0, 0.0, self._chance.uniform(0.0, 0.6)]))

    def _patience(self, step: str) -> float:
        return FOLLOWER_PATIENCE if step in FOLLOWING else STEP_PATIENCE

    def _nth(self, step: str) -> int:
        """Draw which call is met. The follower makes few of a kind, and none for a while after one died."""
        return self._chance.randint(1, 6) if step in STEPS else 1

    def _trap(self, step: str) -> Trap | None:
        if step == AT_RANDOM:
            return None
        return Trap(self._play.ground, self._play.hosts.names, CAUGHT_AT[step])


async def run(
    play: Play,
    *,
    seed: int,
    requests: int,
    kills: int,
    stops: int,
    echo: bool = True,
    monitoring: Monitoring = Monitoring.WELL,
    seconds: float = 0.0,
) -> tuple[Harm, Reckoning]:
    """Play so many requests through so many kills and stops; looks at runs are away or late for so many seconds."""
    await play.ground.synapse.settings(echo=echo)
    plan = draw(seed, requests=requests, waves=kills + stops)
    harm = Kills(play, plan, seed)
    patience = SPARSE_PATIENCE if monitoring is Monitoring.THROTTLED else PATIENCE
    async with answering(play.ground.synapse, monitoring, seconds):
        reckoning = await harm.wreak(kills, stops, patience)
    return harm.harm, reckoning
