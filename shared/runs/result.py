"""The message on the queue `run-results`."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.kernel import strict_json
from shared.kernel.camel_model import CamelModel
from shared.kernel.cloud_error import CloudError
from shared.redaction import patterns, redact as redaction
from shared.runs.delivery import Delivery, Source
from shared.runs.identity import rejection_id, result_id
from shared.runs.record import Record
from shared.runs.request import Rejection

# In base64, 64 KiB: the limit of a queue message (learn, storage/queues/scalability-targets).
MAX_BYTES: Final = 48 * 1024


class ResultStatus(StrEnum):
    """How a request ended."""

    STARTED = "Started"  #: the run exists: `runId`
    REJECTED = "Rejected"  #: never sent to Synapse: `error`
    FAILED = "Failed"  #: Synapse refused it, or the tries ran out: `error`


class RunResult(CamelModel):
    """One message on `run-results`: camelCase, without absent fields."""

    result_id: str
    request_id: str | None = None
    generation: int | None = None
    status: ResultStatus
    run_id: str | None = None
    error: CloudError | None = None
    pipeline_name: str | None = None
    workspace: str | None = None
    attempts: int = 0
    duplicate: bool = False
    source: Source
    correlation_id: str | None = None
    traceparent: str | None = None
    received_at: datetime
    finished_at: datetime

    def to_json(self) -> str:
        """Return the message: one JSON object (the platform would split an array) of at most 48 KiB."""
        return next(text for text in map(_dump, self._shorter()) if len(text.encode()) <= MAX_BYTES)

    def _shorter(self) -> Iterator["RunResult"]:
        yield self
        for error in shorter(self.error):
            yield self.model_copy(update={"error": error})


def answer(record: Record, delivery: Delivery) -> RunResult:
    """Return the result for a delivery whose request has a final record."""
    news = record.run_id or (record.error.code if record.error else "")
    return RunResult(
        result_id=result_id(record.request_id, record.generation, f"{record.status} {news}"),
        request_id=record.request_id,
        generation=record.generation,
        status=ResultStatus(record.status),
        run_id=record.run_id,
        error=record.error,
        pipeline_name=patterns.cut(record.pipeline_name),
        workspace=record.workspace,
        attempts=record.attempts,
        duplicate=delivery.duplicate,
        source=delivery.source,
        correlation_id=delivery.correlation_id,
        traceparent=delivery.traceparent,
        received_at=record.received_at,
        finished_at=record.finished_at or record.changed_at,
    )


def turn_away(rejection: Rejection, delivery: Delivery, now: datetime) -> RunResult:
    """Return the result for a delivery whose request was rejected without a record."""
    return RunResult(
        result_id=rejection_id(
            delivery.source, delivery.id, rejection.request_id, rejection.error.code
        ),
        request_id=rejection.request_id,
        status=ResultStatus.FAILED if rejection.may_run else ResultStatus.REJECTED,
        error=redaction.without_looks(rejection.error),
        pipeline_name=patterns.cut_optional(rejection.pipeline_name),
        workspace=patterns.cut_optional(rejection.workspace),
        source=delivery.source,
        correlation_id=delivery.correlation_id,
        traceparent=delivery.traceparent,
        received_at=now,
        finished_at=now,
    )


def shorter(error: CloudError | None) -> Iterator[CloudError]:
    """Yield shorter and shorter forms of an error, each of which says that it was cut."""
    if error is None:
        return
    kept = len(error.details)
    while kept:
        kept //= 2
        yield _cut(error, kept)
    short = _cut(error, 0).model_copy(update={"target": None})
    yield short.model_copy(update={"message": short.message[:2000] + " (cut)"})


def _dump(result: RunResult) -> str:
    # Escaped for the queue first: a text escaped after it was measured might not fit.
    return strict_json.for_xml(result.model_dump_json(by_alias=True, exclude_none=True))


def _cut(error: CloudError, kept: int) -> CloudError:
    left_out = len(error.details) - kept
    message = f"{error.message} ({left_out} details were left out for length.)"
    return error.model_copy(update={"message": message, "details": error.details[:kept]})
