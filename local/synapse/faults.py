"""The faults that requests meet, and which request meets which.

A fault is asked for with `POST /_sim/faults`: {"match": {"operation": "createRun", "nth": 2}, "point": "created",
"act": {"do": "cut", "how": "rst"}, "times": 1}. `match` names what the request must be (all of it; empty: any request),
`point` where it happens, `act` what, `times` to how many requests (null: until removed), `probability` how likely.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from local.synapse.routes import Operation
from local.synapse.wire import Wire
from local.synapse.workspace import dashed


class Point(StrEnum):
    """Where in a call; a client can tell some of them apart only by what happened to the run."""

    ACCEPTED = "accepted"  #: a connection was accepted, nothing was read
    HEADERS = "headers"  #: the request's head was read, its body not
    RECEIVED = "received"  #: all was read, nothing done
    CREATED = "created"  #: the run exists (or whatever was asked is done), nothing answered
    ANSWER_HEADERS = "answerHeaders"  #: the answer's head was sent
    ANSWER_BODY = "answerBody"  #: half of the answer's body was sent


EARLY = frozenset({Point.ACCEPTED, Point.HEADERS})
BEFORE_ANSWER = frozenset({Point.RECEIVED, Point.CREATED})


class Answer(Wire):
    """Answer this instead. `size` filler bytes follow the body; `byte_pause` seconds lie between any two bytes."""

    do: Literal["answer"] = "answer"
    status: int = 200
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: str | None = None  #: as it is
    content: Any = None  #: as JSON
    size: int = 0
    byte_pause: float = 0.0
    retry_after_date: float | None = (
        None  #: a Retry-After header: the HTTP date so many seconds ahead
    )


class Cut(Wire):
    """End the connection: with FIN as a server that closes, or with RST as one that crashed."""

    do: Literal["cut"] = "cut"
    how: Literal["rst", "fin"] = "rst"


class Silence(Wire):
    """Say nothing (more) until the client gives up."""

    do: Literal["silence"] = "silence"


class Hold(Wire):
    """Go no further until released, whether the client waits or not."""

    do: Literal["hold"] = "hold"


class Delay(Wire):
    """Go on later, whether the client still waits or not."""

    do: Literal["delay"] = "delay"
    seconds: float


type Act = Answer | Cut | Silence | Hold | Delay


class Match(Wire):
    operation: Operation | None = None
    pipeline: str | None = None
    client_request_id: str | None = None
    run_id: str | None = None
    #: each named parameter has this value
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    #: the first request that is met is the nth that matches
    nth: int = Field(default=1, ge=1)


class Fault(Wire):
    match: Match = Match()
    point: Point = Point.RECEIVED
    act: Annotated[Act, Field(discriminator="do")]
    times: int | None = Field(default=1, ge=1)
    probability: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if isinstance(self.act, Answer) and self.point not in BEFORE_ANSWER:
            msg = "an answer takes the place of another: its point is received or created"
            raise ValueError(msg)
        if self.match.parameters and self.point in EARLY:
            msg = "parameters are not known before the body was read"
            raise ValueError(msg)
        if self.point is Point.ACCEPTED and not isinstance(self.act, Cut | Silence):
            msg = "an accepted connection can only be cut or left in silence"
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What of a request a fault can ask for."""

    operation: Operation
    pipeline: str | None = None
    client_request_id: str | None = None
    run_id: str | None = None
    parameters: Mapping[str, Any] | None = None


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

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._count = 0
        self.standing: list[Standing] = []

    def __bool__(self) -> bool:
        return bool(self.standing)

    def add(self, fault: Fault) -> int:
        self._count += 1
        self.standing.append(Standing(self._count, fault))
        return self._count

    def remove(self, number: int | None) -> None:
        self.standing = [one for one in self.standing if number not in (None, one.number)]

    def due(self, facts: Facts, points: Iterable[Point]) -> list[Fault]:
        """Give the faults that meet this request at these points. Ask once for each point: asking counts."""
        return [
            one.fault
            for one in self.standing
            if one.fault.point in points and matches(one.fault.match, facts) and self._is_met(one)
        ]

    def _is_met(self, one: Standing) -> bool:
        one.matched += 1
        used_up = one.fault.times is not None and one.applied >= one.fault.times
        if one.matched < one.fault.match.nth or used_up:
            return False
        if one.fault.probability < 1 and self._chance.random() >= one.fault.probability:
            return False
        one.applied += 1
        return True


def matches(match: Match, facts: Facts) -> bool:
    if match.operation not in (None, facts.operation):
        return False
    if match.pipeline not in (None, facts.pipeline):
        return False
    same_call = _same_id(match.client_request_id, facts.client_request_id)
    return same_call and _same_id(match.run_id, facts.run_id) and _has(match.parameters, facts)


def _same_id(asked: str | None, given: str | None) -> bool:
    return asked is None or asked == given or (dashed(asked) or asked) == dashed(given)


def _has(asked: Mapping[str, Any], facts: Facts) -> bool:
    given = facts.parameters or {}
    return all(name in given and given[name] == value for name, value in asked.items())
