"""Two hosts serve at once, and the wall clock of one is ten minutes ahead; each takes over what the other leaves."""

import asyncio
import random
import sys

from tests.crash.hosts import HASTY
from tests.crash.plan import draw
from tests.crash.play import Play, Reckoning
from tests.crash.steps import STEPS, Trap

AHEAD = (sys.executable, "-m", "tests.crash.ahead")
#: What one leaves there, the other has to judge by its age.
LEFT_AT = ("after the claim", "while waiting for the answer", "after the answer", "before sending")


async def run(play: Play, *, seed: int, requests: int, kills: int) -> Reckoning:
    """Kill each in turn so many times in all; what it had is taken up under the other's clock."""
    chance = random.Random(seed)
    hosts = [await play.hosts.start(), await play.hosts.start(AHEAD)]
    await play.warm_up()
    plan = draw(seed, requests=requests, waves=kills + 1)
    for wave in range(kills):
        trap = Trap(play.ground, play.hosts.names, STEPS[LEFT_AT[wave % len(LEFT_AT)]])
        await trap.lay(nth=chance.randint(1, 4))
        play.send(*plan.wave(wave))
        await trap.sprung(2.0)
        victim = wave % 2
        play.hosts.kill(hosts[victim])
        # The other may have been held there as well: it meets a connection that breaks.
        await trap.open(cut=True)
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        hosts[victim] = await play.hosts.start(AHEAD if victim else HASTY)
    play.send(*plan.wave(kills))
    return await play.reckon()
