"""The sequence of one delivery, from its arrival to its answer.

claim → createRun → settle → publish result and audit → acknowledge. If the process dies midway, a message
remains; redelivery reads the record first, so nothing is decided twice, and each delivery gets its answer at
least once.
"""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from shared.auth.policy import Policy
from shared.config.settings import AuditParameters, Settings
from shared.gateway import delivery_log
from shared.gateway.attempt import Attempt, Exhausted
from shared.gateway.recovery_message import QueueMessage, RecoveryMessage
from shared.gateway.runner import OnOpen, Runner
from shared.gateway.tracking import Tracking
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import RecordUnreadable, StorageUnavailable
from shared.ports import Audit, Clock, Conflict, Records, Requests, Results, VersionedRecord
from shared.runs import audit_entry, payload, result as run_result
from shared.runs.audit_entry import AuditEntry
from shared.runs.caller import Caller
from shared.runs.delivery import Delivery, Source
from shared.runs.identity import fingerprint
from shared.runs.record import (
    FINAL,
    Place,
    Reason,
    Record,
    Status,
    claim,
    fail,
    is_withdrawn,
    reject,
    reopen,
    wait,
)
from shared.runs.request import Rejection, Resume, RunRequest, is_of_event, refuse, too_far_ahead
from shared.runs.result import RunResult

