"""What happens to one delivery, from its arrival to its answer?

claim → createRun → settle → publish result and audit → acknowledge. Whoever dies on the way leaves an
unacknowledged message or a recovery message, and the record answers first: what was decided is never
decided twice, and each delivery gets its answer at least once.
"""

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import Final

from shared import audit, run_result, stored_request
from shared.caller import Caller
from shared.cloud_error import CloudError
from shared.delivery import Delivery, Source
from shared.errors import RecordUnreadable
from shared.insurance import Attend, Insurance
from shared.policy import Policy
from shared.ports import Audit, Clock, Overtaken, Records, Requests, Results, Stored
from shared.record import (
    FINAL,
    Place,
    Record,
    Status,
    claim,
    is_withdrawn,
    reject,
    reopen,
    wait,
)
from shared.run_identity import fingerprint
from shared.run_request import Rejection, Resume, RunRequest, refuse
from shared.run_result import RunResult
from shared.runner import Runner
from shared.settings import AuditParameters, Settings

log: Final = logging.getLogger("run_gateway")

# What an operator should look at; all else that isn't Started is the sender's to mend.
_ALARMING: Final = frozenset({"OutcomeUnknown", "RetriesExhausted", "DeliveryExhausted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The delivery has its answer: it is published and audited."""

    result: RunResult
    record: Record | None = None  #: None where the request was not taken at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """The answer will come on the results queue: a message on the requests queue owes it."""

    record: Record
    seconds: float


Reception = Answered | Deferred


class Gateway:
    """The one sequence. It talks to ports only."""

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
    ) -> None:
        self._clock = clock
        self._records = records
        self._results = results
        self._audit = audit
        self._requests = requests
        self._policy = policy
        self._settings = settings
        self._runner = runner

    async def note(self, rejection: Rejection, delivery: Delivery, principal: str | None) -> None:
        """Keep the end of a delivery in the audit, where nobody waits for a result."""
        now = self._clock.now()
        await self._audit.append(audit.of_rejection(rejection, delivery, principal, now))
        _log_end(run_result.turn_away(rejection, delivery, now))

    async def submit(
        self,
        request: RunRequest,
        delivery: Delivery,
        principal: str,
        *,
        insured: bool = False,
        attend: Attend | None = None,
    ) -> Reception:
        """Take a request as far as it goes now.

        Args:
            request: what was asked for.
            delivery: who is owed the answer.
            principal: who asks, as `access` names it.
            insured: put a recovery message on the queue before anything is sent. For entry points
                whose caller may not ask again; a queue message is its own insurance.
            attend: with insurance, what is done while the request is open and its caller at the door.

        Raises:
            StorageUnavailable: nothing is lost, and the delivery should come again.
            RecordUnreadable: a record of this id stands that can't be understood.
        """
        place = self._policy.place(request, principal)
        if isinstance(place, CloudError):
            return await self._judge(request, place, delivery, principal)
        first = self._first(request, place, delivery, principal)
        if first.status is Status.REJECTED:
            stored = await self._records.insert(stored_request.close(first))
            return await self.follow(stored, request, delivery, principal)
        lease = self._settings.lease
        insurance = (
            Insurance(self._clock, self._requests, first, lease, attend) if insured else None
        )

        async def insert(record: Record) -> Stored | Overtaken:
            write = partial(self._records.insert, record)
            return await (insurance.cover(write) if insurance else write())

        if first.status is Status.WAITING:
            stored = await insert(first)
        else:
            stored = await self._runner.begin(first, insert)
        return await self.follow(stored, request, delivery, principal, insurance)

    async def accept(self, request: RunRequest, delivery: Delivery, principal: str) -> Reception:
        """Record a request and put it on the queue: fast to acknowledge, durable, and of any size."""
        place = self._policy.place(request, principal)
        if isinstance(place, CloudError):
            return await self._judge(request, place, delivery, principal)
        first = self._first(request, place, delivery, principal)
        if first.status is Status.STARTING:
            first = wait(first, 0.0, "accepted", first.changed_at)
        elif first.status is Status.REJECTED:
            first = stored_request.close(first)
        outcome = await self._records.insert(first)
        stored = outcome if isinstance(outcome, Stored) else outcome.stored
        if (
            stored
            and is_withdrawn(stored.record)
            and stored.record.fingerprint == first.fingerprint
        ):
            again = reopen(stored.record, request, delivery, principal, self._clock.now())
            outcome = await self._records.update(stored, again)
            stored = outcome if isinstance(outcome, Stored) else outcome.stored
        if (
            stored
            and stored.record.status not in FINAL
            and stored.record.fingerprint == first.fingerprint
        ):
            # Also of a repeat: nothing is started while its caller waits at the door.
            wait_seconds = max(0.0, stored.record.wait_seconds - stored.age)
            return await self._defer(stored.record, delivery, wait_seconds, None)
        return await self.follow(outcome, request, delivery, principal)

    async def resume(self, message: Resume, delivery: Delivery) -> Reception | None:
        """Take a recorded request up again, and answer the delivery that the message names.

        Args:
            message: our own message.
            delivery: the message's own arrival, for the audit where there is no such request.
        """
        stored = await self._records.get(message.resume)
        if stored is None:
            unknown = CloudError(code="NotFound", message="No request of this id is recorded.")
            rejection = Rejection(error=unknown, request_id=message.resume)
            await self.note(rejection, message.delivery or delivery, None)
            return None
        owed = message.delivery or stored.record.delivery
        if message.fingerprint not in {None, stored.record.fingerprint}:
            rejection = Rejection(error=_conflict(None), request_id=message.resume)
            return await self.turn_away(rejection, owed, None)
        return await self.bring(stored, owed, None)

    async def turn_away(
        self, rejection: Rejection, delivery: Delivery, principal: str | None
    ) -> Answered:
        """Answer a delivery whose request is not taken."""
        now = self._clock.now()
        result = run_result.turn_away(rejection, delivery, now)
        await asyncio.gather(
            self._results.publish(result),
            self._audit.append(audit.of_rejection(rejection, delivery, principal, now)),
        )
        _log_end(result)
        return Answered(result=result)

    async def publish(self, record: Record, delivery: Delivery, principal: str | None) -> RunResult:
        """Tell a delivery what became of its request, on the results queue and in the audit."""
        result = run_result.answer(record, delivery)
        keep = self._settings.audit_parameters is AuditParameters.REDACTED
        entry = audit.of_answer(record, delivery, principal, self._clock.now(), parameters=keep)
        await asyncio.gather(self._results.publish(result), self._audit.append(entry))
        _log_end(result, entry.duration_ms)
        return result

    def _first(
        self, request: RunRequest, place: Place, delivery: Delivery, principal: str
    ) -> Record:
        """The record of a request that has none: its time alone is judged here."""
        now = self._clock.now()
        first = claim(request, place, delivery, principal, now)
        if request.expires_at is not None and request.expires_at <= now:
            message = f"The request expired at {request.expires_at.isoformat()}."
            expired = CloudError(code="RequestExpired", message=message, target="$.expiresAt")
            return reject(first, expired, now)
        if request.not_before is not None and request.not_before > now:
            seconds = (request.not_before - now).total_seconds()
            return wait(first, seconds, "notBefore", now)
        return first

    async def _judge(
        self, request: RunRequest, refusal: CloudError, delivery: Delivery, principal: str
    ) -> Reception:
        """Turn a request away, unless it was taken when the configuration still said otherwise.

        What was taken from one principal is not told to another who may not start it.
        """
        stored = await self._records.get(request.request_id)
        if stored is None or is_withdrawn(stored.record):
            return await self.turn_away(refuse(request, refusal), delivery, principal)
        workspace = request.workspace or self._policy.default_workspace
        barred = self._policy.bar(principal, request.pipeline_name, workspace)
        if barred and not _is_same_asker(stored.record.principal, principal):
            return await self.turn_away(refuse(request, refusal), delivery, principal)
        return await self.follow(Overtaken(stored=stored), request, delivery, principal)

    async def follow(
        self,
        outcome: Stored | Overtaken,
        request: RunRequest,
        delivery: Delivery,
        principal: str,
        insurance: Insurance | None = None,
    ) -> Reception:
        """Go on with the record that stands: this delivery's own, or that of an earlier one."""
        if isinstance(outcome, Stored):
            return await self.bring(outcome, delivery, principal, insurance)
        if outcome.stored is None:  # deleted between our insert and our look: try once more
            attend = insurance.attend if insurance else None
            insured = insurance is not None
            return await self.submit(request, delivery, principal, insured=insured, attend=attend)
        stored = outcome.stored
        record = stored.record
        same = record.delivery.is_same(delivery)
        if not same and self._print(request, record) != record.fingerprint:
            barred = self._policy.bar(principal, record.pipeline_name, record.workspace)
            rejection = refuse(request, _conflict(None if barred else record))
            return await self._turn_away_insured(rejection, delivery, principal, insurance)
        if is_withdrawn(record) and not same and delivery.source is not Source.POISON:
            again = reopen(record, request, delivery, principal, self._clock.now())
            outcome = await self._records.update(stored, again)
            return await self.follow(outcome, request, delivery, principal, insurance)
        return await self.bring(stored, delivery, principal, insurance)

    def _print(self, request: RunRequest, record: Record) -> str:
        name = request.workspace or self._policy.default_workspace
        # A workspace may have gone from the configuration since: then its name is what is left.
        known = self._policy.workspaces.get(name)
        endpoint = known or (record.endpoint if name == record.workspace else "")
        return fingerprint(request, endpoint)

    async def _turn_away_insured(
        self,
        rejection: Rejection,
        delivery: Delivery,
        principal: str | None,
        insurance: Insurance | None,
    ) -> Answered:
        answered = await self.turn_away(rejection, delivery, principal)
        if insurance:
            await insurance.cancel()
        return answered

    async def bring(
        self,
        stored: Stored,
        delivery: Delivery,
        principal: str | None,
        insurance: Insurance | None = None,
    ) -> Reception:
        """Bring a record as far as it goes now, then answer the delivery or owe it the answer."""
        standing = await self._runner.advance(stored)
        if insurance and insurance.attend:
            standing = await insurance.attend(standing, delivery)
        record = standing.stored.record
        if record.status not in FINAL:
            return await self._defer(record, delivery, standing.wait or 0.0, insurance)
        if not record.delivery.is_same(delivery):
            delivery = delivery.model_copy(update={"duplicate": True})
        elif principal is None:
            principal = record.principal
        result = await self.publish(record, delivery, principal)
        if insurance:
            await insurance.cancel()
        return Answered(result=result, record=record)

    async def _defer(
        self, record: Record, delivery: Delivery, seconds: float, insurance: Insurance | None
    ) -> Deferred:
        if insurance is None:
            owed = Resume(resume=record.request_id, delivery=delivery)
            await self._requests.enqueue(owed, seconds)
        else:
            await insurance.move(seconds)
        log.info(
            "run_gateway.delivery_deferred",
            extra={
                "requestId": record.request_id,
                "status": record.status,
                "attempt": record.attempts,
                "source": delivery.source,
                "seconds": round(seconds, 1),
            },
        )
        return Deferred(record=record, seconds=seconds)


def unreadable(request_id: str, error: RecordUnreadable) -> Rejection:
    """Say that a record stands that nobody may act upon: nothing was started for it now."""
    message = f"{error} Nothing was started now; a run may exist."
    unavailable = CloudError(code="GatewayUnavailable", message=message, target="$.requestId")
    return Rejection(error=unavailable, request_id=request_id, may_run=True)


def _conflict(record: Record | None) -> CloudError:
    """Say that the id is taken, and of the record its state where the caller may read it."""
    state = f"is {record.status}, and it is" if record else "is"
    message = (
        "An earlier request with this id asks for something else: it differs in pipeline, workspace, "
        f"parameters or recovery. It {state} left as it is."
    )
    return CloudError(code="RequestIdConflict", message=message, target="$.requestId")


def _log_end(result: RunResult, milliseconds: int = 0) -> None:
    """One line for each end of a delivery."""
    code = result.error.code if result.error else None
    level = logging.ERROR if code in _ALARMING else logging.WARNING if code else logging.INFO
    log.log(
        level,
        "run_gateway.delivery_ended",
        extra={
            "requestId": result.request_id,
            "status": result.status,
            "runId": result.run_id,
            "code": code,
            "attempt": result.attempts,
            "milliseconds": milliseconds,
            "source": result.source,
            "duplicate": result.duplicate,
        },
    )


def _is_same_asker(one: str, other: str) -> bool:
    # The first name is who asks: a user's object id, whatever application it came through this time.
    return Caller.read(one).principals[0] == Caller.read(other).principals[0]
