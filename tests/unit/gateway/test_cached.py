"""A value is kept for a while, and found once for all that ask meanwhile."""

import asyncio

import pytest

from shared.gateway.cached import Cached
from tests.fakes.clock import FakeClock


class Looks:
    """Counts looks; each takes a while."""

    def __init__(self) -> None:
        self.number = 0
        self.failure: Exception | None = None

    async def __call__(self) -> int:
        self.number += 1
        found = self.number
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return found


async def test_what_was_found_is_kept_for_a_while() -> None:
    clock, look = FakeClock(), Looks()
    cached = Cached(clock, look, 60.0)

    assert await cached() == 1
    clock.advance(59.9)
    assert await cached() == 1
    clock.advance(0.1)
    assert await cached() == 2


async def test_who_comes_during_a_look_waits_for_it() -> None:
    cached = Cached(FakeClock(), look := Looks(), 60.0)

    assert await asyncio.gather(*(cached() for _ in range(10))) == [1] * 10
    assert look.number == 1


async def test_a_look_that_fails_or_is_broken_off_is_not_kept() -> None:
    cached = Cached(FakeClock(), look := Looks(), 60.0)
    look.failure = OSError("away")
    with pytest.raises(OSError, match="away"):
        await cached()
    look.failure = None
    caller = asyncio.create_task(cached())
    await asyncio.sleep(0)
    caller.cancel()

    assert await cached() == 3