MAX_RACES: Final = 5  # lost for one record, before the delivery has to come again
LATE_ROUNDS: Final = 3  # of a recovery message without a record; no call lasts for so many leases


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The delivery has its answer: it is published and audited."""

    result: RunResult
    record: Record | None = None  #: None if the request was turned away


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """The answer will come on the results queue; a message on the requests queue sees to that."""

    record: Record
    seconds: float


Reception = Answered | Deferred


class Gateway:
    """Takes each delivery from arrival to answer, through ports only."""

    def __init__(
        self,
        *,
        clock: Clock,
        records: Records,
        results: Results,
        audit: Audit,
        requests: Requests,
        policy: Policy,
        settings: Settings,
        runner: Runner,
        tracking: Tracking,
    ) -> None:
        self._clock = clock
        self._records = records
        self._results = results
        self._audit = audit
        self._requests = requests
        self._policy = policy
        self._settings = settings
        self._runner = runner
        self._tracking = tracking

    async def note(self, rejection: Rejection, delivery: Delivery, principal: str | None) -> None:
        """Record the end of a delivery in the audit alone: no reader expects a result."""
        await self.turn_away(rejection, delivery, principal, publish=False)

    def attempt(self, delivery: Delivery, principal: str | None) -> Attempt:
        """Begin to serve a caller who may not ask again: a recovery message precedes the record."""
        lease = self._settings.lease
        message = RecoveryMessage(self._clock, self._requests, delivery, principal, lease=lease)
        return Attempt(delivery=delivery, principal=principal, message=message)

    async def submit(
        self,
        request: RunRequest,
        delivery: Delivery,
        principal: str,
        *,
        recoverable: bool = False,
        on_open: OnOpen | None = None,
    ) -> Reception:
        """Process a request as far as possible now.

        Args:
            request: what was asked for.
            delivery: the delivery to answer.
            principal: the caller, as `access` names it.
            recoverable: put a recovery message on the queue before the record is written. For entry points
                whose caller may not ask again; a queue message is its own recovery message.
            on_open: waits for the caller while the request is open.

        Raises:
            StorageUnavailable: nothing is lost, and the delivery should come again.
            RecordUnreadable: the record of this id can't be read.
        """
        attempt = (
            self.attempt(delivery, principal)
            if recoverable
            else self._by_queue(delivery, principal)
        )
        return await self._take(request, replace(attempt, on_open=on_open))

    async def accept(self, request: RunRequest, delivery: Delivery, principal: str) -> Reception:
        """Record a request and leave it to the queue: durable and fast to acknowledge, whatever its size."""
        attempt = replace(self.attempt(delivery, principal), left=True)
        try:
            return await self._take(request, attempt)
        except RecordUnreadable:
            await attempt.message.withdraw()  # the sender sends again: no answer is owed
            raise

    async def decline(self, rejection: Rejection, delivery: Delivery, principal: str) -> Reception:
        """Answer a delivery that makes no request from the record of its id; refuse it if there is none."""
        attempt = replace(self.attempt(delivery, principal), left=True)
        stored = rejection.request_id and await self._records.get(rejection.request_id)
        return await (self.bring(stored, attempt) if stored else self._end(rejection, attempt))

    async def exhaust(
        self, request: RunRequest, delivery: Delivery, principal: str, exhausted: Exhausted
    ) -> Reception:
        """Answer a request that the platform gave up on: from its record, or with `exhausted` if there is none."""
        attempt = replace(self._by_queue(delivery, principal), left=True, exhausted=exhausted)
        return await self._take(request, attempt)

    async def resume(self, message: Resume, delivery: Delivery) -> Reception | None:
        """Resume a recorded request, and answer the delivery that the message names.

        Args:
            message: our own message.
            delivery: that of the message itself, for the audit if there is no such request.
        """
        stored = await self._records.get(message.resume)
        if stored is None and await self._put_back(message):
            return None
        if stored is None:
            unknown = CloudError(code=Code.NOT_FOUND, message="No request of this id is recorded.")
            rejection = Rejection(error=unknown, request_id=message.resume)
            await self.note(rejection, message.delivery or delivery, message.principal)
            return None
        recipient = message.delivery or stored.record.delivery
        is_other = message.fingerprint not in {None, stored.record.fingerprint}
        if is_other and not is_of_event(message.resume):
            rejection = Rejection(error=_conflict(None), request_id=message.resume)
            return await self.turn_away(rejection, recipient, message.principal)
        return await self.bring(stored, self._by_queue(recipient, message.principal))

    async def _put_back(self, message: Resume) -> bool:
        """Put a message back whose record may still be written: a recovery message precedes its record.

        Only once for each round: if a put that failed were tried again, messages would multiply when it had landed.
        """
        if message.fingerprint is None or message.rounds >= LATE_ROUNDS:
            return False
        next_round = message.model_copy(update={"rounds": message.rounds + 1})
        try:
            await self._requests.enqueue(next_round, self._settings.lease)
        except StorageUnavailable:
            return False
        return True

    async def turn_away(
        self,
        rejection: Rejection,
        delivery: Delivery,
        principal: str | None,
        *,
        publish: bool = True,
    ) -> Answered:
        """Answer a delivery whose request is refused; without `publish`, in the audit alone."""
        now = self._clock.now()
        result = run_result.turn_away(rejection, delivery, now)
        entry = audit_entry.of_rejection(rejection, delivery, principal, now)
        await self._write(result, entry, [self._results.publish(result)] if publish else [])
        return Answered(result=result)

    async def publish(self, record: Record, delivery: Delivery, principal: str | None) -> RunResult:
        """Publish the result of a final record for a delivery, audit it, and have its run followed."""
        result, now = run_result.answer(record, delivery), self._clock.now()
        keep = self._settings.audit_parameters is AuditParameters.REDACTED
        entry = audit_entry.of_answer(record, delivery, principal, now, parameters=keep)
        more = self._results.publish(result), self._tracking.track(record)
        await self._write(result, entry, more, followed=record.followed)
        return result

    async def _write(
        self,
        result: RunResult,
        entry: AuditEntry,
        more: Iterable[Awaitable[None]],
        *,
        followed: bool = False,
    ) -> None:
        await asyncio.gather(self._audit.append(entry), *more)
        delivery_log.ended(result, entry, followed=followed)

    def _by_queue(self, delivery: Delivery, principal: str | None) -> Attempt:
        message = QueueMessage(self._requests, delivery, principal)
        return Attempt(delivery=delivery, principal=principal, message=message)

    async def _take(self, request: RunRequest, attempt: Attempt) -> Reception:
        """Claim a request and continue with its record: this delivery's, or an earlier one's."""
        for _ in range(MAX_RACES):
            first = self._judge(request, attempt)
            if isinstance(first, CloudError):
                return await self._refuse(request, first, attempt)
            outcome = await self._claim(first, request, attempt)
            if isinstance(outcome, VersionedRecord):
                return await self.bring(outcome, attempt)
            if outcome.stored is None:
                continue  # deleted between the insert and the read
            conflict = self._conflicts(request, outcome.stored.record, attempt)
            if conflict:
                return await self._end(conflict, attempt)
            stored = await self._reopened(outcome.stored, request, first, attempt)
            if stored is not None:
                return await self.bring(stored, attempt)
        msg = "Other processes kept changing the record."
        raise StorageUnavailable(msg)

    def _judge(self, request: RunRequest, attempt: Attempt) -> Record | CloudError:
        """Return the record to insert for a request that has none, or why the request is refused."""
        now, exhausted = self._clock.now(), attempt.exhausted
        if exhausted:
            name = request.workspace or self._policy.default_workspace
            nowhere = Place(name=name, endpoint=self._policy.workspaces.get(name, ""))
            first = self._first(request, nowhere, attempt, now)
            return (fail if exhausted.may_run else reject)(first, exhausted.error, now)
        place = self._policy.place(request, attempt.principal or "")
        if isinstance(place, CloudError):
            return place
        first = self._first(request, place, attempt, now)
        return too_far_ahead(request, now) or _timed(first, request, now, left=attempt.left)

    def _first(self, request: RunRequest, place: Place, attempt: Attempt, now: datetime) -> Record:
        nonce, principal = self._clock.nonce(), attempt.principal or ""
        first = claim(request, place, attempt.delivery, principal, now, nonce=nonce)
        return replace(first, followed=self._tracking.follows(request))

    async def _claim(
        self, first: Record, request: RunRequest, attempt: Attempt
    ) -> VersionedRecord | Conflict:
        insert = partial(attempt.message.cover, write=self._records.insert)
        if first.status is Status.STARTING:
            return await self._runner.begin(first, request, insert)
        return await insert(await payload.close(first))

    async def _refuse(
        self, request: RunRequest, refusal: CloudError, attempt: Attempt
    ) -> Reception:
        """Refuse what policy forbids, unless a record from before the policy changed exists."""
        stored = await self._records.get(request.request_id)
        if stored is None or is_withdrawn(stored.record) or self._hides(stored, request, attempt):
            # Over HTTP the response says so: a forbidden caller must not fill the results queue.
            is_told = refusal.code == Code.NOT_PERMITTED and attempt.delivery.source is Source.HTTP
            return await self._end(refuse(request, refusal), attempt, publish=not is_told)
        conflict = self._conflicts(request, stored.record, attempt)
        return await (self._end(conflict, attempt) if conflict else self.bring(stored, attempt))

    def _hides(self, stored: VersionedRecord, request: RunRequest, attempt: Attempt) -> bool:
        """Return whether a record is hidden from this caller: it is another's, and the caller may not start it."""
        workspace = request.workspace or self._policy.default_workspace
        asking = attempt.principal or ""
        if self._policy.permits(asking, request.pipeline_name, workspace):
            return False
        return not Caller.are_same(stored.record.principal, asking)

    def _conflicts(self, request: RunRequest, record: Record, attempt: Attempt) -> Rejection | None:
        """Return the conflict of a request with an existing record; None if both ask for the same."""
        if record.delivery.is_same(attempt.delivery) or is_of_event(request.request_id):
            return None
        name = request.workspace or self._policy.default_workspace
        # A workspace may have been removed from the configuration: then only its name is left.
        known = self._policy.workspaces.get(name)
        endpoint = known or (record.endpoint if name == record.workspace else "")
        if fingerprint(request, endpoint) == record.fingerprint:
            return None
        asking = attempt.principal or ""
        may_read = self._policy.permits(asking, record.pipeline_name, record.workspace)
        return refuse(request, _conflict(record if may_read else None))

    async def _reopened(
        self, stored: VersionedRecord, request: RunRequest, first: Record, attempt: Attempt
    ) -> VersionedRecord | None:
        """Reopen a withdrawn request for the present caller; None if another process was quicker."""
        record, delivery = stored.record, attempt.delivery
        is_over = not is_withdrawn(record) or record.delivery.is_same(delivery)
        if is_over or attempt.exhausted:
            return stored
        now = self._clock.now()
        reopened = reopen(record, request, delivery, attempt.principal or "", now)
        if first.status in FINAL and first.error:  # it has expired meanwhile
            reopened = await payload.close(reject(reopened, first.error, now))
        update = partial(self._records.update, stored)
        written = await attempt.message.cover(reopened, update)
        return written if isinstance(written, VersionedRecord) else None

    async def _end(
        self, rejection: Rejection, attempt: Attempt, *, publish: bool = True
    ) -> Answered:
        answered = await self.turn_away(
            rejection, attempt.delivery, attempt.principal, publish=publish
        )
        await attempt.message.withdraw()
        return answered

    async def bring(self, stored: VersionedRecord, attempt: Attempt) -> Reception:
        """Advance a record as far as possible now, then answer the delivery or defer its answer."""
        delivery, principal = attempt.delivery, attempt.principal
        if attempt.left and stored.record.status not in FINAL:
            payload.read(stored.record)  # raises: an unreadable request is not left to the queue
            wait_seconds = max(0.0, stored.record.wait_seconds - stored.age)
            return await self._defer(stored.record, attempt, wait_seconds)
        progress = await self._runner.advance(stored)
        if attempt.on_open:
            progress = await attempt.on_open(progress, delivery)
        record = progress.stored.record
        if record.status not in FINAL:
            return await self._defer(record, attempt, progress.wait or 0.0)
        if not record.delivery.is_same(delivery):
            delivery = delivery.model_copy(update={"duplicate": True})
        elif principal is None:
            principal = record.principal
        result = await self.publish(record, delivery, principal)
        await attempt.message.withdraw()
        return Answered(result=result, record=record)

    async def _defer(self, record: Record, attempt: Attempt, seconds: float) -> Deferred:
        await attempt.message.defer(record, seconds)
        delivery_log.deferred(record, attempt.delivery, seconds, self._clock.now())
        return Deferred(record=record, seconds=seconds)


