"""May this process call that workspace now?"""

import asyncio
from collections import defaultdict
from contextlib import AbstractAsyncContextManager

from shared.ports import Clock


class Gate:
    """Holds this process's calls back: no more than `limit` on the wire, none while a workspace rests.

    It knows this process alone. Others learn of a throttled workspace from the same 429 answers.
    """

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._slots = asyncio.Semaphore(limit)
        self._rests_until: dict[str, float] = defaultdict(float)

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Wait for a place on the wire and keep it for the length of the block."""
        return self._slots

    def rest(self, endpoint: str, seconds: float) -> None:
        """Call this workspace no more for so many seconds; a longer rest stands."""
        until = self._clock.monotonic() + seconds
        self._rests_until[endpoint] = max(self._rests_until[endpoint], until)

    def remaining(self, endpoint: str) -> float:
        """Tell how many seconds this workspace still rests; 0 when it may be called."""
        return max(0.0, self._rests_until[endpoint] - self._clock.monotonic())
