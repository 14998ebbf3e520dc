"""A count of work done on the event loop: others get their turn after each stretch of it, and it may have a bound.

Work is counted, not timed, so that the same value is always treated the same. One unit is about a character that is
looked at (0.1 to 0.5 µs); `bench/redaction.py` measures how long a stretch takes.
"""

import asyncio
import math
from typing import Final

STRETCH: Final = 8_192  #: units between two turns of others


class Work:
    """The work of one task. Without a bound it only yields."""

    def __init__(self, most: float = math.inf) -> None:
        self._left = most
        self._turn = STRETCH

    @property
    def is_exceeded(self) -> bool:
        """Whether more was done than was allowed."""
        return self._left < 0

    async def done(self, units: int) -> None:
        """Count units, and let others work when a stretch is over."""
        if self.is_due(units):
            await asyncio.sleep(0)

    def is_due(self, units: int) -> bool:
        """Count units; report whether a stretch is over. For loops that can't afford to await each step."""
        self._left -= units
        self._turn -= units
        if self._turn > 0:
            return False
        self._turn = STRETCH
        return True
