"""The faults that calls meet, and which call meets which.

A fault is asked for with `POST /_proxy/faults`: {"match": {"operation": "insertRecord", "nth": 2}, "point":
"forwarded", "act": {"do": "cut"}, "times": 1}. `match` names what the call must be (all of it; empty: any call), `point`
where it happens, `act` what, `times` to how many calls (null: until removed), `probability` how likely. A call meets at
most one fault at each point: the first that is due.
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from local.storage_proxy.operation import Operation, Service


class Wire(BaseModel):
    """What travels between a test and the proxy, camelCase."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )


class Point(StrEnum):
    """Where in a call."""

    RECEIVED = "received"  #: it was read, and the storage service knows nothing of it
    FORWARDED = (
        "forwarded"  #: the storage service has done it, and its caller knows nothing of that
    )


class Answer(Wire):
    """Answer this in the service's own error format, instead of what it would say or has said."""

    do: Literal["answer"] = "answer"
    status: int = 503
    code: str = "ServerBusy"
    retry_after: int | None = None


class Cut(Wire):
    """Reset the connection."""

    do: Literal["cut"] = "cut"


class Hold(Wire):
    """Go no further until released, whether the caller waits or not."""

    do: Literal["hold"] = "hold"


class Delay(Wire):
    """Go on later, whether the caller waits or not."""

    do: Literal["delay"] = "delay"
    seconds: float


type Act = Answer | Cut | Hold | Delay

BUSY = Answer()
REFUSED = Answer(status=403, code="AuthorizationPermissionMismatch")


class Match(Wire):
    """What a call must be."""

    service: Service | None = None
    method: str | None = None
    operation: str | None = None
    name: str | None = None  #: of the queue or table
    key: str = ""  #: a part of the message id, or of the entity's keys
    body: str = ""  #: a part of the request's body
    nth: int = Field(default=1, ge=1)  #: the first call that is met is the nth that matches


class Fault(Wire):
    """What is to happen to which calls."""

    match: Match = Match()
    point: Point = Point.RECEIVED
    act: Annotated[Act, Field(discriminator="do")]
    times: int | None = Field(default=1, ge=1)
    probability: float = Field(default=1.0, gt=0, le=1)


@dataclass(slots=True)
class Standing:
    """A fault that was asked for, and how often it was met."""

    number: int
    fault: Fault
    matched: int = 0
    applied: int = 0

    def shown(self) -> dict[str, Any]:
        asked = self.fault.model_dump(mode="json", by_alias=True)
        return {**asked, "id": self.number, "matched": self.matched, "applied": self.applied}


class Faults:
    """All standing faults, in the order of their coming."""

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)
        self._count = 0
        self.standing: list[Standing] = []

    def add(self, fault: Fault) -> int:
        self._count += 1
        self.standing.append(Standing(self._count, fault))
        return self._count

    def remove(self, number: int | None = None) -> None:
        """Remove one fault, or all."""
        self.standing = [one for one in self.standing if number not in {None, one.number}]

    def due(self, operation: Operation, body: bytes, point: Point) -> Act | None:
        """Tell what happens to a call at a point. Ask once for each point: asking counts."""
        for one in self.standing:
            if (
                one.fault.point is point
                and matches(one.fault.match, operation, body)
                and self._is_met(one)
            ):
                return one.fault.act
        return None

    def _is_met(self, one: Standing) -> bool:
        one.matched += 1
        used_up = one.fault.times is not None and one.applied >= one.fault.times
        if one.matched < one.fault.match.nth or used_up:
            return False
        if one.fault.probability < 1 and self._chance.random() >= one.fault.probability:
            return False
        one.applied += 1
        return True


def matches(match: Match, operation: Operation, body: bytes) -> bool:
    """Tell whether a call is one of those that are meant."""
    asked = (match.service, match.method, match.operation, match.name)
    given = (operation.service, operation.method, operation.operation, operation.name)
    same = all(want in (None, have) for want, have in zip(asked, given, strict=True))
    return same and match.key in operation.key and match.body.encode() in body
