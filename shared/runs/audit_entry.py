"""The audit entry of a finished delivery: the caller, the request and the outcome."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.kernel.cloud_error import CloudError
from shared.redaction import patterns, redact as redaction
from shared.runs.caller import Caller
from shared.runs.delivery import Delivery, Source
from shared.runs.open_run import OpenRun
from shared.runs.outcome import End, RecordedOutcome
from shared.runs.record import Record
from shared.runs.request import Content, Rejection
from shared.runs.result import ResultStatus


class Event(StrEnum):
    """What an audit entry reports."""

    DELIVERY = "delivery"  #: the end of a delivery: `status`
    OUTCOME = "outcome"  #: the end of a run that was followed: `outcome`


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entity in `runaudit`; all of it is redacted."""

    at: datetime
    event: Event = Event.DELIVERY
    outcome: End | None = None  #: how the run ended
    request_id: str | None
    generation: int | None = None
    delivery_id: str
    source: Source
    #: the caller, by the first of its names in `access`; None for a later delivery that was answered
    #: through the queue
    principal: str | None
    pipeline_name: str | None = None
    workspace: str | None = None
    parameters: str | None = None  #: redacted JSON; None if AUDIT_PARAMETERS is none
    fingerprint: str | None = None
    status: ResultStatus
    run_id: str | None = None
    error: CloudError | None = None
    http_status: int | None = None
    service_request_id: str | None = None
    service_correlation_id: str | None = None
    client_request_id: str | None = None
    attempts: int = 0
    duplicate: bool
    duration_ms: int = 0
    correlation_id: str | None
    traceparent: str | None
    object_id: str | None = None  #: of the calling Entra user or service principal
    application_id: str | None = None  #: of the Entra application that was used
    caller_name: str | None = None  #: as in the token
    content: Content | None = None  #: size and hash of a message that could not be read


def of_answer(
    record: Record, delivery: Delivery, principal: str | None, now: datetime, *, parameters: bool
) -> AuditEntry:
    """Return the entry of a delivery whose request has a final record."""
    entry = _entry(delivery, principal, now, record.request_id, ResultStatus(record.status))
    return replace(
        entry,
        generation=record.generation,
        pipeline_name=patterns.cut(record.pipeline_name),
        workspace=record.workspace,
        parameters=_parameters(record) if parameters else None,
        fingerprint=record.fingerprint,
        run_id=record.run_id,
        error=record.error,
        http_status=record.http_status,
        service_request_id=record.service_request_id,
        service_correlation_id=record.service_correlation_id,
        client_request_id=record.client_request_id,
        attempts=record.attempts,
        duration_ms=milliseconds(record.received_at, record.finished_at or now),
    )


def of_rejection(
    rejection: Rejection, delivery: Delivery, principal: str | None, now: datetime
) -> AuditEntry:
    """Return the entry of a delivery whose request was rejected: of its content only size and hash are kept."""
    status = ResultStatus.FAILED if rejection.may_run else ResultStatus.REJECTED
    return replace(
        _entry(delivery, principal, now, rejection.request_id, status),
        pipeline_name=patterns.cut_optional(rejection.pipeline_name),
        workspace=patterns.cut_optional(rejection.workspace),
        error=redaction.without_looks(rejection.error),
        content=rejection.content,
    )


def of_outcome(recorded: RecordedOutcome, run: OpenRun) -> AuditEntry:
    """Return the entry of a run that has ended: the same each time it is told."""
    outcome = recorded.outcome
    delivery = run.delivery.model_copy(update={"id": recorded.delivery_id, "duplicate": False})
    at, request_id = recorded.recorded_at, outcome.request_id
    return replace(
        _entry(delivery, run.principal, at, request_id, ResultStatus.STARTED),
        event=Event.OUTCOME,
        outcome=outcome.outcome,
        generation=outcome.generation,
        pipeline_name=outcome.pipeline_name,
        workspace=outcome.workspace,
        run_id=outcome.run_id,
        error=outcome.error,
        duration_ms=outcome.duration_ms or 0,
    )


def of_open_run(run: OpenRun, at: datetime) -> AuditEntry:
    """Return what the audit would say of a run that has not ended: no `outcome` yet."""
    entry = _entry(run.delivery, run.principal, at, run.request_id, ResultStatus.STARTED)
    return replace(
        entry,
        event=Event.OUTCOME,
        generation=run.generation,
        pipeline_name=patterns.cut(run.pipeline_name),
        workspace=run.workspace,
        run_id=run.run_id,
    )


def _entry(
    delivery: Delivery,
    principal: str | None,
    now: datetime,
    request_id: str | None,
    status: ResultStatus,
) -> AuditEntry:
    caller = Caller.read(principal or "")
    return AuditEntry(
        at=now,
        request_id=request_id,
        delivery_id=delivery.id,
        source=delivery.source,
        principal=caller.principals[0] or None,
        status=status,
        duplicate=delivery.duplicate,
        correlation_id=delivery.correlation_id,
        traceparent=delivery.traceparent,
        object_id=caller.object_id,
        application_id=caller.application_id,
        caller_name=caller.name,
    )


def _parameters(record: Record) -> str | None:
    try:
        parameters = json.loads(record.request).get("parameters")
    except (AttributeError, ValueError):  # the record was edited by hand; its answer is still valid
        return None
    return None if parameters is None else json.dumps(parameters, ensure_ascii=False)


def milliseconds(since: datetime, until: datetime) -> int:
    """Return the time between, rounded; 0 if the clocks of two hosts disagree on the order."""
    return max(0, round((until - since).total_seconds() * 1000))
