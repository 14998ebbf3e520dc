"""The record of a request, and its transitions.

    claim ──→ Starting ──→ Started | Failed
                 │ ├─────→ Waiting ──→ Starting again | Rejected | Failed (withdrawn ──→ opened again)
                 │ └─────→ Unknown ──→ Started | Waiting or Starting again | Failed
                 └ a lapsed lease is Unknown too

Every function here is pure: (record, event, now) → the next record.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.kernel.cloud_error import CloudError, Code
from shared.runs.delivery import Delivery
from shared.runs.identity import client_request_id, fingerprint
from shared.runs.request import RunRequest
from shared.synapse.reply import NOTHING, Wire

HISTORY_LENGTH: Final = 24


class Status(StrEnum):
    """The state of a request; the last three are final."""

    STARTING = "Starting"  #: a lease is held; createRun may be in flight
    WAITING = "Waiting"  #: no call is in flight; to be tried when it is due
    UNKNOWN = "Unknown"  #: createRun was sent and its answer was lost
    STARTED = "Started"  #: the run exists
    FAILED = "Failed"  #: Synapse refused it, or the tries ran out
    REJECTED = "Rejected"  #: never sent to Synapse


FINAL: Final = frozenset({Status.STARTED, Status.FAILED, Status.REJECTED})


class Reason(StrEnum):
    """Why the answer of a request is deferred. Of a waiting request, the event of its last entry in the history."""

    IN_PROGRESS = "inProgress"  #: another delivery holds the request
    ANSWER_LOST = "answerLost"  #: whether a run was started is not known yet
    NOT_BEFORE = "notBefore"  #: its time has not come
    ACCEPTED = "accepted"  #: left to the queue, to start at once
    THROTTLED = "throttled"  #: the workspace answered 429
    RESTING = "resting"  #: the workspace answered 429 to another request
    CROWDED = "crowded"  #: too many calls are in progress
    NOT_SENT = "notSent"  #: no token, or no connection
    SEND_AGAIN = "sendAgain"  #: its answer was lost, and no run exists
    WAITING = "waiting"  #: anything else


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a record's history."""

    at: datetime
    event: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A workspace: its name in the configuration, and its endpoint."""

    name: str
    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One request: the entity in `runs`.

    Times are aware and in UTC by the writing host's clock, for people to read. Durations that matter (leases, waits,
    settling) are measured by the storage service's clock: see `ports.VersionedRecord.age`.
    """

    request_id: str
    generation: int = 1
    status: Status
    pipeline_name: str
    workspace: str  #: the name in the configuration
    endpoint: str  #: of that workspace when the request was claimed
    request: bytes  #: the RunRequest as UTF-8 JSON; redacted once the state is final
    redacted: bool = False  #: whether a value was cut out of `request`
    fingerprint: str
    client_request_id: str
    nonce: str | None = None  #: drawn at the claim; None if an earlier version claimed it
    delivery: Delivery  #: the first one, which is owed the answer of this generation
    principal: str  #: the caller
    followed: bool = False  #: whether its run is followed to its end, as decided at the claim
    received_at: datetime
    changed_at: datetime
    finished_at: datetime | None = None
    first_sent_at: datetime | None = None
    #: seconds from the first send to the last write: the sum of the record's ages, so that no two hosts' clocks are compared
    sent_seconds: float = 0.0
    #: a send with an unknown outcome was followed by another: UNKNOWN_OUTCOME=resend
    may_run: bool = False
    attempts: int = 0
    wait_seconds: float = 0.0  #: while Waiting: the age in seconds at which the record is due
    waits: int = 0  #: how often it has waited, in this generation
    #: withdrawn: the seconds after which its caller may ask again; None for any other record
    retry_after: float | None = None
    run_id: str | None = None
    error: CloudError | None = None  #: of the final state, or the last one so far
    http_status: int | None = None
    service_request_id: str | None = None
    service_correlation_id: str | None = None
    history: tuple[Entry, ...] = ()  #: for people to read; nothing is decided by it


