"""Synapse's own wire route before a workspace that is slow at everything."""

from typing import override

from shared.ports import Echo
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import Absent, Look, Reply, Unknown, Unreachable
from tests.fakes.pipelines import FakePipelines
from tests.scenarios.wire import Wire
from tests.scenarios.world import ENDPOINT, World
from tests.unit.builders import ERROR


class Slow(FakePipelines):
    """Takes, for each call, nearly all of the time that its parts may take."""

    def __init__(self, world: World) -> None:
        super().__init__(clock=world.clock)
        self._world = world
        self._began = world.clock.monotonic()

    @property
    def elapsed(self) -> float:
        return self._world.clock.monotonic() - self._began

    @override
    async def authorize(self, endpoint: str, *, refused: bool = False) -> None:
        self._world.clock.advance(19.0)  # a place after 9.5 s, a token after 9.5 s

    @override
    async def find_run(self, endpoint: str, run_id: str) -> Look:
        self._world.clock.advance(30.0)
        return Absent() if self.elapsed > 150.0 else Unreachable(error=ERROR)

    @override
    async def create_run(self, call: CreateRun) -> Reply:
        self._world.clock.advance(30.0)
        return Unknown(error=ERROR)


async def test_slow_calls_one_after_the_other_end_before_the_platform_cuts_the_caller_off() -> None:
    """A look, a send and a look again: each step begins only if it can end in time."""
    world = World()
    world.synapse = world.pipelines = slow = Slow(world)
    world.restart()
    world.records.echoes[ENDPOINT] = Echo.CONFIRMED

    answer = await Wire(world).create()

    assert answer.status == 503  # nothing was started, and there is no time left to send it
    assert slow.elapsed <= 230.0
