"""A value that is looked up anew only when the last look is too old."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.ports import Clock


class Cached[T]:
    """What a look found last. Callers that come during a look wait for that one.

    Args:
        clock: the host's time.
        look: finds the value.
        seconds: how long it is kept, from the end of its look.
    """

    def __init__(self, clock: Clock, look: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._clock = clock
        self._look = look
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._found: tuple[T, float] | None = None

    async def __call__(self) -> T:
        """Return the value, looked up anew where the last look is too old."""
        async with self._lock:
            if self._found is not None and self._clock.monotonic() < self._found[1]:
                return self._found[0]
            value = await self._look()
            self._found = value, self._clock.monotonic() + self._seconds
            return value
