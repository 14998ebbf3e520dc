"""Bounds this process's calls to each workspace: so many on the wire, and none while it rests.

Starts (createRun) and looks (every other call) have lanes of their own: a 429 to a look says nothing about
createRun, and runs of looks never take the places of starts.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Clock
from shared.synapse import retry
from shared.synapse.reply import Answer, Unreachable

#: Seconds that a call waits for a place. After that its request waits in the queue, where it holds nothing.
PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAsked:
    """A question was not sent: the workspace rests, or no place came free."""

    seconds: float  #: until it is worth another try
    error: CloudError


class Lane:
    """Calls of one kind to one workspace.

    It knows this process alone. Others learn of a throttled workspace from the same 429 answers.

    Args:
        clock: the host's time.
        limit: how many calls may be on the wire at once.
    """

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._places = asyncio.Semaphore(limit)
        self._rests_until = 0.0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[bool]:
        """Hold a place on the wire for the length of the block; False if none came free in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._places.acquire()
        except TimeoutError:
            yield False
            return
        try:
            yield True
        finally:
            self._places.release()

    def rest(self, seconds: float) -> None:
        """Make no call for so many seconds; a longer rest stands."""
        self._rests_until = max(self._rests_until, self._clock.monotonic() + seconds)

    def remaining(self) -> float:
        """Return how many seconds this lane still rests; 0 when a call may be made."""
        return max(0.0, self._rests_until - self._clock.monotonic())

    async def ask[T](self, question: Callable[[], Awaitable[T]]) -> T | NotAsked:
        """Make one call, unless the workspace rests or no place comes free; an answer of 429 lets it rest."""
        async with self.place() as has_place:
            rest = self.remaining()
            if rest or not has_place:
                return _throttled(rest) if rest else _crowded()
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
    """The lanes of all workspaces. One for each process.

    Args:
        clock: the host's time.
        limit: how many calls of one kind may be on the wire to one workspace at once.
    """

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._starts: dict[str, Lane] = {}
        self._looks: dict[str, Lane] = {}

    def starts(self, endpoint: str) -> Lane:
        """Return the lane of createRun."""
        return self._lane(self._starts, endpoint)

    def looks(self, endpoint: str) -> Lane:
        """Return the lane of every other call."""
        return self._lane(self._looks, endpoint)

    def _lane(self, lanes: dict[str, Lane], endpoint: str) -> Lane:
        if endpoint not in lanes:
            lanes[endpoint] = Lane(self._clock, self._limit)
        return lanes[endpoint]


def _throttled(seconds: float) -> NotAsked:
    error = CloudError(code=Code.THROTTLED, message="The workspace is throttled.")
    return NotAsked(seconds=seconds, error=error)


def _crowded() -> NotAsked:
    message = "Too many calls to the workspace are on their way."
    return NotAsked(
        seconds=retry.SHORTEST, error=CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message)
    )
