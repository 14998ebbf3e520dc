"""Synapse in memory: the `Pipelines` port for tests of what stands on it.

It behaves as recorded: a run gets the client request id that was sent, and a second createRun with the same
id gives the existing run. `script` says otherwise for the next calls.
"""

import inspect
import json
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, override

from shared.kernel.cloud_error import CloudError
from shared.ports import Clock, Evidence, Identity, Pipelines
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import (
    Absent,
    Answer,
    Forbidden,
    Found,
    Look,
    Lost,
    NotSent,
    Reply,
    RunSeen,
    Started,
    Unreachable,
    is_same_id,
    read_run,
)
from tests.fakes.clock import FakeClock

MAX_RUNS = 10
_ABSENT = b'{"error": {"code": "PipelineRunNotFound", "message": "There is no such run."}}'
_NOT_REFERENCED = b'{"error": {"code": "ReferencedPipelineRunNotFound", "message": "None."}}'
_NO_PIPELINE = Answer(
    status=404,
    headers={},
    body=b'{"code": "PipelineNotFound", "message": "The Pipeline was not found."}',
)
WORKSPACE_ID = "/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.SYNAPSE/WORKSPACES/W"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

type Script = Reply | Callable[[CreateRun], Reply | Awaitable[Reply]]


@dataclass(slots=True, kw_only=True)
class FakeRun:
    """One run of a workspace."""

    endpoint: str
    run_id: str
    call: CreateRun
    pipeline_name: str  #: the call's, unless a test says otherwise
    status: str = "InProgress"
    message: str = ""
    started_at: datetime = LONG_AGO
    hidden_for: int = 0  #: looks that will not see it
    ended_at: datetime | None = None
    updated_at: datetime | None = None  #: None: when it started
    unlisted_until: datetime | None = None  #: the query shows it later than a look does
    group_id: str | None = None  #: None: its own id
    activities: list[dict[str, Any]] = field(default_factory=list)


