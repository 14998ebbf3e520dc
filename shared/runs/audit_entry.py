"""The audit entry of a finished delivery: the caller, the request and the outcome."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from shared.kernel.cloud_error import CloudError
from shared.redaction import patterns, redact as redaction
from shared.runs.caller import Caller
from shared.runs.delivery import Delivery, Source
from shared.runs.open_run import OpenRun
from shared.runs.outcome import End, RecordedOutcome
from shared.runs.record import Record
from shared.runs.request import Content, Rejection
from shared.runs.result import Outcome


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
    generation: int | None
    delivery_id: str
    source: Source
    #: the caller, by the first of its names in `access`; None for a later delivery that was answered
    #: through the queue
    principal: str | None
    pipeline_name: str | None
    workspace: str | None
    parameters: str | None  #: redacted JSON; None if AUDIT_PARAMETERS is none
    fingerprint: str | None
    status: Outcome
    run_id: str | None
    error: CloudError | None
    http_status: int | None
    service_request_id: str | None
    service_correlation_id: str | None
    client_request_id: str | None
    attempts: int
    duplicate: bool
    duration_ms: int
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
    return AuditEntry(
        at=now,
        request_id=record.request_id,
        generation=record.generation,
        delivery_id=delivery.id,
        source=delivery.source,
        **_asked(principal),
        pipeline_name=patterns.cut(record.pipeline_name),
        workspace=record.workspace,
        parameters=_parameters(record) if parameters else None,
        fingerprint=record.fingerprint,
        status=Outcome(record.status),
        run_id=record.run_id,
        error=record.error,
        http_status=record.http_status,
        service_request_id=record.service_request_id,
        service_correlation_id=record.service_correlation_id,
        client_request_id=record.client_request_id,
        attempts=record.attempts,
        duplicate=delivery.duplicate,
        duration_ms=_milliseconds(record.received_at, record.finished_at or now),
        correlation_id=delivery.correlation_id,
        traceparent=delivery.traceparent,
    )


def of_rejection(
    rejection: Rejection, delivery: Delivery, principal: str | None, now: datetime
) -> AuditEntry:
    """Return the entry of a delivery whose request was rejected: of its content only size and hash are kept."""
    return AuditEntry(
        at=now,
        request_id=rejection.request_id,
        generation=None,
        delivery_id=delivery.id,
        source=delivery.source,
        **_asked(principal),
        pipeline_name=patterns.cut_optional(rejection.pipeline_name),
        workspace=patterns.cut_optional(rejection.workspace),
        parameters=None,
        fingerprint=None,
        status=Outcome.FAILED if rejection.may_run else Outcome.REJECTED,
        run_id=None,
        error=redaction.without_looks(rejection.error),
        http_status=None,
        service_request_id=None,
        service_correlation_id=None,
        client_request_id=None,
        attempts=0,
        duplicate=delivery.duplicate,
        duration_ms=0,
        correlation_id=delivery.correlation_id,
        traceparent=delivery.traceparent,
        content=rejection.content,
    )


def of_outcome(recorded: RecordedOutcome, run: OpenRun) -> AuditEntry:
    """Return the entry of a run that has ended: the same each time it is told."""
    outcome = recorded.outcome
    return AuditEntry(
        at=recorded.recorded_at,
        event=Event.OUTCOME,
        outcome=outcome.outcome,
        request_id=outcome.request_id,
        generation=outcome.generation,
        delivery_id=recorded.delivery_id,
        source=outcome.source,
        **_asked(run.principal),
        pipeline_name=outcome.pipeline_name,
        workspace=outcome.workspace,
        parameters=None,
        fingerprint=None,
        status=Outcome.STARTED,
        run_id=outcome.run_id,
        error=outcome.error,
        http_status=None,
        service_request_id=None,
        service_correlation_id=None,
        client_request_id=None,
        attempts=0,
        duplicate=False,
        duration_ms=outcome.duration_ms or 0,
        correlation_id=outcome.correlation_id,
        traceparent=outcome.traceparent,
    )


class _Asked(TypedDict):
    principal: str | None
    object_id: str | None
    application_id: str | None
    caller_name: str | None


def _asked(principal: str | None) -> _Asked:
    """Split the text by which a record keeps its caller."""
    caller = Caller.read(principal or "")
    return {
        "principal": caller.principals[0] or None,
        "object_id": caller.object_id,
        "application_id": caller.application_id,
        "caller_name": caller.name,
    }


def _parameters(record: Record) -> str | None:
    try:
        parameters = json.loads(record.request).get("parameters")
    except (AttributeError, ValueError):  # the record was edited by hand; its answer is still valid
        return None
    return None if parameters is None else json.dumps(parameters, ensure_ascii=False)


def _milliseconds(since: datetime, until: datetime) -> int:
    return max(0, round((until - since).total_seconds() * 1000))
