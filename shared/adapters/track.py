"""What this process saw of a right that can't be tried without using it."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from shared.kernel.errors import StorageRefused
from shared.ports import Evidence


@dataclass(slots=True)
class Track:
    """The last success and the last refusal of one kind of call, in the event loop's time."""

    succeeded_at: float | None = None
    refused_at: float | None = None
    code: str = ""

    def succeed(self) -> None:
        """Note that a call succeeded now."""
        self.succeeded_at = _now()

    def refuse(self, code: str) -> None:
        """Note that a call was refused now, with the service's code."""
        self.refused_at, self.code = _now(), code

    async def watch[T](self, call: Awaitable[T]) -> T:
        """Make a call to the storage service, and note a success or a refusal; other failures don't concern the right."""
        try:
            result = await call
        except StorageRefused as refusal:
            self.refuse(refusal.code)
            raise
        self.succeed()
        return result

    def evidence(self) -> Evidence:
        """Return what was seen, with its age in seconds."""
        now = _now()
        return Evidence(
            succeeded=None if self.succeeded_at is None else now - self.succeeded_at,
            refused=None if self.refused_at is None else now - self.refused_at,
            code=self.code,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
