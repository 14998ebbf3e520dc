"""The faults of a call to the storage service; asked for with `POST /_proxy/faults`, as local/faults.py describes.

A call meets at most one fault at each point: the first that is due.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from local import faults
from local.faults import Cut, Delay, Hold
from local.storage_proxy.operation import Operation, Service
from local.wire import Wire


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


type Act = Annotated[Answer | Cut | Hold | Delay, Field(discriminator="do")]

BUSY = Answer()
REFUSED = Answer(status=403, code="AuthorizationPermissionMismatch")


class Match(faults.Match):
    """What a call must be."""

    service: Service | None = None
    method: str | None = None
    operation: str | None = None
    name: str | None = None  #: of the queue or table
    key: str = ""  #: a part of the message id, or of the entity's keys
    body: str = ""  #: a part of the request's body


class Fault(faults.Fault[Match, Point, Act]):
    """What is to happen to which calls."""

    match: Match = Match()
    point: Point = Point.RECEIVED


def matches(match: Match, call: tuple[Operation, bytes]) -> bool:
    """Tell whether a call, by its operation and body, is one of those that are meant."""
    operation, body = call
    asked = (match.service, match.method, match.operation, match.name)
    given = (operation.service, operation.method, operation.operation, operation.name)
    same = all(want in (None, have) for want, have in zip(asked, given, strict=True))
    return same and match.key in operation.key and match.body.encode() in body
