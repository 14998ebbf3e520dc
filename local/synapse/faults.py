"""The faults of a request to the simulated workspace; asked for with `POST /_sim/faults`, as local/faults.py describes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from local import faults
from local.faults import Cut, Delay, Hold
from local.synapse.pipelines import Life, Pipeline
from local.synapse.routes import Operation
from local.synapse.workspace import dashed
from local.wire import Wire


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


class Silence(Wire):
    """Say nothing (more) until the client gives up."""

    do: Literal["silence"] = "silence"


class Live(Life):
    """The run that this createRun starts lives so; what is not given stays as its pipeline says."""

    do: Literal["live"] = "live"

    def changed(self, pipeline: Pipeline) -> Pipeline:
        given = self.model_fields_set - {"do"}
        return pipeline.model_copy(update={name: getattr(self, name) for name in given})


type Act = Annotated[Answer | Cut | Silence | Hold | Delay | Live, Field(discriminator="do")]


class Match(faults.Match):
    #: or any of several, as routes.MONITORING
    operation: Operation | frozenset[Operation] | None = None
    pipeline: str | None = None
    client_request_id: str | None = None
    run_id: str | None = None
    #: each named parameter has this value
    parameters: Mapping[str, Any] = Field(default_factory=dict)


class Fault(faults.Fault[Match, Point, Act]):
    match: Match = Match()
    point: Point = Point.RECEIVED

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
        asked = (self.match.operation, self.point)
        if isinstance(self.act, Live) and asked != (Operation.CREATE_RUN, Point.RECEIVED):
            msg = "a life is given to createRun, at received"
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


def matches(match: Match, facts: Facts) -> bool:
    operations = {match.operation} if isinstance(match.operation, str) else match.operation
    if operations is not None and facts.operation not in operations:
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
