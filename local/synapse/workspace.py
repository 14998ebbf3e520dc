"""The workspace's runs, and what starting or cancelling one changes.

The run's id is the caller's x-ms-client-request-id: TestPipelineRun.json, TestPipelineRunAsync.json and TestCancelRun.json
(Azure/azure-sdk-for-net), TestPipelineRunV2.json (Azure/azure-powershell): all recorded calls. The same id again returns
the existing run and starts nothing, even with other parameters: Azure/azure-powershell #25622; on Synapse TestGet.json shows it.
What a header that is no GUID does is unknown; here it counts as absent.

Runs are kept for 45 days (MicrosoftDocs/azure-docs data-factory/monitor-programmatically.md). What is told of a run that goes
on for longer is unknown; here it is kept until 45 days after its end, and its id is free again then.
"""

import itertools
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.synapse.activity import Activity, told
from local.synapse.listing import Listing
from local.synapse.pipelines import Catalogue, Outcome, Pipeline
from local.synapse.runs import (
    OPEN,
    QUEUE_LENGTH,
    THROTTLED,
    Run,
    Status,
    start_time,
    status,
)
from local.synapse.wire import NEVER, after, parameter_text, wall_clock

HISTORY_SECONDS = 45 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What createRun was asked to do."""

    pipeline: Pipeline
    parameters: Mapping[str, Any] = field(default_factory=dict)
    client_request_id: str | None = None
    reference: Run | None = None
    start_activity: str | None = None
    origin: str = "createRun"
    #: what its errors say of its parameters
    quoted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run is made to end, whatever was planned."""

    outcome: Outcome = "Succeeded"
    message: str = ""
    #: None: as they were planned
    activities: Sequence[Activity] | None = None
    seconds: float = 0.0


class RunEnded(ValueError):
    """What has ended can't end otherwise."""


