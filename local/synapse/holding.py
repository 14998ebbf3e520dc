"""Calls that stand still until they are released."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.synapse.calls import Call
from local.synapse.faults import Point


class Abandoned(Exception):
    """A held call was given up: the simulator was reset."""


@dataclass(slots=True, kw_only=True)
class Waiting:
    call: Call
    point: Point
    gone: Callable[[], bool]
    since: float = field(default_factory=time.monotonic)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    abandoned: bool = False

    def shown(self) -> dict[str, Any]:
        return {
            "seq": self.call.seq,
            "operation": self.call.target.operation,
            "pipeline": self.call.target.pipeline,
            "clientRequestId": self.call.client_request_id,
            "body": None if self.call.body is None else self.call.body.decode(errors="replace"),
            "runId": self.call.run_id or self.call.target.run_id,
            "point": self.point,
            "seconds": time.monotonic() - self.since,
            "clientGone": self.gone(),
        }


class Held:
    def __init__(self) -> None:
        self._waiting: dict[int, Waiting] = {}

    async def wait(self, waiting: Waiting) -> None:
        self._waiting[waiting.call.seq] = waiting
        try:
            await waiting.over.wait()
        finally:
            self._waiting.pop(waiting.call.seq, None)
        if waiting.abandoned:
            raise Abandoned

    def release(self, seq: int | None = None, *, abandon: bool = False) -> int:
        """Let one go on, or all; says how many."""
        chosen = [w for w in self._waiting.values() if seq in (None, w.call.seq)]
        for waiting in chosen:
            waiting.abandoned = abandon
            waiting.over.set()
            del self._waiting[waiting.call.seq]
        return len(chosen)

    def shown(self) -> list[dict[str, Any]]:
        return [waiting.shown() for waiting in self._waiting.values()]
