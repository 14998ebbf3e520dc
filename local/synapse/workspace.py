"""The workspace's runs, and what starting or cancelling one changes.

The run's id is the caller's x-ms-client-request-id: TestPipelineRun.json, TestPipelineRunAsync.json and TestCancelRun.json
(Azure/azure-sdk-for-net), TestPipelineRunV2.json (Azure/azure-powershell): all recorded calls. The same id again returns
the existing run and starts nothing, even with other parameters: Azure/azure-powershell #25622. What a header that is no
GUID does is unknown; here it counts as absent.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.synapse.pipelines import Catalogue, Pipeline
from local.synapse.runs import (
    QUEUE_LENGTH,
    THROTTLED,
    Run,
    Status,
    start_time,
    status,
)
from local.synapse.wire import SECOND, parameter_text, wall_clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What createRun was asked to do."""

    pipeline: Pipeline
    parameters: Mapping[str, Any] = field(default_factory=dict)
    client_request_id: str | None = None
    reference: Run | None = None
    start_activity: str | None = None
    origin: str = "createRun"
    #: what a failing run says; None: what its pipeline says
    message: str | None = None


class Workspace:
    """The store of runs."""

    def __init__(self, catalogue: Catalogue, clock: Callable[[], int] = wall_clock) -> None:
        self.catalogue = catalogue
        self.clock = clock
        self.runs: dict[str, Run] = {}
        self._going: dict[str, list[Run]] = {}
        self._groups: dict[str, list[Run]] = {}

    def find(self, run_id: str, *, unseen: bool = False) -> Run | None:
        """Find a run by any spelling of its id; one that isn't visible yet only if asked to."""
        run = self.runs.get(run_id) or self.runs.get(dashed(run_id) or "")
        if run is None or (not unseen and run.visible > self.clock()):
            return None
        return run

    def start(self, order: Order, *, echo: bool = True, invisible: float = 0.0) -> Run:
        """Start a run, or give the one that already has this id."""
        run_id = (echo and order.client_request_id) or str(uuid.uuid4())
        if run_id in self.runs:
            return self.runs[run_id]
        run = self._planned(run_id, order, invisible)
        self.runs[run_id] = run
        group = self._groups.setdefault(run.group_id, [])
        for other in group:
            other.is_latest = False
        group.append(run)
        return run

    def cancel(self, run: Run) -> None:
        """Cancel a run that hasn't ended; whoever waits behind it moves up."""
        now = self.clock()
        if run.cancel_asked is not None or run.ends <= now:
            return
        run.cancel_asked = now
        going = self._going.get(run.pipeline, [])
        for place, waiting in enumerate(going):
            if status(waiting, now) is Status.QUEUED:
                self._place(waiting, going[:place])

    def _planned(self, run_id: str, order: Order, invisible: float) -> Run:
        now = self.clock()
        pipeline = order.pipeline
        ready = now + int(pipeline.queued_seconds * SECOND)
        run = Run(
            run_id=run_id,
            group_id=order.reference.group_id if order.reference else run_id,
            pipeline=pipeline.name,
            parameters=_shown(order),
            invoked_by=uuid.uuid4().hex,
            created=now,
            starts=ready,
            ends=ready + int(pipeline.run_seconds * SECOND),
            outcome=Status(pipeline.outcome),
            message=pipeline.message if order.message is None else order.message,
            visible=now + int(invisible * SECOND),
            cancel_takes=int(pipeline.cancel_seconds * SECOND),
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
        pipeline = self.catalogue.by_name[run.pipeline]
        ready = run.created + int(pipeline.queued_seconds * SECOND)
        run.starts = start_time(ready, earlier, pipeline.concurrency)
        run.ends = run.starts + int(pipeline.run_seconds * SECOND)


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
