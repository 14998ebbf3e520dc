"""A value that is looked up again only when it is too old."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.ports import Clock


class Cached[T]:
    """The value that `look` found last, kept for so many seconds. Callers that arrive during a look-up wait for it."""

    def __init__(self, clock: Clock, look: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._clock = clock
        self._look = look
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._found: tuple[T, float] | None = None

    async def __call__(self) -> T:
        """Return the value; look it up again if it is too old."""
        async with self._lock:
            if self._found is not None and self._clock.monotonic() < self._found[1]:
                return self._found[0]
            value = await self._look()
            self._found = value, self._clock.monotonic() + self._seconds
            return value
