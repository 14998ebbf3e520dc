"""Virtual time: an event loop that never waits, and the clocks of hosts that run on it."""

import asyncio
import itertools
import selectors
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import override

from tests.fakes.clock import START, FakeClock


class Stuck(Exception):
    """Nothing is ready and no timer is set: everything would wait for ever."""


class _Skipping(selectors.SelectSelector):
    """Waits for nothing: the time that it was to wait has passed at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual seconds, which asyncio's sleeps and time-outs follow."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    @override
    def time(self) -> float:
        return self._skipping.now


class VirtualClock(FakeClock):
    """The clock of one host on a virtual loop; its wall may be wrong."""

    def __init__(self, time: Callable[[], float], draw: Callable[[], float], host: int = 0) -> None:
        super().__init__()
        self._time = time
        self._draw = draw
        self._nonces = (f"{host}-{number}" for number in itertools.count())

    @override
    def now(self) -> datetime:
        return START + timedelta(seconds=self._time()) + self.wall_offset

    @override
    def monotonic(self) -> float:
        return 1_000.0 + self._time()

    @override
    def jitter(self) -> float:
        return self._draw()

    @override
    def nonce(self) -> str:
        return next(self._nonces)

    @override
    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
