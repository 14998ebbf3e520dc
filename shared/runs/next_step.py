"""The next step for a record, by its state and its age."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.kernel.cloud_error import CloudError, Code
from shared.runs.record import Record, Status
from shared.runs.request import RunRequest

GIVE_UP_AFTER: Final = 24 * 3600.0  # seconds since the first send, by the storage service's time


@dataclass(frozen=True, slots=True)
class Answer:
    """The record is final: answer with it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Another process holds the record, or it is not due: look again in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Lapsed:
    """The lease has expired: whether createRun was sent is unknown."""


@dataclass(frozen=True, slots=True)
class Due:
    """The request may be sent."""


@dataclass(frozen=True, slots=True)
class Reconcile:
    """The answer of createRun was lost: find out whether the run exists."""


Step = Answer | Wait | Lapsed | Due | Reconcile


def next_step(record: Record, age: float, lease: float) -> Step:
    """Return the next step for a record that was last written `age` seconds ago."""
    match record.status:
        case Status.STARTED | Status.FAILED | Status.REJECTED:
            return Answer()
        case Status.STARTING:
            # Its holder will most likely finish soon; each wait at most doubles the age.
            return Lapsed() if age >= lease else Wait(min(lease - age, max(1.0, age)))
        case Status.WAITING:
            return Due() if age >= record.wait_seconds else Wait(record.wait_seconds - age)
        case Status.UNKNOWN:
            return Reconcile()


def limit_reached(
    record: Record, request: RunRequest, now: datetime, age: float, max_attempts: int
) -> CloudError | None:
    """Return why a Waiting request, last written `age` seconds ago, may no longer be sent; None while it may."""
    code = Code.RETRIES_EXHAUSTED
    if request.expires_at is not None and now >= request.expires_at:
        message = f"The request expired at {request.expires_at.isoformat()}."
        code = code if record.first_sent_at else Code.REQUEST_EXPIRED
    elif record.attempts >= max_attempts:
        message = f"The request was tried {record.attempts} times."
    elif record.first_sent_at is not None and record.sent_seconds + age >= GIVE_UP_AFTER:
        message = "The request was first sent more than 24 hours ago."
    else:
        return None
    last = (record.error,) if record.error else ()
    return CloudError(code=code, message=message, details=last)
