"""One seed's story: chaos, then fine weather until nothing is left to do, then the books."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.explorer.books import Books
from tests.explorer.ground import Ground
from tests.explorer.platform import Platform
from tests.explorer.story import Story
from tests.explorer.virtual_time import VirtualLoop
from tests.explorer.weather import DAY

PATIENCE: Final = 10 * DAY  #: after the weather has cleared
MOST_DELIVERIES: Final = 1_000

#: Does something to the world before the story begins: for tests of the books.
Sabotage = Callable[[Ground], None]


@dataclass(frozen=True, slots=True)
class Played:
    """What a story came to."""

    seed: int
    features: frozenset[str]
    faults: tuple[str, ...]
    log: tuple[tuple[float, str, str], ...]
    deliveries: int
    runs: int

    def text(self) -> str:
        """Write the story."""
        lines = [f"seed {self.seed}: {', '.join(sorted(self.features))}"]
        lines += [f"{at:12.3f}  {who:<12} {what}" for at, who, what in self.log]
        return "\n".join([*lines, *(f"FAULT {fault}" for fault in self.faults)])


def play(
    seed: int, without: frozenset[str] = frozenset(), sabotage: Sabotage | None = None
) -> Played:
    """Play one seed's story: the same seed, the same story."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_play(seed, without, sabotage))


async def _play(seed: int, without: frozenset[str], sabotage: Sabotage | None) -> Played:
    ground = Ground(seed, without)
    if sabotage:
        sabotage(ground)
    platform = Platform(ground)
    story = Story(seed, ground, platform)
    pump = asyncio.get_running_loop().create_task(platform.run())
    await story.play()
    await _drain(ground, platform)
    Books(ground, story.visits).balance()
    if "forgotten" in ground.weather.features and not ground.faults:
        ground.records.forget()
        await story.come_again()
        await _drain(ground, platform)
        Books(ground, story.visits).balance()
    pump.cancel()
    await asyncio.wait({pump})
    return Played(
        seed,
        ground.weather.features,
        tuple(ground.faults),
        tuple(ground.log),
        platform.deliveries,
        len(ground.workspace.runs),
    )


async def _drain(ground: Ground, platform: Platform) -> None:
    """Wait until nothing is left to be delivered, and no message circles."""
    loop, calm = asyncio.get_running_loop(), ground.weather.calm
    until = max(loop.time(), calm) + PATIENCE
    await asyncio.sleep(max(0.0, min(DAY, calm) - loop.time()) + 60.0)
    seen = platform.deliveries
    while not platform.idle:
        if loop.time() <= calm:  # an outage takes as many as it takes
            seen = platform.deliveries
        if loop.time() > until or platform.deliveries - seen > MOST_DELIVERIES:
            ground.blame("circles: a message is delivered again and again")
            return
        await asyncio.sleep(600.0)