def claim(
    request: RunRequest,
    place: Place,
    delivery: Delivery,
    principal: str,
    now: datetime,
    *,
    nonce: str,
) -> Record:
    """Return the first record of a request: Starting, with a lease."""
    return Record(
        request_id=request.request_id,
        status=Status.STARTING,
        pipeline_name=request.pipeline_name,
        workspace=place.name,
        endpoint=place.endpoint,
        request=request.to_json(),
        fingerprint=fingerprint(request, place.endpoint),
        client_request_id=client_request_id(place.endpoint, request.request_id, 1, nonce),
        nonce=nonce,
        delivery=delivery,
        principal=principal,
        received_at=now,
        changed_at=now,
        history=(Entry(at=now, event="claimed", detail=f"{delivery.source} {delivery.id}"),),
    )


def take(record: Record, now: datetime) -> Record:
    """Resume a Waiting request, or send an Unknown one again: Starting, with a lease."""
    return _next(record, Status.STARTING, now, "taken")


def aged(after: Record, before: Record, age: float) -> Record:
    """Return `after` with the time since the first send increased by the age of the record it replaces."""
    if before.first_sent_at is None or after.first_sent_at is None:
        return after
    return replace(after, sent_seconds=before.sent_seconds + age)


def wait(record: Record, seconds: float, reason: Reason, now: datetime, detail: str = "") -> Record:
    """Let a request wait; no call is in flight."""
    waiting = _next(record, Status.WAITING, now, reason, detail, wait_seconds=seconds)
    return replace(waiting, waits=record.waits + 1)


def send_again(record: Record, why: str, now: datetime, *, may_run: bool) -> Record:
    """Let a request whose answer was lost be sent again immediately."""
    doubtful = replace(record, may_run=record.may_run or may_run)
    return wait(doubtful, 0.0, Reason.SEND_AGAIN, now, why)


def throttle(
    record: Record, seconds: float, error: CloudError, now: datetime, wire: Wire = NOTHING
) -> Record:
    """Let a throttled request wait. A 429 counts as a send, but not as an attempt."""
    sent = replace(_with_wire(record, wire), first_sent_at=record.first_sent_at or now, error=error)
    return wait(sent, seconds, Reason.THROTTLED, now, f"for {seconds:.1f} s")


def retry(record: Record, seconds: float, error: CloudError, now: datetime) -> Record:
    """Let a request whose call was never sent wait. It counts as an attempt, but not as a send."""
    tried = replace(record, attempts=record.attempts + 1, error=error)
    return wait(tried, seconds, Reason.NOT_SENT, now, error.message)


def lose(record: Record, error: CloudError, now: datetime, wire: Wire = NOTHING) -> Record:
    """Record that createRun may have been sent and its answer was lost."""
    lost = replace(
        _with_wire(record, wire),
        attempts=record.attempts + 1,
        first_sent_at=record.first_sent_at or record.changed_at,
        error=error,
    )
    return _next(lost, Status.UNKNOWN, now, "answer lost", error.message)


def start(record: Record, run_id: str, how: str, now: datetime, wire: Wire = NOTHING) -> Record:
    """Record the run. `how` is the source of its id: the answer, a look, or an operator."""
    attempts = record.attempts + (record.status is Status.STARTING)
    known = replace(
        _with_wire(record, wire),
        run_id=run_id,
        error=None,
        attempts=attempts,
        first_sent_at=record.first_sent_at or record.changed_at,
    )
    return _finish(known, Status.STARTED, now, how, run_id)


def fail(record: Record, error: CloudError, now: datetime, wire: Wire = NOTHING) -> Record:
    """Record that Synapse refused the request, or that its tries ran out."""
    attempts = record.attempts + (record.status is Status.STARTING)
    refused = replace(
        _with_wire(record, wire),
        error=error,
        attempts=attempts,
        first_sent_at=record.first_sent_at or (now if wire.http_status else None),
    )
    return _finish(refused, Status.FAILED, now, error.code, error.message)


def reject(record: Record, error: CloudError, now: datetime) -> Record:
    """Record that a request was never sent, and will not be."""
    return _finish(replace(record, error=error), Status.REJECTED, now, error.code, error.message)


def stop(record: Record, error: CloudError, now: datetime) -> Record:
    """End a Waiting request: Rejected if it was never sent, else Failed."""
    return (reject if record.first_sent_at is None else refuse)(record, error, now)


def ask_to_cancel(record: Record, principal: str, now: datetime) -> Record:
    """Record who asked to cancel the run of a request; how it ends is the run's outcome."""
    entry = Entry(at=now, event="cancelling", detail=principal[:300])
    return replace(record, changed_at=now, history=_shortened((*record.history, entry)))


