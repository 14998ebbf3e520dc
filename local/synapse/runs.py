"""Tells where a run stands at a given moment.

Nothing ticks: a run is a plan made when it is created, and its status is read off the clock. Shapes and order of fields
are those of test_pipeline.yaml (Azure/azure-cli) and TestGet.json (Azure/azure-sdk-for-net); null or "" in `message`, and
runEnd and durationInMs null until the end, of TestPipelineRunV2.json (Azure/azure-powershell).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from local.synapse.activity import Activity
from local.synapse.wire import NEVER, stamp

MILLISECOND = 1_000_000
QUEUE_LENGTH = 100
#: MicrosoftDocs/azure-docs #85538: a failure of the run, not of the call
THROTTLED = (
    "Pipeline execution throttled. If the concurrency value is set for a pipeline, a maximum of 100 runs will be"
    " queued for execution."
)


class Status(StrEnum):
    QUEUED = "Queued"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELING = "Canceling"  #: one l: the service's own spelling
    CANCELLED = "Cancelled"  #: and two
    CANCELED = "Canceled"  #: never recorded, but read by clients: see pipelines.Outcome
    UNCERTAIN = "Uncertain"  #: the same


OPEN = frozenset({Status.QUEUED, Status.IN_PROGRESS, Status.CANCELING})


@dataclass(slots=True, kw_only=True, eq=False)
class Run:
    """One run and its plan. Times are those of SECOND; NEVER stands for what doesn't happen."""

    run_id: str
    group_id: str
    pipeline: str
    parameters: dict[str, str]
    invoked_by: str
    created: int
    starts: int
    ends: int
    outcome: Status
    message: str
    visible: int  #: from when GET and query find it
    cancel_takes: int
    cancel_outcome: Status = Status.CANCELLED
    #: how many runs were started before it
    serial: int = 0
    #: when it would start if no other run stood in its way, and how long it then takes
    ready: int = 0
    takes: int = 0
    #: what its texts say of its parameters
    quoted: str = ""
    activities: tuple[Activity, ...] = ()
    #: the query shows each change so much later
    lag: int = 0
    activity_lag: int = 0
    origin: str = "createRun"  #: or "others": somebody else's
    client_request_id: str | None = None
    reference: str | None = None
    start_activity: str | None = None
    is_latest: bool = True
    cancel_asked: int | None = None
    #: as of when the query shows it, as what, and where it stands there; see listing
    shown: int | None = None
    seen_as: Status | None = None
    place: tuple[int, "Run"] | None = None

    @property
    def final(self) -> int:
        """When it will have ended, one way or the other."""
        if self.cancel_asked is None:
            return self.ends
        return min(NEVER, self.cancel_asked + self.cancel_takes)

    @property
    def failure(self) -> str:
        """What it says if it fails."""
        return self.message + self.quoted


def status(run: Run, now: int) -> Status:
    if run.cancel_asked is not None and now >= run.cancel_asked:
        return run.cancel_outcome if now >= run.final else Status.CANCELING
    if now < run.starts:
        return Status.QUEUED
    return Status.IN_PROGRESS if now < run.ends else run.outcome


def last_updated(run: Run, now: int) -> int:
    """The last change of its status up to now: nothing else moves it in any recording."""
    return max(change for change in _changes(run) if change <= now)


def next_change(run: Run, now: int) -> int:
    """The next change of its status after now; NEVER if there is none."""
    return min((change for change in _changes(run) if change > now), default=NEVER)


def _changes(run: Run) -> tuple[int, int, int, int]:
    asked = run.ends if run.cancel_asked is None else run.cancel_asked
    return run.created, min(run.starts, asked), asked, run.final


def start_time(ready: int, earlier: Iterable[Run], concurrency: int | None) -> int:
    """First in, first out: the earliest moment from `ready` on when fewer than `concurrency` earlier runs still go."""
    if concurrency is None:
        return ready
    busy = sorted(run.final for run in earlier if run.final > ready)
    return busy[-concurrency] if len(busy) >= concurrency else ready


def wire(run: Run, now: int, resource_id: str) -> dict[str, Any]:
    """PipelineRun as recorded, with the fields that the specification doesn't list."""
    at = status(run, now)
    ended = run.final <= now
    return {
        "id": f"{resource_id.upper()}/pipelineruns/{run.run_id}",
        "runId": run.run_id,
        "debugRunId": None,
        "runGroupId": run.group_id,
        "pipelineName": run.pipeline,
        "parameters": run.parameters,
        "invokedBy": {"id": run.invoked_by, "name": "Manual", "invokedByType": "Manual"},
        "runStart": stamp(run.created),
        "runEnd": stamp(run.final) if ended else None,
        "durationInMs": (run.final - run.created) // MILLISECOND if ended else None,
        "status": at.value,
        "message": _message(run, at),
        "output": None,
        "lastUpdated": stamp(last_updated(run, now)),
        "annotations": [],
        "runDimension": {},
        "isLatest": run.is_latest,
    }


def _message(run: Run, at: Status) -> str | None:
    if at is Status.QUEUED:
        return None
    return run.failure if at is Status.FAILED else ""
