"""Cancels a request, runs it again, or records what an operator found out about it."""

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from pydantic import JsonValue

from shared.gateway import visibility
from shared.gateway.gateway import Gateway, Reception
from shared.gateway.operation_request import Recovery
from shared.gateway.refusal import Refusal, settles_in
from shared.gateway.run_lookup import RunLookup
from shared.kernel import log_line
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.validation import fault
from shared.ports import Clock, Records, VersionedRecord
from shared.runs import payload, record as records
from shared.runs.delivery import Delivery
from shared.runs.identity import fingerprint
from shared.runs.record import FINAL, Record, Status
from shared.runs.request import RunRequest
from shared.synapse import run_response
from shared.synapse.run_row import ENDED_STATUSES

MAX_RACES: Final = 5
_NO_RECOVERY: Final = {
    "reference_pipeline_run_id": None,
    "is_recovery": None,
    "start_activity_name": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelling:
    """Synapse has taken the order to cancel the run; how it ends, its outcome says."""

    record: Record


class Operations:
    """Each method takes a request's id and returns the outcome, or a Refusal that says why not."""

    def __init__(
        self, *, clock: Clock, records: Records, gateway: Gateway, lookup: RunLookup
    ) -> None:
        self._clock = clock
        self._records = records
        self._gateway = gateway
        self._lookup = lookup

    async def cancel(self, request_id: str, principal: str) -> Record | Cancelling | Refusal:
        """End a waiting request, or cancel the run of a started one; any other stays as it is."""
        for _ in range(MAX_RACES):
            stored = await self._records.get(request_id)
            if stored is None:
                return _not_found(request_id)
            record = stored.record
            if _is_cancelled(record):
                return record  # a repeat gets the same answer
            if record.status is Status.STARTED:
                cancelled = await self._cancel_run(stored, principal)
                if cancelled is None:
                    continue
                return cancelled
            if record.status is not Status.WAITING:
                return _invalid_state(stored, "cancelled")
            error = CloudError(
                code=Code.REQUEST_CANCELLED, message=f"{principal} cancelled the request."
            )
            stopped = await payload.close(records.stop(record, error, self._clock.now()))
            if await self._end(stored, stopped):
                return stopped
        return _contended(request_id)

    async def _cancel_run(
        self, stored: VersionedRecord, principal: str
    ) -> Record | Cancelling | Refusal | None:
        """Cancel a request's run; None if the record was changed meanwhile."""
        run = await self._lookup.show(stored)
        if isinstance(run, Refusal):
            return run
        status = run.content.get("status")
        if status == "Cancelled":
            return stored.record
        if status in ENDED_STATUSES:
            return Refusal(error=run_response.ended(status=str(status)))
        asked = records.ask_to_cancel(stored.record, principal, self._clock.now())
        written = await self._records.update(stored, asked)
        if not isinstance(written, VersionedRecord):
            return None
        refusal = await self._lookup.cancel(written)
        if refusal:
            return refusal
        record = written.record
        log_line.write(
            logging.INFO,
            "run_cancelled",
            runId=record.run_id,
            principal=principal,
            pipelineName=record.pipeline_name,
        )
        return Cancelling(record=record)

    async def rerun(
        self,
        request_id: str,
        generation: int,
        delivery: Delivery,
        principal: str,
        parameters: dict[str, JsonValue] | None = None,
        *,
        recovery: Recovery | None = None,
        seen: str | None = None,
    ) -> Reception | Refusal:
        """Run a finished request again as the given generation, once; the delivery is answered with the new run.

        Args:
            request_id: which request.
            generation: the next one: a repeated call gets the same answer, never a third run.
            delivery: the delivery to answer.
            principal: the caller.
            parameters: all of them, if some were redacted when the request ended. They must be
                those of the first run: the fingerprint is compared.
            recovery: recovers the last run, from which Synapse then takes the parameters.
            seen: the tag of the state that the record must still be in; None for any.
        """
        for _ in range(MAX_RACES):
            stored = await self._records.get(request_id)
            if stored is None:
                return _not_found(request_id)
            record = stored.record
            if record.generation == generation > 1:
                return await self._gateway.bring(stored, self._gateway.attempt(delivery, principal))
            obstacle = _obstacle(stored, generation, seen)
            if obstacle:
                return obstacle
            request = _recovering(stored, recovery) if recovery else _restored(stored, parameters)
            if isinstance(request, Refusal):
                return request
            now, nonce = self._clock.now(), self._clock.nonce()
            next_record = records.rerun(record, request, delivery, principal, now, nonce=nonce)
            # Publish this generation's result first; nothing does after the rerun starts.
            await self._gateway.publish(record, record.delivery, record.principal)
            attempt = self._gateway.attempt(delivery, principal)
            update = partial(self._records.update, stored)
            written = await attempt.message.cover(next_record, update)
            if isinstance(written, VersionedRecord):
                return await self._gateway.bring(written, attempt)
            await attempt.message.withdraw()
        return _contended(request_id)

    async def resolve(
        self, request_id: str, run_id: str | None, principal: str
    ) -> Record | Refusal:
        """Record which run an operator found for a request whose outcome is unknown; None if there is none."""
        for _ in range(MAX_RACES):
            stored = await self._records.get(request_id)
            if stored is None:
                return _not_found(request_id)
            record = stored.record
            unknown = record.error is not None and record.error.code == Code.OUTCOME_UNKNOWN
            said_by: str | Refusal = principal
            if run_id is not None:
                said_by = await self._lookup.vouch(record, run_id, principal)
            if isinstance(said_by, Refusal):
                return said_by
            resolved = _resolved(record, run_id, said_by, self._clock.now())
            if _says_the_same(record, resolved):
                return record  # a repeat gets the same answer
            if record.status is not Status.FAILED or not unknown:
                return _invalid_state(stored, "resolved")
            if await self._end(stored, resolved):
                return resolved
        return _contended(request_id)

    async def _end(self, stored: VersionedRecord, ended: Record) -> bool:
        """Write a request's end and publish it; False if another process was quicker."""
        # A final record has no message; if the process dies before publishing, this one remains.
        message = self._gateway.attempt(ended.delivery, ended.principal).message
        written = await message.cover(ended, partial(self._records.update, stored))
        if isinstance(written, VersionedRecord):
            await self._gateway.publish(ended, ended.delivery, ended.principal)
        await message.withdraw()
        return isinstance(written, VersionedRecord)


def _resolved(record: Record, run_id: str | None, principal: str, now: datetime) -> Record:
    if run_id is not None:
        return records.start(record, run_id, f"resolved by {principal}", now)
    message = f"{principal} found that no run was started. The request may be run again."
    return records.fail(record, CloudError(code=Code.RETRIES_EXHAUSTED, message=message), now)


def _says_the_same(record: Record, resolved: Record) -> bool:
    """Return whether an operator's resolution is what the record says already."""
    return (record.status, record.run_id, record.error) == (
        resolved.status,
        resolved.run_id,
        resolved.error,
    )


def _obstacle(stored: VersionedRecord, generation: int, seen: str | None) -> Refusal | None:
    record = stored.record
    is_next = record.generation + 1 == generation
    if is_next and seen not in {None, stored.tag}:
        message = f"The request has changed since: it is {record.status} now."
        error = CloudError(code=Code.INVALID_STATE, message=message, target="$.headers.if-match")
        return Refusal(error=error, is_outdated=True)
    if record.status not in FINAL or not is_next:
        return _invalid_state(stored, f"run again as generation {generation}")
    return None


def _is_cancelled(record: Record) -> bool:
    error = record.error
    if record.status not in FINAL or error is None:
        return False
    return any(each.code == Code.REQUEST_CANCELLED for each in (error, *error.details))


def _recovering(stored: VersionedRecord, recovery: Recovery) -> RunRequest | Refusal:
    """Return a request that recovers the record's run. Its parameters are kept, and not sent: see `runner`."""
    record = stored.record
    if record.run_id is None:
        return _invalid_state(stored, "recovered: no run of it is known")
    return payload.read(record).model_copy(
        update={
            "reference_pipeline_run_id": record.run_id,
            "is_recovery": True,
            "start_activity_name": recovery.start_activity_name,
            "not_before": None,
            "expires_at": None,
        }
    )


def _restored(
    stored: VersionedRecord, parameters: dict[str, JsonValue] | None
) -> RunRequest | Refusal:
    record = stored.record
    request = payload.read(record)
    if parameters is not None:
        request = request.model_copy(update={"parameters": parameters})
    # The times are the first run's; a rerun starts at once.
    request = request.model_copy(update={"not_before": None, "expires_at": None})
    # After a recovery the request contains its fields; the original request had none.
    for candidate in (request, request.model_copy(update=_NO_RECOVERY)):
        if fingerprint(candidate, record.endpoint) == record.fingerprint:
            return candidate
    if parameters is None and not record.redacted:
        # The original request was a recovery, and the last recovery has overwritten its fields.
        wish = "run again except as a recovery: what it recovered first is no longer known"
        return _invalid_state(stored, wish)
    message = (
        "Some parameters were redacted when the request ended: send all of them again."
        if parameters is None
        else "The parameters are not those of the first run; another run needs another requestId."
    )
    return Refusal(error=fault("$.parameters", message))


def _not_found(request_id: str) -> Refusal:
    return Refusal(error=visibility.not_found(request_id))


def _invalid_state(stored: VersionedRecord, wish: str) -> Refusal:
    record = stored.record
    message = f"The request is {record.status}, generation {record.generation}; it can't be {wish}."
    error = CloudError(code=Code.INVALID_STATE, message=message)
    # A waiting request may wait for days.
    again = None if record.status is Status.WAITING else settles_in(stored)
    return Refusal(error=error, retry_after=again)


def _contended(request_id: str) -> Refusal:
    message = f"Other processes kept changing request {request_id!r}; try again."
    return Refusal(error=CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message))
