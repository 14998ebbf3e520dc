"""`/api/runs/{requestId}/…`: cancel a request, run it again, resolve it, show its run.

What one may not start one may not cancel, run again or look at.
"""

import math
from dataclasses import dataclass
from typing import Final

import azure.functions as func

from shared.api import headers, views
from shared.api.headers import Expected
from shared.auth.policy import Policy
from shared.gateway import operation_request
from shared.gateway.operation_request import Rerun
from shared.gateway.operations import IF_MATCH, Operations, changed
from shared.gateway.throttle import NotAsked, Throttle
from shared.kernel import validation
from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Pipelines, Records, VersionedRecord
from shared.runs.caller import Caller
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Record, Status
from shared.synapse import response_filter, run_response
from shared.synapse.reply import Absent, Forbidden, Found, Unreachable
from shared.triggers import responses
from shared.triggers.runs import find

# 412 says that the state named by If-Match is gone; the codes of the gateway have no other word for it.
_PRECONDITION_FAILED: Final = 412
_PAUSE: Final = 5  # seconds before Synapse is worth asking again where its answer names no time


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOperations:
    """The routes below one request."""

    operations: Operations
    records: Records
    pipelines: Pipelines
    policy: Policy
    throttle: Throttle

    async def cancel(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `POST …/cancel`: end a request that waits."""
        stored = await self._find(request, caller)
        if isinstance(stored, CloudError):
            return responses.refusal(stored)
        outcome = await self.operations.cancel(stored.record.request_id, caller.principal)
        if isinstance(outcome, CloudError):
            return responses.refusal(outcome, retry_after=_soon(stored, outcome))
        return responses.written((await views.show(outcome)).to_json())

    async def rerun(
        self, request: func.HttpRequest, caller: Caller, call_id: str
    ) -> func.HttpResponse:
        """Serve `POST …/rerun`: run a finished request again, once for each generation."""
        stored = await self._find(request, caller)
        if isinstance(stored, CloudError):
            return responses.refusal(stored)
        asked = _read_rerun(request)
        if isinstance(asked, CloudError):
            return responses.refusal(asked)
        rerun, expected = asked
        if expected is not None and _is_gone(expected, stored):
            return responses.refusal(changed(stored.record), status=_PRECONDITION_FAILED)
        # A tag of the generation before names a rerun that was asked for already.
        is_this = expected is not None and expected.generation == stored.record.generation
        trace = headers.traceparent(request.headers)
        outcome = await self.operations.rerun(
            stored.record.request_id,
            rerun.generation or 0,
            Delivery(id=call_id, source=Source.HTTP, traceparent=trace),
            caller.principal,
            rerun.parameters,
            recovery=rerun.recovery,
            seen=stored.version if is_this else None,
        )
        if isinstance(outcome, CloudError):
            gone = _PRECONDITION_FAILED if outcome.target == IF_MATCH else None
            return responses.refusal(outcome, retry_after=_soon(stored, outcome), status=gone)
        return responses.reply(outcome)

    async def resolve(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `POST …/resolve`: keep what an operator found out about an unknown outcome."""
        stored = await self._find(request, caller)
        if isinstance(stored, CloudError):
            return responses.refusal(stored)
        media = headers.media_fault(request.headers)
        asked = media or operation_request.read_resolve(request.get_body())
        if isinstance(asked, CloudError):
            return responses.refusal(asked)
        said_by = await self._vouched(stored.record, asked.run_id, caller)
        if isinstance(said_by, func.HttpResponse):
            return said_by
        outcome = await self.operations.resolve(stored.record.request_id, asked.run_id, said_by)
        if isinstance(outcome, CloudError):
            return responses.refusal(outcome, retry_after=_soon(stored, outcome))
        return responses.written((await views.show(outcome)).to_json())

    async def show_run(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `GET …/run`: Synapse's own view of the request's run."""
        stored = await self._find(request, caller)
        if isinstance(stored, CloudError):
            return responses.refusal(stored)
        record = stored.record
        if record.run_id is None:
            none = CloudError(
                code=Code.NOT_FOUND, message=f"The request is {record.status}; it has no run."
            )
            return responses.refusal(none, retry_after=views.retry_after(stored))
        run_id, lane = record.run_id, self.throttle.looks(record.endpoint)
        outcome = await lane.ask(lambda: self.pipelines.get_run(record.endpoint, run_id))
        if isinstance(outcome, NotAsked):
            return responses.refusal(outcome.error, retry_after=math.ceil(outcome.seconds))
        run = run_response.read(outcome, run_id)
        if isinstance(run, CloudError):
            return responses.refusal(run, retry_after=math.ceil(lane.remaining()) or None)
        # An operator may have named any run: one of another pipeline is not this request's.
        if run.pipeline_name.casefold() != record.pipeline_name.casefold():
            return responses.refusal(run_response.absent())
        return responses.written((await response_filter.show_run(run)).body.decode())

    async def _vouched(
        self, record: Record, run_id: str | None, caller: Caller
    ) -> str | func.HttpResponse:
        """Compare a named run's pipeline with the record's; return who vouches for it, or the refusal."""
        if run_id is None:
            return caller.principal
        lane = self.throttle.looks(record.endpoint)
        match await lane.ask(lambda: self.pipelines.find_run(record.endpoint, run_id)):
            case Found(pipeline_name=name) if name.casefold() == record.pipeline_name.casefold():
                return caller.principal
            case Absent() | Forbidden() if not self.policy.bars(caller.principal):
                return f"{caller.principal}, unseen by the gateway"
            case NotAsked(error=error) | Unreachable(error=error):
                message = "Synapse could not be asked for the run."
                away = CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message, details=(error,))
                return responses.refusal(away, retry_after=math.ceil(lane.remaining()) or _PAUSE)
            case _:
                message = "The gateway sees no run of the request's pipeline with this id."
                no_such = CloudError(code=Code.INVALID_STATE, message=message, target="$.runId")
                return responses.refusal(no_such)

    async def _find(
        self, request: func.HttpRequest, caller: Caller
    ) -> VersionedRecord | CloudError:
        return await find(self.records, self.policy, request, caller)


def _read_rerun(request: func.HttpRequest) -> tuple[Rerun, Expected | None] | CloudError:
    """Read headers and body together, so that all faults are told at once."""
    body = request.get_body()
    media = headers.media_fault(request.headers) if body else None
    if media is not None:
        return media
    expected = headers.if_match(request.headers)
    if isinstance(expected, CloudError):
        # Where the header can't be read, the body is not blamed for naming no generation.
        rest = operation_request.read_rerun(body, None)
        told = rest.details if isinstance(rest, CloudError) else ()
        named = (each for each in told if each.target != "$.generation")
        return validation.invalid([expected, *named])
    rerun = operation_request.read_rerun(body, expected.generation + 1 if expected else None)
    return rerun if isinstance(rerun, CloudError) else (rerun, expected)


def _is_gone(expected: Expected, stored: VersionedRecord) -> bool:
    """Tell whether a record of that generation has changed since. An older one's rerun was asked for before."""
    same = expected.generation == stored.record.generation
    return same and expected.tag != views.entity_tag(stored)


def _soon(stored: VersionedRecord, error: CloudError) -> int | None:
    """Tell when an open request is worth another try."""
    if error.code != Code.INVALID_STATE or stored.record.status is Status.WAITING:
        return None
    return views.retry_after(stored)
