"""A clock that stands still until a test moves it."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import override

from shared.ports import Clock

_NONCES = itertools.count(1)  # of all clocks: two hosts never draw the same
START = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


class FakeClock(Clock):
    """`wall_offset` is how wrong the wall clock is; `next_jitter` is what `jitter` draws."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._passed = 0.0
        self.wall_offset = timedelta()
        self.next_jitter = 0.5

    @override
    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed) + self.wall_offset

    def service_time(self) -> datetime:
        """Return the time by the clocks of Azure's services, which are right."""
        return self.now() - self.wall_offset

    @override
    def monotonic(self) -> float:
        return 1_000.0 + self._passed

    @override
    def jitter(self) -> float:
        return self.next_jitter

    @override
    def nonce(self) -> str:
        return f"nonce {next(_NONCES)}"

    @override
    async def pause(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let time pass, on the wall as well."""
        self._passed += seconds
