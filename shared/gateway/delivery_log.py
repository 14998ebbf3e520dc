"""The log lines of a request: one ends each delivery, one says that an answer is deferred and why.

Others say that Synapse throttled it, that createRun's answer was lost, and how that was settled.
"""

import logging
from datetime import datetime
from typing import Final

from shared.kernel import log_line
from shared.kernel.cloud_error import Code
from shared.redaction import patterns
from shared.runs.audit_entry import AuditEntry, milliseconds
from shared.runs.delivery import Delivery
from shared.runs.record import Reason, Record, Status
from shared.runs.request import Rejection, Resume, RunRequest
from shared.runs.result import RunResult

# Codes that an operator should look at; all other failures are for the sender to correct.
_ALARMING: Final = frozenset(
    {Code.OUTCOME_UNKNOWN, Code.RETRIES_EXHAUSTED, Code.DELIVERY_EXHAUSTED}
)


#: What became of a request whose answer was lost.
_SETTLED: Final = {Status.STARTED: "found", Status.WAITING: "sendAgain", Status.FAILED: "failed"}


def ended(result: RunResult, entry: AuditEntry, *, followed: bool) -> None:
    """Write the line that ends a delivery; `followed`: a line on the end of its run comes later."""
    code = result.error.code if result.error else None
    to_started = milliseconds(result.received_at, result.finished_at) if result.run_id else None
    level = logging.ERROR if code in _ALARMING else logging.WARNING if code else logging.INFO
    log_line.write(
        level,
        "delivery_ended",
        requestId=result.request_id,
        generation=result.generation,
        status=result.status,
        runId=result.run_id,
        code=code,
        httpStatus=entry.http_status,
        attempt=result.attempts,
        toStartedMs=to_started,
        totalMs=milliseconds(result.received_at, entry.at),
        pipelineName=result.pipeline_name,
        workspace=result.workspace,
        source=result.source,
        deliveryId=patterns.cut(entry.delivery_id),
        duplicate=result.duplicate,
        followed=(followed and result.run_id is not None) or None,
    )


def deferred(record: Record, delivery: Delivery, seconds: float, now: datetime) -> None:
    """Write the line of a delivery whose answer will come later: the request is taken up in `seconds`."""
    log_line.write(
        logging.INFO,
        "delivery_deferred",
        requestId=record.request_id,
        generation=record.generation,
        status=record.status,
        reason=_reason(record),
        seconds=round(seconds, 1),
        attempt=record.attempts,
        totalMs=milliseconds(record.received_at, now),
        pipelineName=patterns.cut(record.pipeline_name),
        workspace=record.workspace,
        source=delivery.source,
        deliveryId=patterns.cut(delivery.id),
    )


def settled(before: Record, after: Record) -> None:
    """Write what an operator should know of a recorded transition; nothing for most of them."""
    was_lost, is_lost = before.status is Status.UNKNOWN, after.status is Status.UNKNOWN
    is_throttled = after.history[-1].event == Reason.THROTTLED
    if not (was_lost or is_lost or is_throttled):
        return
    log_line.write(
        logging.WARNING,
        "answer_settled" if was_lost else "answer_lost" if is_lost else "throttled",
        requestId=after.request_id,
        generation=after.generation,
        outcome=_SETTLED.get(after.status, after.status) if was_lost else None,
        runId=after.run_id,
        clientRequestId=after.client_request_id if is_lost else None,
        code=after.error.code if after.error else None,
        httpStatus=after.http_status,
        attempt=after.attempts,
        seconds=round(after.wait_seconds, 1) if is_throttled else None,
        sinceLostMs=milliseconds(before.changed_at, after.changed_at) if was_lost else None,
        workspace=after.workspace,
    )


def poisoned(delivery_id: str, message: RunRequest | Resume | Rejection | None) -> None:
    """Write that the platform gave up on a message; None if it holds an event."""
    named = message.resume if isinstance(message, Resume) else message and message.request_id
    log_line.write(
        logging.ERROR,
        "poison_received",
        requestId=named,
        round=message.rounds if isinstance(message, Resume) else None,
        deliveryId=delivery_id,
    )


def _reason(record: Record) -> Reason:
    if record.status is Status.STARTING:
        return Reason.IN_PROGRESS
    if record.status is Status.UNKNOWN:
        return Reason.ANSWER_LOST
    event = record.history[-1].event if record.history else ""
    return Reason(event) if event in Reason else Reason.WAITING
