"""Metrics: what is counted and measured, with units. Dimensions are configured or validated values, never ids."""

import re
from typing import Final

from opentelemetry import metrics

from shared.adapters.telemetry.spans import SCOPE

_METER: Final = metrics.get_meter(SCOPE)

#: Seconds. From a call within a process to a run that waited for its time.
_LONG: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)
_SHORT: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

ENDED: Final = _METER.create_counter(
    "run_gateway.requests.ended",
    unit="{request}",
    description="Deliveries that have their answer.",
)
TIME_TO_STARTED: Final = _METER.create_histogram(
    "run_gateway.time_to_started",
    unit="s",
    description="From a request's arrival until its run exists.",
    explicit_bucket_boundaries_advisory=_LONG,
)
LOST: Final = _METER.create_counter(
    "run_gateway.answers.lost",
    unit="{request}",
    description="Calls of createRun whose answer was lost.",
)
SETTLED: Final = _METER.create_counter(
    "run_gateway.answers.settled",
    unit="{request}",
    description="Lost answers that were settled.",
)
THROTTLED: Final = _METER.create_counter(
    "run_gateway.throttled",
    unit="s",
    description="Seconds for which requests were made to wait by a 429.",
)
RUNS_ENDED: Final = _METER.create_counter(
    "run_gateway.runs.ended",
    unit="{run}",
    description="Followed runs whose end is reported.",
)
RUN_DURATION: Final = _METER.create_histogram(
    "run_gateway.run.duration",
    unit="s",
    description="How long followed runs took, the time in Synapse's queue included.",
    explicit_bucket_boundaries_advisory=_LONG,
)
# OpenTelemetry's conventions name these three.
HTTP: Final = _METER.create_histogram(
    "http.client.request.duration",
    unit="s",
    description="Calls of Synapse.",
    explicit_bucket_boundaries_advisory=_SHORT,
)
TABLES: Final = _METER.create_histogram(
    "db.client.operation.duration",
    unit="s",
    description="Calls of table storage.",
    explicit_bucket_boundaries_advisory=_SHORT,
)
QUEUES: Final = _METER.create_histogram(
    "messaging.client.operation.duration",
    unit="s",
    description="Calls of queue storage.",
    explicit_bucket_boundaries_advisory=_SHORT,
)

_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")


def code(found: str | None) -> str:
    """Return an error's code as a dimension: the gateway's or Synapse's, if it has the form of one."""
    if found is None:
        return "None"
    return found if _CODE.fullmatch(found) else "Other"
