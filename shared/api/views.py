"""What callers see of a request and of the audit, with secrets replaced."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, JsonValue

from shared.gateway.outcome_view import OutcomeState, Stage
from shared.kernel.camel_model import CamelModel
from shared.kernel.cloud_error import CloudError
from shared.redaction import patterns, redact as redaction
from shared.runs import payload
from shared.runs.audit_entry import AuditEntry, Event
from shared.runs.audit_query import RunState, run_state
from shared.runs.delivery import Source
from shared.runs.outcome import End, RecordedOutcome
from shared.runs.record import FINAL, Record, Status
from shared.runs.result import ResultStatus


class _Shown(CamelModel):
    model_config = ConfigDict(from_attributes=True)

    def to_json(self) -> str:
        """Return the JSON text: camelCase names, absent fields left out."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


class ErrorBody(_Shown):
    """The body of every error response."""

    error: CloudError


class HistoryEntry(_Shown):
    """One line of a request's history."""

    at: datetime
    event: str
    detail: str


class GenerationOutcome(_Shown):
    """How the run of one generation of a request ended."""

    generation: int
    run_id: str
    outcome: End
    error: CloudError | None = None
    outcome_id: str
    run_group_id: str | None = None
    run_start: datetime | None = None
    run_end: datetime | None = None
    duration_ms: int | None = None
    monitor_url: str | None = None


class RunRecord(_Shown):
    """A request, its current state and its history. Values that look secret are replaced."""

    request_id: str
    generation: int
    status: Status
    run_id: str | None = None
    error: CloudError | None = None
    pipeline_name: str
    workspace: str
    parameters: dict[str, JsonValue] | None = None
    redacted: bool
    reference_pipeline_run_id: str | None = None
    is_recovery: bool | None = None
    start_activity_name: str | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    source: Source
    principal: str
    correlation_id: str | None = None
    traceparent: str | None = None
    attempts: int
    received_at: datetime
    changed_at: datetime
    first_sent_at: datetime | None = None
    finished_at: datetime | None = None
    fingerprint: str
    client_request_id: str
    http_status: int | None = None
    service_request_id: str | None = None
    service_correlation_id: str | None = None
    followed: bool
    outcomes: tuple[GenerationOutcome, ...] = ()
    history: tuple[HistoryEntry, ...]


class Waiting(_Shown):
    """An accepted request without a result yet; the result will come on the results queue."""

    request_id: str
    generation: int
    status: Literal[Status.WAITING]
    pipeline_name: str
    workspace: str
    attempts: int
    correlation_id: str | None = None


class OutcomeShown(_Shown):
    """What a caller that waits for an outcome gets, small enough for any of them.

    `error` stands at the top, where azure-core reads it. `outcome` is absent if the request started no run, and while it is
    open. `status` is that of the request; `Ended` if it has its end already when it is asked for again, since azure-core takes
    a first answer with `Failed` for the end.
    """

    request_id: str
    generation: int
    status: Status | Literal["Ended"] | None = None
    run_id: str | None = None
    outcome: End | None = None
    error: CloudError | None = None
    pipeline_name: str | None = None
    workspace: str | None = None
    correlation_id: str | None = None
    outcome_id: str | None = None
    run_group_id: str | None = None
    run_start: datetime | None = None
    run_end: datetime | None = None
    duration_ms: int | None = None
    monitor_url: str | None = None


class Operation(_Shown):
    """A long-running operation as Azure's guidelines have it: `id` is the requestId, `result` is that of a success."""

    id: str
    status: Stage
    error: CloudError | None = None
    result: OutcomeShown | None = None


class UnreadContent(_Shown):
    """What is kept of a message that could not be read: its size in bytes and its SHA-256 in hex."""

    length: int
    sha256: str


class AuditItem(_Shown):
    """The end of one delivery, or of one run that was followed."""

    at: datetime
    event: Event
    outcome: RunState | None = None
    status: ResultStatus
    request_id: str | None = None
    generation: int | None = None
    run_id: str | None = None
    error: CloudError | None = None
    pipeline_name: str | None = None
    workspace: str | None = None
    source: Source
    delivery_id: str
    principal: str | None = None
    attempts: int
    duplicate: bool
    duration_ms: int
    fingerprint: str | None = None
    client_request_id: str | None = None
    http_status: int | None = None
    service_request_id: str | None = None
    service_correlation_id: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    content: UnreadContent | None = None


class AuditList(_Shown):
    """One page of the audit, newest first. A page may be short; one without a token is the last."""

    value: tuple[AuditItem, ...]
    continuation_token: str | None = None


async def show(record: Record, outcomes: Sequence[RecordedOutcome] = ()) -> RunRecord:
    """Show a request with the ends of its runs. Raises `RecordUnreadable` if the stored request was edited by hand."""
    request = payload.read(record)
    kept = await redaction.redact(request.parameters or {})
    own = {name: getattr(record, name) for name in RunRecord.model_fields if hasattr(record, name)}
    asked = {
        name: getattr(request, name)
        for name in RunRecord.model_fields
        if name not in own and hasattr(request, name)
    }
    delivery = record.delivery
    return RunRecord.model_validate(
        asked
        | own
        | {
            "start_activity_name": patterns.cut_optional(request.start_activity_name),
            "parameters": kept.value if request.parameters is not None else None,
            "redacted": record.redacted or kept.changed,
            "source": delivery.source,
            "correlation_id": delivery.correlation_id,
            "traceparent": delivery.traceparent,
            "outcomes": [recorded.outcome for recorded in outcomes],
        }
    )


def waiting(record: Record) -> Waiting:
    """Show a request that has no result yet."""
    return Waiting(
        request_id=record.request_id,
        generation=record.generation,
        status=Status.WAITING,
        pipeline_name=record.pipeline_name,
        workspace=record.workspace,
        attempts=record.attempts,
        correlation_id=record.delivery.correlation_id,
    )


def accepted(record: Record) -> OutcomeShown:
    """Show a request whose outcome is promised."""
    ended = record.status in FINAL and record.status is not Status.STARTED
    return OutcomeShown(
        request_id=record.request_id,
        generation=record.generation,
        status="Ended" if ended else record.status,
        run_id=record.run_id,
        correlation_id=record.delivery.correlation_id,
    )


def outcome(state: OutcomeState) -> OutcomeShown:
    """Show how far a request has come."""
    told = OutcomeShown.model_validate(state.outcome) if state.outcome else None
    own = {name: getattr(state, name) for name in ("status", "run_id", "error")}
    if told:
        return told.model_copy(update=own)
    return OutcomeShown(
        request_id=state.request_id,
        generation=state.generation,
        correlation_id=state.correlation_id,
        **own,
    )


def operation(state: OutcomeState) -> Operation:
    """Show the same as a long-running operation."""
    succeeded = state.stage is Stage.SUCCEEDED
    return Operation(
        id=state.request_id,
        status=state.stage,
        error=state.error,
        result=outcome(state) if succeeded else None,
    )


def audited(entries: Sequence[AuditEntry], token: str | None) -> AuditList:
    """Show one page of the list."""
    items = (
        AuditItem.model_validate(entry).model_copy(update={"outcome": run_state(entry)})
        for entry in entries
    )
    return AuditList(value=tuple(items), continuation_token=token)
