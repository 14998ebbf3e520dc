"""Is the app alive, is it ready, and if not, which setting is wrong?"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import azure.functions as func

from shared.cloud_error import CloudError
from shared.ports import Clock
from shared.triggers import answers

KEPT_SECONDS: Final = 5.0


class Readiness:
    """What was found wrong last, kept for some seconds: the probe is open, and each look costs storage calls."""

    def __init__(self, clock: Clock, look: Callable[[], Awaitable[Sequence[CloudError]]]) -> None:
        self._clock = clock
        self._look = look
        self._lock = asyncio.Lock()
        self._found: Sequence[CloudError] = ()
        self._until = float("-inf")

    async def __call__(self) -> Sequence[CloudError]:
        """Return the faults, found again where the last look is too old."""
        async with self._lock:
            if self._clock.monotonic() >= self._until:
                self._found = await self._look()
                self._until = self._clock.monotonic() + KEPT_SECONDS
            return self._found


def live() -> func.HttpResponse:
    """Say that the process answers."""
    return _json({"status": "live"}, 200)


def ready(faults: Sequence[CloudError]) -> func.HttpResponse:
    """Say yes or no, and nothing that helps a stranger."""
    return _json({"status": "not ready" if faults else "ready"}, 503 if faults else 200)


async def settings(looking: Awaitable[Sequence[CloudError]]) -> func.HttpResponse:
    """Name every fault, for a caller who is known; no value is quoted."""
    faults = await looking
    body = {"status": "not ready" if faults else "ready"} | {
        "faults": [fault.model_dump() for fault in faults]
    }
    return _json(body, 503 if faults else 200)


def _json(body: object, status: int) -> func.HttpResponse:
    return answers.written(answers.dump(body), status)
