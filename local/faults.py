"""Faults that a test asks for: what happens to which calls, how often, and the calls that are held.

The simulated workspace (local/synapse/faults.py) and the storage proxy (local/storage_proxy/faults.py) say, each for its
own calls, what a call must be and at which points a fault can meet it. On the wire a fault is
{"match": {"operation": "createRun", "nth": 2}, "point": "created", "act": {"do": "cut"}, "times": 1}: `match` is what the
call must be (all of it; empty: any call), `point` where it happens, `act` what, `times` to how many calls (null: until
removed), `probability` how likely.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, cast

from pydantic import Field

from local.wire import Wire

type How = Literal["rst", "fin"]

#: SO_LINGER with a time of 0: close() sends RST and forgets what was not sent yet
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Cut(Wire):
    """End the connection: with FIN as a server that closes, or with RST as one that crashed."""

    do: Literal["cut"] = "cut"
    how: How = "rst"


class Hold(Wire):
    """Go no further until released, whether the caller waits or not."""

    do: Literal["hold"] = "hold"


class Delay(Wire):
    """Go on later, whether the caller still waits or not."""

    do: Literal["delay"] = "delay"
    seconds: float


class Match(Wire):
    """What a call must be: the first that is met is the nth that matches."""

    nth: int = Field(default=1, ge=1)


class Fault[M: Match, P: StrEnum, A](Wire):
    """What is to happen to which calls."""

    match: M
    point: P
    act: A
    times: int | None = Field(default=1, ge=1)
    probability: float = Field(default=1.0, gt=0, le=1)


@dataclass(slots=True)
class Standing[F: Fault[Any, Any, Any]]:
    """A fault that was asked for, and how often it was met."""

    number: int
    fault: F
    matched: int = 0
    applied: int = 0

    def shown(self) -> dict[str, Any]:
        asked = self.fault.model_dump(mode="json", by_alias=True)
        return {**asked, "id": self.number, "matched": self.matched, "applied": self.applied}


class Faults[F: Fault[Any, Any, Any], C]:
    """All standing faults, in the order of their coming; `matches` tells whether a call is one of those that are meant."""

    def __init__(self, matches: Callable[[Any, C], bool], seed: int = 0) -> None:
        self._matches = matches
        self._chance = random.Random(seed)
        self._count = 0
        self.standing: list[Standing[F]] = []

    def __bool__(self) -> bool:
        return bool(self.standing)

    def add(self, fault: F) -> int:
        self._count += 1
        self.standing.append(Standing(self._count, fault))
        return self._count

    def remove(self, number: int | None = None) -> None:
        """Remove one fault, or all."""
        self.standing = [one for one in self.standing if number not in (None, one.number)]

    def due(self, call: C, points: Collection[StrEnum]) -> list[F]:
        """Return the faults that meet this call at these points. Ask once for each point: asking counts."""
        return list(self.each_due(call, points))

    def each_due(self, call: C, points: Collection[StrEnum]) -> Iterator[F]:
        """Yield them one by one: those after the last that is taken count nothing."""
        for one in self.standing:
            fault = one.fault
            if fault.point in points and self._matches(fault.match, call) and self._is_met(one):
                yield fault

    def _is_met(self, one: Standing[F]) -> bool:
        one.matched += 1
        used_up = one.fault.times is not None and one.applied >= one.fault.times
        if one.matched < one.fault.match.nth or used_up:
            return False
        if one.fault.probability < 1 and self._chance.random() >= one.fault.probability:
            return False
        one.applied += 1
        return True


class Abandoned(Exception):
    """A held call ends here: it was cut in place of being released."""


class Held[C]:
    """The calls that stand still until they are released."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[C, asyncio.Future[bool]]] = {}

    async def wait(self, number: int, call: C) -> None:
        """Wait for the release of the call of this number. Raises `Abandoned`."""
        released: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (call, released)
        try:
            goes_on = await released
        finally:
            self._waiting.pop(number, None)
        if not goes_on:
            raise Abandoned

    def calls(self) -> list[C]:
        return [call for call, _ in self._waiting.values()]

    def release(self, number: int | None = None, *, cut: bool = False) -> int:
        """Let one call go on, or all; or cut them. Returns how many."""
        chosen = [one for one in self._waiting if number in (None, one)]
        for one in chosen:
            self._waiting.pop(one)[1].set_result(not cut)
        return len(chosen)


def cut(transport: asyncio.BaseTransport, how: How) -> None:
    """End a connection at once."""
    raw = transport.get_extra_info("socket")
    if how == "rst":
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        cast(asyncio.Transport, transport).abort()
        return
    if transport.get_extra_info("sslcontext") is None:
        # close() alone would send RST instead of FIN wherever something of the request is still unread.
        raw.shutdown(socket.SHUT_WR)
    transport.close()
