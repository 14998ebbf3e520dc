"""Limits this process's calls to each workspace: so many at once, and none while it is throttled.

Starts (createRun), looks (every other call) and the follower's looks have lanes of their own: a 429 to a look says nothing
about createRun, and looks never take the places of starts.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Clock
from shared.synapse import retry
from shared.synapse.reply import Answer, Unreachable

#: Seconds that a call waits for a place. After that its request waits in the queue, where it holds nothing.
PATIENCE: Final = 10.0
#: Looks of the follower at one workspace at once.
FOLLOWING: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAsked:
    """A call was not made: the workspace is throttled, or no place came free."""

    seconds: float  #: until it is worth another try
    error: CloudError


class Lane:
    """Calls of one kind to one workspace, of which `limit` may be in progress at once.

    It knows this process's calls only. Others learn of a throttled workspace from 429 answers of their own.
    """

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._places = asyncio.Semaphore(limit)
        self._rests_until = 0.0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[bool]:
        """Hold a place for the length of the block; False if none came free in time."""
        if self._places.locked():
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._places.acquire()
            except TimeoutError:
                yield False
                return
        else:
            await self._places.acquire()  # at once
        try:
            yield True
        finally:
            self._places.release()

    def rest(self, seconds: float) -> None:
        """Make no call for `seconds`; a longer rest that has begun is not shortened."""
        self._rests_until = max(self._rests_until, self._clock.monotonic() + seconds)

    def remaining(self) -> float:
        """Return how many seconds this lane still rests; 0 when a call may be made."""
        return max(0.0, self._rests_until - self._clock.monotonic())

    async def ask[T](self, question: Callable[[], Awaitable[T]]) -> T | NotAsked:
        """Make one call, unless the lane rests or no place comes free; a 429 makes it rest."""
        async with self.place() as has_place:
            rest = self.remaining()
            if rest or not has_place:
                return _not_asked(rest)
            answer = await question()
        seconds = self._asked_to_rest(answer)
        if seconds is not None:
            self.rest(seconds)
        return answer

    def _asked_to_rest(self, answer: object) -> float | None:
        match answer:
            case Unreachable(retry_after=float(seconds)):
                return seconds
            case Answer(status=429, headers=headers):
                asked = retry.retry_after(headers, self._clock.now())
                return asked or retry.backoff(1, self._clock.jitter())
            case _:
                return None


class Throttle:
    """The lanes of all workspaces, each of `limit` calls at once. One for each process."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self._starts = defaultdict[str, Lane](partial(Lane, clock, limit))
        self._looks = defaultdict[str, Lane](partial(Lane, clock, limit))
        self._follows = defaultdict[str, Lane](partial(Lane, clock, FOLLOWING))

    def starts(self, endpoint: str) -> Lane:
        """Return the lane of createRun."""
        return self._starts[endpoint]

    def looks(self, endpoint: str) -> Lane:
        """Return the lane of every other call on behalf of a caller or a request."""
        return self._looks[endpoint]

    def follows(self, endpoint: str) -> Lane:
        """Return the lane of the follower's looks: narrow, since Synapse throttles bursts well below its limit."""
        return self._follows[endpoint]


def _not_asked(rest: float) -> NotAsked:
    if rest:
        throttled = CloudError(code=Code.THROTTLED, message="The workspace is throttled.")
        return NotAsked(seconds=rest, error=throttled)
    message = "Too many calls to the workspace are in progress."
    crowded = CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message)
    return NotAsked(seconds=retry.SHORTEST, error=crowded)
