"""The activities of a run, as queryActivityruns lists them.

Nothing ticks here either: the activities share the run's time, one after another, and a row is read off the clock. Fields
and their order, a container before what it holds, and an error that is there on success too, empty but for its target: the
specification's ActivityRuns_QueryByPipelineRun.json.

Not known, and chosen here: each attempt is a row of its own, whose retryAttempt is null for the first; what was skipped is
not listed unless a test says so.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from local.synapse.activity import Activity, Ends
from local.synapse.runs import Run
from local.synapse.wire import NEVER, stamp

MILLISECOND = 1_000_000
TICK = 100  # nanoseconds
FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One attempt of an activity, at one moment."""

    run_id: str
    number: int
    pipeline: str
    activity: Activity
    attempt: int | None
    starts: int
    ended: int | None
    status: str
    failure: str

    @property
    def changed(self) -> int:
        """What the window of the query is compared with; the wire has no lastUpdated here."""
        return self.starts if self.ended is None else self.ended


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    activity: Activity
    starts: int
    ends: int
    attempt: int | None = None
    status: str


def rows(run: Run, now: int) -> list[Row]:
    """The activities that have begun by now; of a cancelled run those that had begun before."""
    activities = run.activities or (_only(run),)
    slots = sum(_slots(one) for one in activities)
    slot = (run.ends - run.starts) // slots // TICK * TICK
    asked = NEVER if run.cancel_asked is None else run.cancel_asked
    begun = min(now, asked)
    planned = enumerate(_laid(activities, run.starts, slot))
    return [_row(run, number, one, now) for number, one in planned if one.starts <= begun]


def _only(run: Run) -> Activity:
    """The one activity of a run that declares none: it ends as the run does."""
    as_the_run: dict[str, Ends] = {FAILED: "Failed", "Cancelled": "Cancelled"}
    status = as_the_run.get(run.outcome, "Succeeded")
    return Activity(name="Activity1", type="ExecuteActivity", status=status, message=run.failure)


def _slots(activity: Activity) -> int:
    return sum(_slots(one) for one in activity.inside) or activity.attempts


def _laid(activities: Sequence[Activity], starts: int, slot: int) -> Iterator[_Planned]:
    for one in activities:
        ends = starts + slot * _slots(one)
        status = "Failed" if one.failed else one.status or "Succeeded"
        if one.inside:
            yield _Planned(activity=one, starts=starts, ends=ends, status=status)
            yield from _laid(one.inside, starts, slot)
        else:
            yield from _attempts(one, starts, slot, status)
        starts = ends


def _attempts(activity: Activity, starts: int, slot: int, status: str) -> Iterator[_Planned]:
    last = activity.attempts - 1
    for number in range(activity.attempts):
        yield _Planned(
            activity=activity,
            starts=starts + number * slot,
            ends=starts + (number + 1) * slot,
            attempt=number or None,
            status=status if number == last else FAILED,
        )


def _row(run: Run, number: int, planned: _Planned, now: int) -> Row:
    ends, status = planned.ends, planned.status
    if run.cancel_asked is not None and ends > run.cancel_asked:
        ends, status = run.final, "Cancelled"
    over = ends <= now
    return Row(
        run_id=run.run_id,
        number=number,
        pipeline=run.pipeline,
        activity=planned.activity,
        attempt=planned.attempt,
        starts=planned.starts,
        ended=ends if over else None,
        status=status if over else "InProgress",
        failure=planned.activity.failure + run.quoted if run.activities else run.failure,
    )


def wire(row: Row) -> dict[str, Any]:
    """ActivityRun as the specification's example has it."""
    return {
        "activityRunEnd": None if row.ended is None else stamp(row.ended),
        "activityName": row.activity.name,
        "activityRunStart": stamp(row.starts),
        "activityType": row.activity.type,
        "durationInMs": None if row.ended is None else (row.ended - row.starts) // MILLISECOND,
        "retryAttempt": row.attempt,
        "error": _error(row),
        "activityRunId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{row.run_id}/{row.number}")),
        "input": {},
        "linkedServiceName": "",
        "output": dict(row.activity.output),
        "userProperties": {},
        "pipelineName": row.pipeline,
        "pipelineRunId": row.run_id,
        "status": row.status,
    }


def _error(row: Row) -> dict[str, Any]:
    activity = row.activity
    if row.status != FAILED:
        return {"errorCode": "", "message": "", "failureType": "", "target": activity.name}
    error = {
        "errorCode": activity.code,
        "message": row.failure,
        "failureType": activity.failure_type,
        "target": activity.name,
    }
    return error if activity.details is None else {**error, "details": activity.details}
