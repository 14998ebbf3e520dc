"""Looks at a workspace's runs on behalf of one request, through the throttle."""

from typing import Final

from shared.auth.policy import Policy
from shared.gateway.reconciliation import LONGEST_PAUSE, PATIENCE, LookAgain
from shared.gateway.refusal import Refusal, settles_in
from shared.gateway.throttle import Lane, NotAsked, Throttle
from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Clock, Pipelines, VersionedRecord
from shared.runs.record import Record
from shared.synapse import run_response
from shared.synapse.reply import Absent, Forbidden, Found, Look, RunSeen, Unreachable
from shared.synapse.response_filter import RunShown

_PAUSE: Final = 5.0  # seconds until Synapse is worth asking again, if its answer names no time


class RunLookup:
    """Finds the run of a request, runs like it, and the run that it refers to."""

    def __init__(
        self, *, clock: Clock, pipelines: Pipelines, policy: Policy, throttle: Throttle
    ) -> None:
        self._clock = clock
        self._pipelines = pipelines
        self._policy = policy
        self._throttle = throttle

    async def own(self, stored: VersionedRecord) -> Look | LookAgain:
        """Look for a request's run; a workspace that stays throttled for `PATIENCE` counts as unreachable."""
        look = await self._find(stored.record.endpoint, stored.record.client_request_id)
        if not isinstance(look, NotAsked):
            return look
        return self._later(stored, look.seconds) or Unreachable(error=look.error)

    async def like(self, stored: VersionedRecord) -> tuple[RunSeen, ...] | LookAgain:
        """List the runs that may be the request's; none if the workspace gives no list."""
        record = stored.record
        seen = await self._throttle.looks(record.endpoint).ask(
            lambda: self._pipelines.recent_runs(
                record.endpoint,
                record.pipeline_name,
                record.first_sent_at or record.received_at,
                self._clock.now(),
            )
        )
        match seen:
            case NotAsked(seconds=seconds) | Unreachable(retry_after=float(seconds)):
                return self._later(stored, seconds) or ()
            case Unreachable():
                return ()
            case _:
                return seen

    async def reference_refusal(self, record: Record, run_id: str) -> CloudError | NotAsked | None:
        """Return why a request may not refer to that run, or may not now; None if it may.

        Synapse gives the new run that run's parameters, so its pipeline must be one that the caller may start.
        """
        look = await self._find(record.endpoint, run_id)
        match look:
            case NotAsked():
                return look
            case Unreachable(retry_after=float(seconds), error=error):
                message = "Looks at the workspace's runs are throttled."
                throttled = CloudError(code=Code.THROTTLED, message=message, details=(error,))
                return NotAsked(seconds=seconds, error=throttled)
            case Unreachable(error=error):
                return NotAsked(seconds=0.0, error=error)
            case Found(pipeline_name=name) if self._policy.permits(
                record.principal, name, record.workspace
            ):
                return None
            case Forbidden(error=error):
                return _not_shown(f"The gateway may not look at it: {error.message}")
            case Found() | Absent():
                # The same words: a caller who may not see a run does not learn that it exists.
                return _not_shown("There is no such run of a pipeline that the caller may start.")

    async def show(self, stored: VersionedRecord) -> RunShown | Refusal:
        """Show a request's run as Synapse has it."""
        record, run_id = stored.record, stored.record.run_id
        if run_id is None:
            message = f"The request is {record.status}; it has no run."
            none = CloudError(code=Code.NOT_FOUND, message=message)
            return Refusal(error=none, retry_after=settles_in(stored))
        lane = self._throttle.looks(record.endpoint)
        outcome = await lane.ask(lambda: self._pipelines.get_run(record.endpoint, run_id))
        if isinstance(outcome, NotAsked):
            return Refusal(error=outcome.error, retry_after=outcome.seconds)
        run = run_response.read(outcome, run_id)
        if isinstance(run, CloudError):
            return Refusal(error=run, retry_after=_again(run, lane))
        # An operator may have named any run: one of another pipeline is not this request's.
        if not _is_of(record, run.pipeline_name):
            return Refusal(error=run_response.absent())
        return run

    async def cancel(self, stored: VersionedRecord) -> Refusal | None:
        """Cancel a request's run and the runs that it started; None if Synapse will.

        `show` must have said that the run is one of the request's pipeline.
        """
        record, run_id = stored.record, stored.record.run_id or ""
        lane = self._throttle.looks(record.endpoint)
        outcome = await lane.ask(
            lambda: self._pipelines.cancel_run(record.endpoint, run_id, recursive=True)
        )
        if isinstance(outcome, NotAsked):
            return Refusal(error=outcome.error, retry_after=outcome.seconds)
        error = run_response.read_cancel(outcome)
        return Refusal(error=error, retry_after=_again(error, lane)) if error else None

    async def vouch(self, record: Record, run_id: str, principal: str) -> str | Refusal:
        """Check that a run which an operator names is one of the request's pipeline.

        Returns the operator's name for the record, with a remark if the gateway could not see the run: then the
        operator's word counts, unless `access` restricts that principal.
        """
        lane = self._throttle.looks(record.endpoint)
        match await self._find(record.endpoint, run_id):
            case Found(pipeline_name=name) if _is_of(record, name):
                return principal
            case Absent() | Forbidden() if not self._policy.is_restricted(principal):
                return f"{principal}, unseen by the gateway"
            case NotAsked(error=error) | Unreachable(error=error):
                message = "Synapse could not be asked for the run."
                away = CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message, details=(error,))
                return Refusal(error=away, retry_after=lane.remaining() or _PAUSE)
            case _:
                message = "The gateway sees no run of the request's pipeline with this id."
                return Refusal(
                    error=CloudError(code=Code.INVALID_STATE, message=message, target="$.runId")
                )

    async def _find(self, endpoint: str, run_id: str) -> Look | NotAsked:
        lane = self._throttle.looks(endpoint)
        return await lane.ask(lambda: self._pipelines.find_run(endpoint, run_id))

    def _later(self, stored: VersionedRecord, seconds: float) -> LookAgain | None:
        """Postpone a look, longer each time: when places are short, frequent looks would block each other."""
        if stored.age >= PATIENCE:
            return None
        pause = max(seconds, min(stored.age, LONGEST_PAUSE))
        return LookAgain(pause + self._clock.jitter())


def _again(error: CloudError, lane: Lane) -> float | None:
    """Return when it is worth asking again; None if it is not."""
    is_away = error.code in {Code.GATEWAY_UNAVAILABLE, Code.THROTTLED}
    return lane.remaining() or (_PAUSE if is_away else None)


def _is_of(record: Record, pipeline_name: str) -> bool:
    return pipeline_name.casefold() == record.pipeline_name.casefold()


def _not_shown(why: str) -> CloudError:
    message = f"The request would get the parameters of the run that it refers to. {why}"
    return CloudError(code=Code.NOT_PERMITTED, message=message, target="$.referencePipelineRunId")
