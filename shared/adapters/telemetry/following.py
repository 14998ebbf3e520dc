"""The follower's visits as traces of their own, and the end of each run in the trace of its request."""

from typing import ClassVar, override

from shared.adapters.telemetry import metrics, quiet, spans
from shared.gateway.follower import Follower
from shared.gateway.teller import Teller
from shared.runs.open_run import OpenRun
from shared.runs.outcome import End, RunEnd, RunOutcome
from shared.runs.request import Follow


class TracedTeller(Teller):
    """Tells ends of runs, each in a span of the request's trace that is linked to the follower's visit."""

    @override
    async def tell_end(self, run: OpenRun, end: RunEnd) -> RunOutcome:
        known = {
            "run_gateway.request_id": run.request_id,
            "run_gateway.delivery_id": run.delivery.id,
            "run_gateway.source": run.delivery.source.value,
            "run_gateway.pipeline": run.pipeline_name,
            "run_gateway.workspace": run.workspace,
            "run_gateway.run_id": run.run_id,
        }
        with spans.visiting(
            f"outcome {run.delivery.source}",
            producer=spans.remote(run.delivery.traceparent),
            seed=f"outcome {run.run_id}",  # of a request that was taken without telemetry
            within="follower",
            attributes=known,
        ) as span:
            outcome = await super().tell_end(run, end)
            span.set_attribute("run_gateway.outcome", outcome.outcome)
            if outcome.outcome in {End.FAILED, End.LOST}:
                code = outcome.error.code if outcome.error else outcome.outcome
                spans.fail(span, metrics.code(code))
        return outcome


class TracedFollower(Follower):
    """Visits workspaces as `Follower` does, each time in a trace of its own."""

    tellers: ClassVar[type[Teller]] = TracedTeller

    @override
    async def visit(self, message: Follow) -> None:
        known = {
            "messaging.system": "azure_queue",
            "messaging.operation.type": "process",
            "messaging.destination.name": self._settings.requests_queue,
        }
        seed = f"{message.follow} {message.token}"  # delivered again, it is in the same trace
        with (
            quiet.busy(),
            spans.visiting("follow queue", producer=None, seed=seed, attributes=known),
        ):
            await super().visit(message)

    @override
    async def revive(self) -> None:
        seed = self._clock.now().isoformat()
        with quiet.busy(), spans.visiting("follow timer", producer=None, seed=seed):
            await super().revive()