def refuse(record: Record, error: CloudError, now: datetime, wire: Wire = NOTHING) -> Record:
    """Record why a request will not be sent again: Synapse's refusal, a policy, a limit.

    With UNKNOWN_OUTCOME=resend an earlier send may have started a run; the outcome is then unknown.
    """
    if not record.may_run:
        return fail(record, error, now, wire)
    message = f"An earlier send may have started run {record.client_request_id}: {error.message}"
    doubt = CloudError(code=Code.OUTCOME_UNKNOWN, message=message, details=(error,))
    return fail(record, doubt, now, wire)


def withdraw(record: Record, error: CloudError, seconds: float, now: datetime) -> Record:
    """End a Waiting request; its caller gets the answer that nothing was started, and that it may ask again.

    The same id opens it again: see `reopen`. It is Failed even if it was never sent: readers need not know why.
    """
    why = f"{error.code}: {error.message}"
    done = _finish(replace(record, error=error), Status.FAILED, now, "withdrawn", why)
    return replace(done, retry_after=seconds)


def is_withdrawn(record: Record) -> bool:
    """Return whether a request ended only because its caller was asked to repeat it."""
    return record.status is Status.FAILED and record.retry_after is not None


def reopen(
    record: Record, request: RunRequest, delivery: Delivery, principal: str, now: datetime
) -> Record:
    """Open a withdrawn request again for a new caller, in the same generation.

    Nothing was started, so there are no two runs to distinguish: it keeps its client request id, and if a 429 was
    ever answered for a run that exists, Synapse finds that run by it. Its limits start anew.
    """
    place = Place(name=record.workspace, endpoint=record.endpoint)
    fresh = replace(
        claim(request, place, delivery, principal, now, nonce=""),
        generation=record.generation,
        followed=record.followed,
        fingerprint=record.fingerprint,
        client_request_id=record.client_request_id,
        nonce=record.nonce,
        history=record.history,
    )
    why = f"for {delivery.source} {delivery.id}"
    return _next(fresh, Status.WAITING, now, "opened again", why)


def rerun(
    record: Record,
    request: RunRequest,
    delivery: Delivery,
    principal: str,
    now: datetime,
    *,
    nonce: str,
) -> Record:
    """Open a finished request again as its next generation, with a run of its own.

    `nonce` is used only if the record has none.
    """
    generation, nonce = record.generation + 1, record.nonce or nonce
    place = Place(name=record.workspace, endpoint=record.endpoint)
    fresh = replace(
        claim(request, place, delivery, principal, now, nonce=nonce),
        generation=generation,
        followed=record.followed,
        # Of the first request, without a recovery's own fields: a repetition of it is answered with the newest run.
        fingerprint=record.fingerprint,
        # Only for a recovery: an ordinary rerun brings every value again.
        redacted=record.redacted and request.is_recovery is True,
        client_request_id=client_request_id(record.endpoint, record.request_id, generation, nonce),
        history=record.history,
    )
    why = f"generation {generation} for {delivery.source} {delivery.id}"
    return _next(fresh, Status.WAITING, now, "rerun", why)


def _with_wire(record: Record, wire: Wire) -> Record:
    if wire == NOTHING:
        return record
    return replace(
        record,
        http_status=wire.http_status,
        service_request_id=wire.request_id,
        service_correlation_id=wire.correlation_id,
    )


def _finish(record: Record, status: Status, now: datetime, event: str, detail: str) -> Record:
    return _next(record, status, now, event, detail, finished_at=now)


def _next(
    record: Record,
    status: Status,
    now: datetime,
    event: str,
    detail: str = "",
    *,
    wait_seconds: float = 0.0,
    finished_at: datetime | None = None,
) -> Record:
    entry = Entry(at=now, event=event, detail=detail[:300])
    return replace(
        record,
        status=status,
        changed_at=now,
        finished_at=finished_at,
        wait_seconds=wait_seconds,
        retry_after=None,
        history=_shortened((*record.history, entry)),
    )


def _shortened(history: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the first and the last entries, so that the beginning is always kept."""
    if len(history) <= HISTORY_LENGTH:
        return history
    return (*history[:4], *history[4 - HISTORY_LENGTH :])
