"""The log line that ends the following of a run."""

import logging
from datetime import datetime

from shared.kernel import log_line
from shared.kernel.cloud_error import CloudError
from shared.runs.outcome import End, RunOutcome


def ended(outcome: RunOutcome, now: datetime) -> None:
    """Write the line: `runMs` is how long the run took, `toldMs` how long after its end it is told."""
    level = logging.INFO if outcome.outcome in {End.SUCCEEDED, End.CANCELLED} else logging.WARNING
    end = outcome.run_end
    log_line.write(
        level,
        "outcome_ended",
        requestId=outcome.request_id,
        generation=outcome.generation,
        outcome=outcome.outcome,
        runId=outcome.run_id,
        pipelineName=outcome.pipeline_name,
        workspace=outcome.workspace,
        code=_code(outcome.error),
        runMs=outcome.duration_ms,
        toldMs=None if end is None else max(0, round((now - end).total_seconds() * 1000)),
        source=outcome.source,
    )


def _code(error: CloudError | None) -> str | None:
    """Return the code of the activity that failed first of all, or what is known instead."""
    if error is None:
        return None
    return error.details[0].code if error.details else error.code
