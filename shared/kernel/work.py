"""A count of work done on the event loop: after each stretch other tasks run, and the total may be bounded.

Work is counted, not timed, so that the same value is always treated the same. One unit is about one character
examined (0.1 to 0.5 µs); `bench/redaction.py` measures how long a stretch takes.
"""

import asyncio
import math
from typing import Final

STRETCH: Final = 8_192  #: units between two yields to the event loop


class Work:
    """The work of one task; without a bound it only yields to the event loop."""

    def __init__(self, most: float = math.inf) -> None:
        self._left = most
        self._turn = STRETCH

    @property
    def is_exceeded(self) -> bool:
        """Whether more work was done than the bound allows."""
        return self._left < 0

    async def done(self, units: int) -> None:
        """Count units, and yield to the event loop when a stretch is over."""
        if self.is_due(units):
            await asyncio.sleep(0)

    def is_due(self, units: int) -> bool:
        """Count units and return whether a stretch is over, for loops that can't afford to await each step."""
        self._left -= units
        self._turn -= units
        if self._turn > 0:
            return False
        self._turn = STRETCH
        return True
