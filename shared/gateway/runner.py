"""Advances one recorded request as far as possible now.

The runner claims, sends, reads and settles. It never sleeps: if a request has to wait, it returns for how
long, and the gateway puts a message on the queue. Every write is fenced: the loser of a race continues with
the winner's record.
"""

import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never

from shared.auth.policy import Policy
from shared.config.settings import Settings
from shared.gateway import delivery_log
from shared.gateway.reconciliation import (
    Adopt,
    GiveUp,
    LookAgain,
    SendAgain,
    conclude,
    outcome_unknown,
)
from shared.gateway.run_lookup import RunLookup
from shared.gateway.throttle import NotAsked, Throttle
from shared.kernel import log_line
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import RecordUnreadable, StorageUnavailable
from shared.ports import Clock, Conflict, Echo, Pipelines, Records, VersionedRecord
from shared.runs import next_step as steps, payload, record as records
from shared.runs.delivery import Delivery
from shared.runs.record import Reason, Record, Status
from shared.runs.request import RunRequest
from shared.synapse import retry
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import (
    Forbidden,
    NotSent,
    Refused,
    Reply,
    Started,
    Throttled,
    Unauthorized,
    Unknown,
    Unreachable,
)

_ASKING: Final = (steps.Due, steps.Reconcile)
MAX_STEPS: Final = 8  # of one visit; other processes may be working on the same record
Write = Callable[[Record], Awaitable[VersionedRecord | Conflict]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The state of a request after a visit: final, or to be visited again in `wait` seconds."""

    stored: VersionedRecord
    wait: float | None = None


#: Waits with an open request for this delivery; returns its progress when the caller is to be answered.
OnOpen = Callable[[Progress, Delivery], Awaitable[Progress]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """The reason why a request may not be sent now."""

    reason: Reason = Reason.WAITING
    detail: str = ""  #: for the history
    rest: float = 0.0  #: seconds for which the workspace is throttled
    error: CloudError | None = None  #: what failed beforehand: a token, a look
    refusal: CloudError | None = None  #: why it may never be sent


class Runner:
    """Advances records. One for each process: it owns the process's throttle."""

    def __init__(
        self,
        *,
        clock: Clock,
        records: Records,
        pipelines: Pipelines,
        policy: Policy,
        settings: Settings,
    ) -> None:
        self._clock = clock
        self._records = records
        self._pipelines = pipelines
        self._policy = policy
        self._settings = settings
        self._throttle = Throttle(clock, settings.max_concurrent_calls)
        self.lookup = RunLookup(
            clock=clock, pipelines=pipelines, policy=policy, throttle=self._throttle
        )

    @property
    def throttle(self) -> Throttle:
        """The process's throttle, for all other calls to these workspaces."""
        return self._throttle

    async def begin(
        self, claimed: Record, request: RunRequest, write: Write, *, before: Record | None = None
    ) -> VersionedRecord | Conflict:
        """Claim a request and send it; if it may not be sent now, let it wait.

        Args:
            claimed: the record with a lease.
            request: the request in it.
            write: stores the record, with everything else that must be stored before anything is sent.
            before: the record without the lease; None for a new request.
        """
        barred = await self._barred(claimed, request)
        async with self._throttle.starts(claimed.endpoint).place() as has_place:
            held = barred or await self._held(claimed.endpoint, has_place=has_place)
            since = self._clock.monotonic()
            taken = claimed if held is None else self._hold(before or claimed, request, held)
            stored = await write(await payload.close(taken))
            if isinstance(stored, Conflict) or held is not None:
                return stored
            return await self._send(stored, request, since)

    async def advance(self, stored: VersionedRecord, until: float = math.inf) -> Progress:
        """Do what can be done for a request now; from `until` on, by the monotonic clock, nothing is asked of Synapse."""
        for _ in range(MAX_STEPS):
            step = self._next_step(stored, until)
            match step:
                case steps.Answer():
                    return Progress(stored=stored)
                case steps.Wait(seconds=seconds):
                    return Progress(stored=stored, wait=seconds)
                case steps.Lapsed():
                    lapsed = CloudError(
                        code=Code.OUTCOME_UNKNOWN,
                        message="The process that held the lease is gone.",
                    )
                    lost = records.lose(stored.record, lapsed, self._clock.now())
                    stored = await self.settle(stored, lost)
                case steps.Due():
                    stored = await self._send_again(stored)
                case steps.Reconcile():
                    outcome = await self._reconcile(stored)
                    if isinstance(outcome, LookAgain):
                        return Progress(stored=stored, wait=outcome.seconds)
                    stored = outcome
                case _:
                    assert_never(step)
        return Progress(stored=stored, wait=1.0 + self._clock.jitter())

    def _next_step(self, stored: VersionedRecord, until: float) -> steps.Step:
        step = steps.next_step(stored.record, stored.age, self._settings.lease)
        is_late = self._clock.monotonic() >= until
        return steps.Wait(0.0) if is_late and isinstance(step, _ASKING) else step

    async def settle(self, stored: VersionedRecord, record: Record) -> VersionedRecord:
        """Write a request's outcome; a final record keeps no secret. Returns the record as now stored."""
        changed = records.aged(await payload.close(record), stored.record, stored.age)
        outcome = await self._records.update(stored, changed)
        if isinstance(outcome, VersionedRecord):
            delivery_log.settled(stored.record, record)
            return outcome
        winner = _winner(outcome)
        if record.status is not Status.STARTED or record.run_id is None:
            return winner
        return await self._settle_late(winner, record.generation, record.run_id)

    async def _settle_late(
        self, winner: VersionedRecord, generation: int, run_id: str
    ) -> VersionedRecord:
        """Settle a run that became known after the lease was lost, if the request is still open.

        A request that another process has sent meanwhile is left alone: that process learns of its own run.
        """
        other = winner.record
        is_open = other.status in {Status.UNKNOWN, Status.WAITING}
        if is_open and other.generation == generation:
            known = records.start(other, run_id, "late answer", self._clock.now())
            return await self.settle(winner, known)
        if other.run_id != run_id:
            log_line.write(
                logging.ERROR,
                "late_run",
                requestId=other.request_id,
                runId=run_id,
                status=other.status,
            )
        return winner

    async def _barred(self, record: Record, request: RunRequest) -> _Held | None:
        """Return why the run that a request refers to keeps it from being sent; None if it does not."""
        if not self._policy.is_restricted(record.principal):
            return None
        run_id = request.reference_pipeline_run_id
        bar = await self.lookup.reference_refusal(record, run_id) if run_id else None
        match bar:
            case NotAsked(seconds=seconds, error=error):
                return _Held(rest=seconds, error=error)
            case CloudError():
                return _Held(refusal=bar)
            case None:
                return None
            case _:
                assert_never(bar)

    async def _held(self, endpoint: str, *, has_place: bool) -> _Held | None:
        rest = self._throttle.starts(endpoint).remaining()
        if rest:
            return _Held(rest=rest, reason=Reason.RESTING)
        if not has_place:
            return _Held(rest=retry.SHORTEST, reason=Reason.CROWDED)
        not_sent = await self._pipelines.authorize(endpoint)
        if not_sent:
            return _Held(error=not_sent.error)
        return None

    def _hold(self, record: Record, request: RunRequest, held: _Held) -> Record:
        now, jitter = self._clock.now(), self._clock.jitter()
        if held.refusal is not None:
            return records.stop(record, held.refusal, now)
        if held.error is not None:
            seconds = max(held.rest, retry.backoff(record.attempts + 1, jitter))
            return records.retry(record, payload.within(request, seconds, now), held.error, now)
        # Spread as after a 429: otherwise all waiting requests would return together each time.
        seconds = retry.wait_for_throttle(held.rest, record.waits + 1, jitter) if held.rest else 0.0
        seconds = payload.within(request, seconds, now)
        return records.wait(record, seconds, held.reason, now, held.detail)

    async def _send_again(self, stored: VersionedRecord) -> VersionedRecord:
        """Send a request that is due, if it still may be sent."""
        record, now = stored.record, self._clock.now()
        request = payload.read(record)
        refusal = steps.limit_reached(
            record, request, now, stored.age, self._settings.max_attempts
        ) or self._policy.refusal(record.principal, record.pipeline_name, record.workspace)
        if refusal:
            return await self.settle(stored, records.stop(record, refusal, now))
        if request.not_before is not None and request.not_before > now:
            seconds = (request.not_before - now).total_seconds()
            return await self.settle(stored, records.wait(record, seconds, Reason.NOT_BEFORE, now))

        async def update(changed: Record) -> VersionedRecord | Conflict:
            aged = records.aged(changed, record, stored.age)
            return await self._records.update(stored, aged)

        taken = await self.begin(records.take(record, now), request, update, before=record)
        return taken if isinstance(taken, VersionedRecord) else _winner(taken)

    async def _send(
        self, stored: VersionedRecord, request: RunRequest, since: float
    ) -> VersionedRecord:
        """Send createRun under a lease that was taken at `since`, and settle the outcome."""
        record = stored.record
        reply = await self._post(payload.call(record, request), since, request.expires_at)
        if isinstance(reply, _Held):
            return await self.settle(stored, self._hold(record, request, reply))
        try:
            settled = await self.settle(stored, await self._read(record, request, reply))
        except (RecordUnreadable, StorageUnavailable) as error:
            if isinstance(reply, Started):
                # If the workspace assigns ids of its own, this line alone has this one.
                log_line.write(
                    logging.ERROR,
                    "run_not_kept",
                    requestId=record.request_id,
                    runId=reply.run_id,
                    reason=error,
                )
            raise
        # No source says whether a recovery's run gets the id that was sent.
        if isinstance(reply, Started) and request.reference_pipeline_run_id is None:
            await self._note_echo(record.endpoint, echoed=reply.echoed)
        return settled

    async def _note_echo(self, endpoint: str, *, echoed: bool) -> None:
        try:
            await self._records.note_echo(endpoint, echoed=echoed)
        except (RecordUnreadable, StorageUnavailable):
            # The request is settled anyway, and the next run of this workspace shows it again.
            log_line.write(logging.WARNING, "echo_not_kept", endpoint=endpoint)

    async def _post(
        self, call: CreateRun, since: float, expires_at: datetime | None
    ) -> Reply | _Held:
        """Send once; after a 401 once more with another token."""
        obstacle = self._obstacle(call.endpoint, since, expires_at)
        if obstacle:
            return obstacle
        reply = await self._pipelines.create_run(call)
        if not isinstance(reply, Unauthorized):
            return reply
        log_line.write(logging.WARNING, "token_refused", endpoint=call.endpoint)
        not_sent = await self._pipelines.authorize(call.endpoint, refused=True)
        return (
            not_sent
            or self._obstacle(call.endpoint, since, expires_at)
            or await self._pipelines.create_run(call)
        )

    def _obstacle(self, endpoint: str, since: float, expires_at: datetime | None) -> _Held | None:
        """Return why a POST may not be made now: for one, it must end within the lease that covers it."""
        if expires_at is not None and expires_at <= self._clock.now():
            return _Held(detail="it expired before it could be sent")
        left = self._settings.lease - (self._clock.monotonic() - since)
        if left < self._settings.call_timeout * 1.1:
            return _Held(detail="too little of the lease was left")
        rest = self._throttle.starts(endpoint).remaining()
        if rest:
            return _Held(rest=rest, reason=Reason.RESTING)
        return None

    async def _read(self, record: Record, request: RunRequest, reply: Reply) -> Record:
        now, jitter = self._clock.now(), self._clock.jitter()
        match reply:
            case Started(run_id=run_id, wire=wire):
                return records.start(record, run_id, "createRun", now, wire)
            case Refused(error=error, wire=wire) | Unauthorized(error=error, wire=wire):
                return records.refuse(record, await payload.safe(error, record), now, wire)
            case Throttled(error=error, retry_after=retry_after, wire=wire):
                seconds = retry.wait_for_throttle(retry_after, record.waits + 1, jitter)
                self._throttle.starts(record.endpoint).rest(retry_after or seconds)
                seconds = payload.within(request, seconds, now)
                return records.throttle(
                    record, seconds, await payload.safe(error, record), now, wire
                )
            case NotSent(error=error):
                seconds = retry.backoff(record.attempts + 1, jitter)
                seconds = payload.within(request, seconds, now)
                return records.retry(record, seconds, await payload.safe(error, record), now)
            case Unknown(error=error, wire=wire):
                return records.lose(record, await payload.safe(error, record), now, wire)
            case _:
                assert_never(reply)

    async def _reconcile(self, stored: VersionedRecord) -> VersionedRecord | LookAgain:
        record, settle = stored.record, self._settings.settle
        look = await self.lookup.own(stored)
        if isinstance(look, LookAgain):
            return look
        if isinstance(look, Forbidden | Unreachable):
            look = replace(look, error=await payload.safe(look.error, record))
        due = stored.age >= settle
        echo = await self._echo(record) if due else Echo.UNKNOWN
        finding = conclude(
            look,
            pipeline_name=record.pipeline_name,
            age=stored.age,
            settle=settle,
            echo=echo,
            policy=self._settings.unknown_outcome,
        )
        match finding:
            case Adopt(run_id=run_id):
                known = records.start(record, run_id, "found", self._clock.now())
                return await self.settle(stored, known)
            case LookAgain():
                return finding
            case SendAgain(why=why, may_run=may_run):
                now = self._clock.now()
                return await self.settle(
                    stored, records.send_again(record, why, now, may_run=may_run)
                )
            case GiveUp(why=why):
                return await self._give_up(stored, why)
            case _:
                assert_never(finding)

    async def _echo(self, record: Record) -> Echo:
        """Return whether the run of a request would have the id that was sent."""
        if payload.read(record).reference_pipeline_run_id is not None:
            return Echo.UNKNOWN  # no source says so of a recovery's run
        return await self._records.echo(record.endpoint)

    async def _give_up(self, stored: VersionedRecord, why: str) -> VersionedRecord | LookAgain:
        record = stored.record
        seen = await self.lookup.like(stored)
        if isinstance(seen, LookAgain):
            return seen
        error = await payload.safe(outcome_unknown(record, why, seen), record)
        return await self.settle(stored, records.fail(record, error, self._clock.now()))


def _winner(conflict: Conflict) -> VersionedRecord:
    if conflict.stored is None:
        msg = "The record was deleted while it was being processed."
        raise StorageUnavailable(msg)
    return conflict.stored
