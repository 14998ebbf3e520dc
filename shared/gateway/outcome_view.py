"""Shows how a request ended: its own end if it started no run, else that of its run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.auth.ticket import Ticket
from shared.following_ports import OpenRuns, Outcomes
from shared.gateway.long_poll import LONGEST, SHORTEST
from shared.gateway.until_outcome import UntilOutcome
from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Clock, Records, VersionedRecord
from shared.runs.identity import client_request_id
from shared.runs.outcome import End, RunOutcome
from shared.runs.record import FINAL, Record, Status

#: Seconds between two looks of a caller who polls: a tenth of the time that it has waited, within these bounds.
SOONEST: Final = 10.0
LATEST: Final = 60.0
_SHARE: Final = 0.1


class Stage(StrEnum):
    """How far a request has come, in the words of Azure's guidelines for long-running operations.

    microsoft/api-guidelines, azure/Guidelines.md; azure-core polls for ever on other words.
    """

    NOT_STARTED = "NotStarted"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeState:
    """One generation of a request, as far as it has come."""

    request_id: str
    generation: int
    stage: Stage
    status: Status | None = None  #: of the request; None if a later generation has taken its place
    run_id: str | None = None
    correlation_id: str | None = None
    outcome: RunOutcome | None = None
    error: CloudError | None = None  #: why it failed, or was cancelled
    retry_after: float | None = None  #: seconds until the next look; None if this is the end


class OutcomeView:
    """Looks at outcomes on behalf of callers who wait for them."""

    def __init__(
        self,
        *,
        clock: Clock,
        records: Records,
        outcomes: Outcomes,
        open_runs: OpenRuns,
        until_outcome: UntilOutcome,
    ) -> None:
        self._clock = clock
        self._records = records
        self._outcomes = outcomes
        self._open_runs = open_runs
        self._until_outcome = until_outcome

    async def of_ticket(self, ticket: Ticket, wait: float = 0.0) -> OutcomeState | None:
        """Show what a ticket opens, after waiting up to so many seconds for its end; None if it is gone."""
        return await self._await(lambda: self._look(ticket), wait)

    async def of_request(self, stored: VersionedRecord, wait: float = 0.0) -> OutcomeState | None:
        """Show a request's present generation; None if its record is deleted meanwhile."""
        request_id, generation = stored.record.request_id, stored.record.generation

        async def look() -> OutcomeState | None:
            recorded = await self._outcomes.get(request_id, generation)
            if recorded:
                return of_outcome(recorded.outcome)
            return await self._judge(await self._records.get(request_id), generation)

        return await self._await(look, wait)

    async def _look(self, ticket: Ticket) -> OutcomeState | None:
        recorded = await self._outcomes.get(ticket.request_id, ticket.generation)
        if recorded:
            return of_outcome(recorded.outcome)
        stored = await self._records.get(ticket.request_id)
        if stored and stored.record.generation == ticket.generation:
            # Its holder was promised an outcome while the request was still open.
            stored = await self._until_outcome.switch_on(stored)
        return await self._judge(stored, ticket.generation)

    async def _judge(self, stored: VersionedRecord | None, generation: int) -> OutcomeState | None:
        if stored is None or stored.record.generation < generation:
            return None
        if stored.record.generation == generation:
            return of_record(stored)
        return await self._replaced(stored.record, generation)

    async def _replaced(self, record: Record, generation: int) -> OutcomeState:
        """Show a generation whose place in the record another has taken: its run may still be followed."""
        run_id = client_request_id(
            record.endpoint, record.request_id, generation, record.nonce or ""
        )
        open_run = await self._open_runs.get(record.endpoint, run_id)
        if open_run:
            return OutcomeState(
                request_id=record.request_id,
                generation=generation,
                stage=Stage.RUNNING,
                run_id=run_id,
                retry_after=LATEST,
            )
        message = f"The request was run again as generation {record.generation}; no end of this one is known."
        return OutcomeState(
            request_id=record.request_id,
            generation=generation,
            stage=Stage.FAILED,
            error=CloudError(code=Code.INVALID_STATE, message=message),
        )

    async def _await(
        self, look: Callable[[], Awaitable[OutcomeState | None]], wait: float
    ) -> OutcomeState | None:
        until, pause = self._clock.monotonic() + wait, SHORTEST
        state = await look()
        while state and state.retry_after and (left := until - self._clock.monotonic()) > 0:
            await self._clock.pause(min(pause, left))
            pause = min(LONGEST, pause * 1.5)
            state = await look()
        return state


def of_outcome(outcome: RunOutcome) -> OutcomeState:
    """Return the state of a generation whose run has ended."""
    succeeded = outcome.outcome is End.SUCCEEDED
    unsaid = CloudError(code=Code.RUN_FAILED, message=f"The run's outcome is {outcome.outcome}.")
    return OutcomeState(
        request_id=outcome.request_id,
        generation=outcome.generation,
        stage=_STAGES[outcome.outcome],
        status=Status.STARTED,
        run_id=outcome.run_id,
        correlation_id=outcome.correlation_id,
        outcome=outcome,
        error=None if succeeded else outcome.error or unsaid,
    )


def of_record(stored: VersionedRecord) -> OutcomeState:
    """Return the state of a record's generation, no outcome of which is known."""
    record = stored.record
    stage, error = _judged(record)
    return OutcomeState(
        request_id=record.request_id,
        generation=record.generation,
        stage=stage,
        status=record.status,
        run_id=record.run_id,
        correlation_id=record.delivery.correlation_id,
        error=error,
        retry_after=None if error else min(LATEST, max(SOONEST, stored.age * _SHARE)),
    )


_STAGES: Final = {
    End.SUCCEEDED: Stage.SUCCEEDED,
    End.FAILED: Stage.FAILED,
    End.CANCELLED: Stage.CANCELED,
    End.LOST: Stage.FAILED,
}


def _judged(record: Record) -> tuple[Stage, CloudError | None]:
    """Return the stage of a request without an outcome, and why none will come."""
    if record.status not in FINAL:
        return Stage.NOT_STARTED, None
    if record.status is Status.STARTED and record.followed:
        return Stage.RUNNING, None
    if record.status is Status.STARTED:
        message = "The request's run is not followed to its end: POST /api/runs?until=outcome has it followed."
        return Stage.FAILED, CloudError(code=Code.INVALID_STATE, message=message)
    unsaid = CloudError(code=Code.GATEWAY_UNAVAILABLE, message="No reason is known.")
    error = record.error or unsaid
    is_cancelled = error.code == Code.REQUEST_CANCELLED
    return Stage.CANCELED if is_cancelled else Stage.FAILED, error
