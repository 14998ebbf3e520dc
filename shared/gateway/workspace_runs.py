"""Shows, lists and cancels the default workspace's own runs, for callers who may see them.

The calls of `GET /pipelineruns/{runId}`, `POST …/cancel` and `POST /queryPipelineRuns` are passed on with the
gateway's identity. It may see every run, so a caller who may not start a pipeline here is shown none of its runs.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from shared.auth.policy import Policy
from shared.following_ports import OpenRuns
from shared.gateway.throttle import NotAsked, Throttle
from shared.kernel import log_line
from shared.ports import Clock, Pipelines
from shared.synapse import response_filter, retry, run_response
from shared.synapse.reply import Answer, Lost, read_wire
from shared.synapse.response_filter import NotPassed, Passed, RunShown

_AWAY: Final = 503
_PAUSE: Final = 5.0  # seconds until another look is worth making


class WorkspaceRuns:
    """The runs of one workspace, by their ids at Synapse."""

    def __init__(
        self,
        *,
        clock: Clock,
        pipelines: Pipelines,
        open_runs: OpenRuns,
        policy: Policy,
        throttle: Throttle,
    ) -> None:
        self._clock = clock
        self._pipelines = pipelines
        self._open_runs = open_runs
        self._policy = policy
        self._throttle = throttle
        self._workspace = policy.default_workspace
        self._endpoint = policy.workspaces[policy.default_workspace]

    async def show(self, run_id: str, principal: str) -> Passed | NotPassed:
        """Show a run."""
        run = await self._find(run_id, principal)
        return run if isinstance(run, NotPassed) else await response_filter.show_run(run)

    async def cancel(
        self, run_id: str, principal: str, *, recursive: bool | None = None
    ) -> Passed | NotPassed:
        """Cancel a run, after a look at which pipeline it belongs to."""
        run = await self._find(run_id, principal)
        if isinstance(run, NotPassed):
            return run
        answer = await self._call(
            lambda: self._pipelines.cancel_run(self._endpoint, run_id, recursive=recursive)
        )
        if isinstance(answer, NotPassed):
            return answer
        log_line.write(
            logging.INFO,
            "run_cancelled",
            runId=run_id,
            principal=principal,
            pipelineName=run.pipeline_name,
        )
        return Passed(wire=read_wire(answer))

    async def query(self, wanted: dict[str, Any], principal: str) -> Passed | NotPassed:
        """List runs by Synapse's filter, without those that the caller may not see."""
        body = json.dumps(wanted, ensure_ascii=False).encode()
        answer = await self._call(lambda: self._pipelines.query_runs(self._endpoint, body))
        if isinstance(answer, NotPassed):
            return answer
        return await response_filter.show_runs(answer, lambda name: self._may_see(principal, name))

    async def _find(self, run_id: str, principal: str) -> RunShown | NotPassed:
        answer = await self._call(lambda: self._pipelines.get_run(self._endpoint, run_id))
        if isinstance(answer, Answer):
            run = response_filter.read_run(answer, run_id)
        else:
            run = await self._queued(run_id, answer) if answer.absent else _unseen(answer)
        if isinstance(run, NotPassed) or self._may_see(principal, run.pipeline_name):
            return run
        return _absent(run)  # a caller who may not see a run does not learn that it exists

    async def _queued(self, run_id: str, looked: NotPassed) -> RunShown | NotPassed:
        """Show a run that Synapse does not show yet, as the index of open runs has it.

        Airflow's deferrable operator cancels a run upon any error while it polls (providers-microsoft-azure,
        triggers/synapse.py).
        """
        stored = await self._open_runs.get(self._endpoint, run_id)
        if stored is None:
            return _absent(looked)
        name = stored.run.pipeline_name
        content = {"runId": run_id, "pipelineName": name, "status": "Queued", "message": ""}
        return RunShown(pipeline_name=name, content=content, wire=looked.wire)

    def _may_see(self, principal: str, pipeline_name: str) -> bool:
        return self._policy.permits(principal, pipeline_name, self._workspace)

    async def _call(self, send: Callable[[], Awaitable[Answer | Lost]]) -> Answer | NotPassed:
        """Make a call through the throttle."""
        lane = self._throttle.looks(self._endpoint)
        outcome = await lane.ask(send)
        if isinstance(outcome, NotAsked):
            return NotPassed(error=outcome.error, retry_after=outcome.seconds)
        asked = (
            retry.retry_after(outcome.headers, self._clock.now())
            if isinstance(outcome, Answer)
            else None
        )
        return response_filter.read(outcome, retry_after=asked or lane.remaining() or None)


def _unseen(looked: NotPassed) -> NotPassed:
    """Return what a look came to that says nothing of the run: a proxy's 404 must not pass for Synapse's."""
    is_away = looked.status in {None, 404} or (looked.status or 0) >= 500
    if not is_away or looked.retry_after is not None:
        return looked
    return replace(looked, status=_AWAY, retry_after=_PAUSE)


def _absent(looked: NotPassed | RunShown) -> NotPassed:
    return NotPassed(error=run_response.absent(), wire=looked.wire)