def _timed(first: Record, request: RunRequest, now: datetime, *, left: bool) -> Record:
    """Return a new request's record by its times: expired, waiting, or to be sent now."""
    if request.expires_at is not None and request.expires_at <= now:
        message = f"The request expired at {request.expires_at.isoformat()}."
        expired = CloudError(code=Code.REQUEST_EXPIRED, message=message, target="$.expiresAt")
        return reject(first, expired, now)
    if request.not_before is not None and request.not_before > now:
        seconds = (request.not_before - now).total_seconds()
        return wait(first, seconds, Reason.NOT_BEFORE, now)
    return wait(first, 0.0, Reason.ACCEPTED, now) if left else first


def unreadable(request_id: str, error: RecordUnreadable) -> Rejection:
    """Return the rejection of a request whose record can't be read: nothing was started now."""
    message = f"{error} Nothing was started now; a run may exist."
    unavailable = CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message, target="$.requestId")
    return Rejection(error=unavailable, request_id=request_id, may_run=True)


def _conflict(record: Record | None) -> CloudError:
    """Return the error for an id already used, with the record's state if the caller may read it."""
    state = f"is {record.status}, and it is" if record else "is"
    message = (
        "An earlier request with this id asks for something else: it differs in pipeline, workspace, "
        f"parameters or recovery. It {state} left as it is."
    )
    return CloudError(code=Code.REQUEST_ID_CONFLICT, message=message, target="$.requestId")