class FakePipelines(Pipelines):
    """Workspaces that keep their runs in memory.

    Attributes:
        calls: every createRun that was sent, in order, also the scripted ones.
        runs: every run that exists, oldest first.
        looks: the ids that were looked for.
        authorizations: for each call of authorize its endpoint and `refused`.
        echoes: whether a run gets the client request id that was sent.
        may_look: whether the identity may see runs.
        visible_after: how many looks do not see a new run yet.
        no_token: what authorize answers; create_run and the looks don't ask for it.
        unreachable: what every look answers instead.
        unknown_run: the answer to a look at a run that is not there, or doesn't show yet.
        cancels: the ids that were cancelled, each with `recursive`.
        cancel_answer: what every cancel answers instead.
        queries: the filters of queryPipelineRuns.
        definitions: the answers to looks at pipelines, by name; every other is not found.
        definition_looks: the names of pipelines that were looked for.
        who: what the identity's token says.
        evidence: what was seen of starting runs.
        lists: how often recent runs were listed.
        query_answer: what every query answers instead.
        page_size: how many runs a page of a query has.
        throttled_from: every page of a query that begins with this run or a later one is answered 429.
        activity_queries: the ids of runs whose activities were listed.
        activities_answer: what every list of activities answers instead.
    """

    def __init__(self, *, echoes: bool = True, clock: Clock | None = None) -> None:
        self.calls: list[CreateRun] = []
        self.runs: list[FakeRun] = []
        self.looks: list[str] = []
        self.authorizations: list[tuple[str, bool]] = []
        self.echoes = echoes
        self.may_look = True
        self.visible_after = 0
        self.no_token: NotSent | None = None
        self.unreachable: Unreachable | Forbidden | None = None
        self.unknown_run = Answer(status=404, headers={}, body=_ABSENT)
        self.cancels: list[tuple[str, bool | None]] = []
        self.cancel_answer: Answer | Lost | None = None
        self.queries: list[bytes] = []
        self.definitions: dict[str, Answer | Lost] = {}
        self.definition_looks: list[str] = []
        self.who = Identity()
        self.evidence = Evidence()
        self.lists = 0
        self.query_answer: Answer | Lost | None = None
        self.page_size = 100
        self.throttled_from: int | None = None
        self.activity_queries: list[str] = []
        self.activities_answer: Answer | Lost | None = None
        self._clock = clock
        self._script: deque[Script] = deque()

    def script(self, *answers: Script) -> None:
        """Answer the next calls of create_run so; a callable may raise, wait, or call `start`."""
        self._script.extend(answers)

    def behind(self, answer: Reply) -> Callable[[CreateRun], Reply]:
        """Script that starts the run and gives this answer all the same."""

        def start(call: CreateRun) -> Reply:
            self.start(call)
            return answer

        return start

    def start(self, call: CreateRun) -> FakeRun:
        """Start the run of a call, or give the one that its client request id has started."""
        run = self._standing(call.endpoint, call.client_request_id) if self.echoes else None
        if run is not None:
            return run
        other = str(uuid.uuid5(uuid.UUID(call.client_request_id), str(len(self.runs))))
        run = FakeRun(
            endpoint=call.endpoint,
            run_id=str(uuid.UUID(call.client_request_id)) if self.echoes else other,
            call=call,
            pipeline_name=call.pipeline_name,
            started_at=self._now(),
            hidden_for=self.visible_after,
        )
        self.runs.append(run)
        return run

    @override
    async def authorize(self, endpoint: str, *, refused: bool = False) -> NotSent | None:
        """Give `no_token`."""
        self.authorizations.append((endpoint, refused))
        return self.no_token

    @override
    async def create_run(self, call: CreateRun) -> Reply:
        """Give the next scripted answer, or start the run."""
        self.calls.append(call)
        if not self._script:
            run_id = self.start(call).run_id
            return Started(run_id=run_id, echoed=is_same_id(run_id, call.client_request_id))
        answer = self._script.popleft()
        if not callable(answer):
            return answer
        given = answer(call)
        return await given if inspect.isawaitable(given) else given

    @override
    async def find_run(self, endpoint: str, run_id: str) -> Look:
        """Look for a run; a look that does not see it yet brings it nearer."""
        self.looks.append(run_id)
        if self.unreachable is not None:
            return self.unreachable
        if not self.may_look:
            return Forbidden(error=_forbidden())
        run = self._standing(endpoint, run_id)
        if run is None or run.hidden_for > 0:
            if run is not None:
                run.hidden_for -= 1
            return read_run(self.unknown_run, asked=run_id, now=LONG_AGO)
        return Found(run_id=run.run_id, pipeline_name=run.pipeline_name, status=run.status)

    @override
    async def get_run(self, endpoint: str, run_id: str) -> Answer | Lost:
        """Give the run's JSON, or what the look would meet."""
        look = await self.find_run(endpoint, run_id)
        match look:
            case Found():
                return Answer(
                    status=200, headers=self._headers(), body=self._content(endpoint, run_id)
                )
            case Absent():
                return self.unknown_run
            case Forbidden(error=error):
                body = json.dumps({"error": error.model_dump()}).encode()
                return Answer(status=403, headers={}, body=body)
            case Unreachable(retry_after=None) if self.unreachable is None:
                return self.unknown_run
            case Unreachable():
                return _unseen(look)

    @override
    async def get_pipeline(self, endpoint: str, pipeline_name: str) -> Answer | Lost:
        """Give what `definitions` has, or what the look would meet."""
        self.definition_looks.append(pipeline_name)
        if self.unreachable is not None:
            return Lost(sent=True, error=self.unreachable.error)
        return self.definitions.get(pipeline_name, _NO_PIPELINE)

    @override
    async def identity(self, endpoint: str) -> Identity:
        """Give `who`."""
        return self.who

    @override
    def started(self, endpoint: str) -> Evidence:
        """Give `evidence`."""
        return self.evidence

    @override
    async def cancel_run(
        self, endpoint: str, run_id: str, *, recursive: bool | None = None
    ) -> Answer | Lost:
        """Cancel the run at once."""
        self.cancels.append((run_id, recursive))
        if self.cancel_answer is not None:
            return self.cancel_answer
        run = self._standing(endpoint, run_id)
        if run is None:
            return Answer(status=400, headers={}, body=_NOT_REFERENCED)
        self.end(run.run_id, "Cancelled")
        return Answer(status=200, headers={"x-ms-request-id": "of-synapse"}, body=b"")

    @override
    async def query_runs(self, endpoint: str, body: bytes) -> Answer | Lost:
        """List runs as the filter asks, in the order in which they started; without one, all."""
        self.queries.append(body)
        refusal = self.query_answer or self._refusal()
        if refusal is not None:
            return refusal
        wanted = json.loads(body or b"{}")
        listed = [
            run
            for run in self.runs
            if run.endpoint == endpoint and not run.hidden_for and self._fits(run, wanted)
        ]
        begin = int(wanted.get("continuationToken") or 0)
        if self.throttled_from is not None and begin >= self.throttled_from:
            return Answer(status=429, headers={"Retry-After": "2"}, body=b"{}")
        end = begin + self.page_size
        page: dict[str, Any] = {
            "value": [json.loads(self._content(endpoint, run.run_id)) for run in listed[begin:end]]
        }
        if end < len(listed):
            page["continuationToken"] = str(end)
        return Answer(status=200, headers=self._headers(), body=json.dumps(page).encode())

    @override
    async def query_activities(
        self, endpoint: str, pipeline_name: str, run_id: str, body: bytes
    ) -> Answer | Lost:
        """List the run's activities of the states that the filter names."""
        self.activity_queries.append(run_id)
        refusal = self.activities_answer or self._refusal()
        if refusal is not None:
            return refusal
        run = self._standing(endpoint, run_id)
        (states,) = (one["values"] for one in json.loads(body)["filters"])
        value = [one for one in (run.activities if run else []) if one["status"] in states]
        return Answer(
            status=200, headers=self._headers(), body=json.dumps({"value": value}).encode()
        )

    def end(
        self, run_id: str, status: str = "Succeeded", message: str = "", *, lag: float = 0.0
    ) -> FakeRun:
        """End a run now; the query shows it `lag` seconds later."""
        (run,) = (run for run in self.runs if run.run_id == run_id)
        now = self._now()
        run.status, run.message = status, message
        run.ended_at = run.updated_at = now
        run.unlisted_until = now + timedelta(seconds=lag)
        return run

    def _refusal(self) -> Answer | Lost | None:
        if self.unreachable is not None:
            return _unseen(self.unreachable)
        if not self.may_look:
            refusal = json.dumps({"error": _forbidden().model_dump()}).encode()
            return Answer(status=401, headers={}, body=refusal)
        return None

    def _fits(self, run: FakeRun, wanted: dict[str, Any]) -> bool:
        updated = run.updated_at or run.started_at
        if run.unlisted_until is not None and self._now() < run.unlisted_until:
            return False
        after, before = wanted.get("lastUpdatedAfter"), wanted.get("lastUpdatedBefore")
        if after and updated < datetime.fromisoformat(after):
            return False
        if before and updated > datetime.fromisoformat(before):
            return False
        values = {
            "PipelineName": run.pipeline_name,
            "Status": run.status,
            "RunGroupId": run.group_id,
        }
        for one in wanted.get("filters", ()):
            inside = values.get(one["operand"]) in one["values"]
            if inside != (one["operator"] in {"In", "Equals"}):
                return False
        return True

    def _now(self) -> datetime:
        """Return the time by Synapse's clock, which is right."""
        if isinstance(self._clock, FakeClock):
            return self._clock.service_time()
        return self._clock.now() if self._clock else LONG_AGO

    def _headers(self) -> dict[str, str]:
        return {"Date": format_datetime(self._now().replace(microsecond=0), usegmt=True)}

    def _content(self, endpoint: str, run_id: str) -> bytes:
        run = self._standing(endpoint, run_id)
        assert run is not None
        parameters = json.loads(run.call.parameters or b"{}")
        fields = {
            "runId": run.run_id,
            "pipelineName": run.pipeline_name,
            "status": run.status,
            "message": run.message,
            "id": f"{WORKSPACE_ID}/pipelineruns/{run.run_id}",
            "runGroupId": run.group_id or run.run_id,
            "isLatest": True,
            "runStart": run.started_at.isoformat(),
            "runEnd": run.ended_at and run.ended_at.isoformat(),
            "durationInMs": run.ended_at
            and round((run.ended_at - run.started_at).total_seconds() * 1000),
            "lastUpdated": (run.updated_at or run.started_at).isoformat(),
            # Synapse itself lists parameters that are no strings as JSON.
            "parameters": {
                name: value if isinstance(value, str) else json.dumps(value)
                for name, value in parameters.items()
            },
        }
        return json.dumps(fields).encode()

    @override
    async def recent_runs(
        self, endpoint: str, pipeline_name: str, since: datetime, until: datetime
    ) -> tuple[RunSeen, ...] | Unreachable:
        """List the runs; the time counts only where there is a clock."""
        self.lists += 1
        if not self.may_look:
            return Unreachable(error=_forbidden())
        if isinstance(self.unreachable, Forbidden):
            return Unreachable(error=self.unreachable.error)
        if self.unreachable is not None:
            return self.unreachable
        seen = [
            RunSeen(run_id=run.run_id, status=run.status, run_start=run.started_at.isoformat())
            for run in reversed(self.runs)
            if run.endpoint == endpoint
            and run.pipeline_name == pipeline_name
            and run.hidden_for == 0
            and (self._clock is None or since <= run.started_at <= until)
        ]
        return tuple(seen[:MAX_RUNS])

    def _standing(self, endpoint: str, run_id: str) -> FakeRun | None:
        return next(
            (
                run
                for run in self.runs
                if run.endpoint == endpoint and is_same_id(run.run_id, run_id)
            ),
            None,
        )


def _unseen(look: Unreachable | Forbidden) -> Answer | Lost:
    seconds = look.retry_after if isinstance(look, Unreachable) else None
    if seconds is None:
        return Lost(sent=True, error=look.error)
    body = json.dumps({"error": look.error.model_dump()}).encode()
    return Answer(status=429, headers={"Retry-After": f"{seconds:.0f}"}, body=body)


def _forbidden() -> CloudError:
    return CloudError(
        code="AccessControlUnauthorized",
        message="Insufficient permissions to call this API: it needs Synapse Monitoring Operator.",
    )
