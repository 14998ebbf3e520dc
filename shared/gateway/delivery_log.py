"""The log line that ends each delivery."""

import logging
from datetime import datetime
from typing import Final

from shared.kernel import log_line
from shared.kernel.cloud_error import Code
from shared.runs.audit_entry import milliseconds
from shared.runs.result import RunResult

# Codes that an operator should look at; all other failures are for the sender to correct.
_ALARMING: Final = frozenset(
    {Code.OUTCOME_UNKNOWN, Code.RETRIES_EXHAUSTED, Code.DELIVERY_EXHAUSTED}
)


def ended(result: RunResult, now: datetime) -> None:
    """Write the line that ends a delivery."""
    code = result.error.code if result.error else None
    to_started = milliseconds(result.received_at, result.finished_at) if result.run_id else None
    level = logging.ERROR if code in _ALARMING else logging.WARNING if code else logging.INFO
    log_line.write(
        level,
        "delivery_ended",
        requestId=result.request_id,
        status=result.status,
        runId=result.run_id,
        code=code,
        attempt=result.attempts,
        toStartedMs=to_started,
        totalMs=milliseconds(result.received_at, now),
        source=result.source,
        duplicate=result.duplicate,
    )