class Workspace:
    """The store of runs."""

    def __init__(self, catalogue: Catalogue, clock: Callable[[], int] = wall_clock) -> None:
        self.catalogue = catalogue
        self.clock = clock
        self.runs: dict[str, Run] = {}
        #: the query shows every change so much later
        self.lag = 0
        #: how long an ended run is remembered
        self.history = after(0, HISTORY_SECONDS)
        self._listing = Listing()
        self._serials = itertools.count()
        self._going: dict[str, list[Run]] = {}
        self._groups: dict[str, list[Run]] = {}

    def find(self, run_id: str, *, unseen: bool = False) -> Run | None:
        """Find a run by any spelling of its id; one that isn't visible yet only if asked to."""
        run = self.runs.get(run_id) or self.runs.get(dashed(run_id) or "")
        now = self.clock()
        if run is None or self._gone(run, now) or (not unseen and run.visible > now):
            return None
        return run

    def listed(self, first: int, last: int, statuses: Collection[Status]) -> list[Run]:
        """Give what the query shows now: runs by status and by the span of their lastUpdated, in the order of their start."""
        now = self.clock()
        self._listing.show(now - self.lag)
        remembered = max(first, now - self.history)
        return self._listing.between(
            {one: (first if one in OPEN else remembered, last) for one in statuses}
        )

    def start(self, order: Order, *, echo: bool = True, invisible: float = 0.0) -> Run:
        """Start a run, or give the one that already has this id."""
        run_id = (echo and order.client_request_id) or str(uuid.uuid4())
        known = self.find(run_id, unseen=True)
        if known is not None:
            return known
        run = self._planned(run_id, order, invisible)
        self.runs[run_id] = run
        self._listing.plan(run, run.created)
        # Without a look for long, the next one would have much to make up for.
        self._listing.show(run.created - self.lag)
        group = self._groups.setdefault(run.group_id, [])
        for other in group:
            other.is_latest = False
        group.append(run)
        return run

    def cancel(self, run: Run) -> None:
        """Cancel a run that hasn't ended; runs that wait behind it move up."""
        now = self.clock()
        if run.cancel_asked is not None or run.ends <= now:
            return
        run.cancel_asked = now
        self._replanned(run, now)

    def end(self, run: Run, ending: Ending) -> None:
        """Have a run end in so many seconds, also one whose cancelling hangs. Raises `RunEnded`."""
        now = self.clock()
        if run.final <= now:
            msg = f"{run.run_id} has ended: {status(run, now)}"
            raise RunEnded(msg)
        ends = after(now, ending.seconds)
        if run.cancel_asked is None:
            run.starts, run.ends = min(run.starts, ends), ends
            run.outcome = Status(ending.outcome)
        else:
            run.cancel_takes = ends - run.cancel_asked
            run.cancel_outcome = Status(ending.outcome)
        if ending.activities is not None:
            run.activities = tuple(ending.activities)
        run.message = ending.message or told(run.activities)
        self._replanned(run, now)

    def forget(self, run: Run) -> None:
        """Lose a run: nothing knows it any more, and its id may be used again."""
        del self.runs[run.run_id]
        self._groups[run.group_id].remove(run)
        self._listing.drop(run)

    def _gone(self, run: Run, now: int) -> bool:
        return run.final < now - self.history

    def _replanned(self, run: Run, now: int) -> None:
        self._listing.plan(run, now)
        going = self._going.get(run.pipeline, [])
        for place, waiting in enumerate(going):
            if waiting is not run and status(waiting, now) is Status.QUEUED:
                self._place(waiting, going[:place])
                self._listing.plan(waiting, now)

    def _planned(self, run_id: str, order: Order, invisible: float) -> Run:
        now = self.clock()
        pipeline = order.pipeline
        ready = after(now, pipeline.queued_seconds)
        takes = after(0, pipeline.run_seconds)
        run = Run(
            run_id=run_id,
            group_id=order.reference.group_id if order.reference else run_id,
            pipeline=pipeline.name,
            parameters=_shown(order),
            invoked_by=uuid.uuid4().hex,
            created=now,
            starts=ready,
            ends=min(NEVER, ready + takes),
            outcome=Status(pipeline.outcome),
            message=pipeline.failure,
            visible=after(now, invisible),
            cancel_takes=after(0, pipeline.cancel_seconds),
            cancel_outcome=Status(pipeline.cancel_outcome),
            serial=next(self._serials),
            ready=ready,
            takes=takes,
            quoted=order.quoted,
            activities=pipeline.activities,
            lag=after(0, pipeline.lag_seconds),
            activity_lag=after(0, pipeline.activity_lag_seconds),
            origin=order.origin,
            client_request_id=order.client_request_id,
            reference=order.reference.run_id if order.reference else None,
            start_activity=order.start_activity,
        )
        if pipeline.concurrency is not None:
            self._queue(run, now)
        return run

    def _queue(self, run: Run, now: int) -> None:
        going = [other for other in self._going.get(run.pipeline, []) if other.final > now]
        self._going[run.pipeline] = going
        if sum(status(other, now) is Status.QUEUED for other in going) >= QUEUE_LENGTH:
            run.starts = run.ends = now
            run.outcome, run.message = Status.FAILED, THROTTLED
            return
        self._place(run, going)
        going.append(run)

    def _place(self, run: Run, earlier: list[Run]) -> None:
        concurrency = self.catalogue.by_name[run.pipeline].concurrency
        run.starts = start_time(run.ready, earlier, concurrency)
        run.ends = min(NEVER, run.starts + run.takes)


def dashed(client_request_id: str | None) -> str | None:
    """Give the GUID with dashes that any of its spellings means; None if it is no GUID."""
    try:
        return str(uuid.UUID(client_request_id)) if client_request_id else None
    except ValueError:
        return None


def _shown(order: Order) -> dict[str, str]:
    """The declared parameters only: undeclared ones are accepted and have no effect.

    "These parameters will be used only if the runId is not specified" (pipelines.json): with a reference the old run's.
    """
    if order.reference is not None:
        return dict(order.reference.parameters)
    declared = order.pipeline.parameters
    given = {name: value for name, value in order.parameters.items() if name in declared}
    values = order.pipeline.defaults | given
    return {name: parameter_text(value) for name, value in values.items()}
