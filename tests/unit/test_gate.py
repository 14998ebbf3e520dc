"""May this process call that workspace now?"""

import asyncio

from shared.gate import Gate
from tests.fakes.clock import FakeClock


def test_a_workspace_rests_until_its_time_has_passed() -> None:
    clock = FakeClock()
    gate = Gate(clock, limit=1)

    gate.rest("a", 3.0)
    clock.advance(2.0)

    assert (gate.remaining("a"), gate.remaining("b")) == (1.0, 0.0)
    clock.advance(1.0)
    assert gate.remaining("a") == 0.0


def test_a_shorter_rest_does_not_end_a_longer_one() -> None:
    gate = Gate(FakeClock(), limit=1)

    gate.rest("a", 30.0)
    gate.rest("a", 3.0)

    assert gate.remaining("a") == 30.0


async def test_no_more_than_the_limit_are_on_the_wire() -> None:
    gate = Gate(FakeClock(), limit=3)
    now, most = 0, 0

    async def call() -> None:
        nonlocal now, most
        async with gate.slot():
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    await asyncio.gather(*(call() for _ in range(20)))

    assert most == 3
