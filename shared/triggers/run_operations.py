"""`/api/runs/{requestId}/…`: cancel a request, run it again, resolve it, show its run."""

from dataclasses import dataclass
from typing import Final

import azure.functions as func

from shared.api import headers, views
from shared.api.headers import Expected
from shared.api.links import Links
from shared.auth.policy import Policy
from shared.gateway import operation_request
from shared.gateway.operation_request import Rerun
from shared.gateway.operations import Cancelling, Operations
from shared.gateway.outcome_view import SOONEST
from shared.gateway.refusal import Refusal
from shared.gateway.run_lookup import RunLookup
from shared.kernel import validation
from shared.kernel.cloud_error import CloudError
from shared.ports import Records, VersionedRecord
from shared.runs.caller import Caller
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Record
from shared.synapse import response_filter
from shared.triggers import responses
from shared.triggers.request_path import find

# RFC 9110: the state that If-Match named is gone. Its code is InvalidState, which alone means 409.
_PRECONDITION_FAILED: Final = 412


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOperations:
    """The routes below one request. Only a caller who may start its pipeline may use them."""

    operations: Operations
    lookup: RunLookup
    records: Records
    links: Links
    policy: Policy

    async def cancel(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `POST …/cancel`: end a request that waits, or cancel the run of a started one."""
        stored = await self._find(request, caller)
        if isinstance(stored, CloudError):
            return responses.refusal(stored)
        outcome = await self.operations.cancel(stored.record.request_id, caller.principal)
        if not isinstance(outcome, Cancelling):
            return await _shown(outcome)
        record = outcome.record
        beside = responses.after(SOONEST) | {"Location": self.links.request(record.request_id)}
        return responses.written((await views.show(record)).to_json(), 202, beside)

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
        trace = headers.traceparent(request.headers)
        outcome = await self.operations.rerun(
            stored.record.request_id,
            rerun.generation or 0,
            Delivery(id=call_id, source=Source.HTTP, traceparent=trace),
            caller.principal,
            rerun.parameters,
            recovery=rerun.recovery,
            seen=expected.tag if expected else None,
        )
        if isinstance(outcome, Refusal):
            return _refused(outcome)
        return responses.reply(outcome, self.links)

    async def resolve(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `POST …/resolve`: record what an operator found out about an unknown outcome."""
        stored = await self._find(request, caller)
        if isinstance(stored, CloudError):
            return responses.refusal(stored)
        media = headers.media_fault(request.headers)
        asked = media or operation_request.read_resolve(request.get_body())
        if isinstance(asked, CloudError):
            return responses.refusal(asked)
        return await _shown(
            await self.operations.resolve(stored.record.request_id, asked.run_id, caller.principal)
        )

    async def show_run(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `GET …/run`: Synapse's own view of the request's run."""
        stored = await self._find(request, caller)
        if isinstance(stored, CloudError):
            return responses.refusal(stored)
        run = await self.lookup.show(stored)
        if isinstance(run, Refusal):
            return _refused(run)
        return responses.written((await response_filter.show_run(run)).body.decode())

    async def _find(
        self, request: func.HttpRequest, caller: Caller
    ) -> VersionedRecord | CloudError:
        return await find(request, self.records, self.policy, caller)


def _read_rerun(request: func.HttpRequest) -> tuple[Rerun, Expected | None] | CloudError:
    """Read headers and body together, so that all errors are reported at once."""
    body = request.get_body()
    media = headers.media_fault(request.headers) if body else None
    if media is not None:
        return media
    expected = headers.if_match(request.headers)
    if isinstance(expected, CloudError):
        # The header can't be read, so a body without a generation is not at fault.
        rest = operation_request.read_rerun(body, None)
        others = rest.details if isinstance(rest, CloudError) else ()
        named = (each for each in others if each.target != "$.generation")
        return validation.invalid([expected, *named])
    rerun = operation_request.read_rerun(body, expected.generation + 1 if expected else None)
    return rerun if isinstance(rerun, CloudError) else (rerun, expected)


async def _shown(outcome: Record | Refusal) -> func.HttpResponse:
    if isinstance(outcome, Refusal):
        return _refused(outcome)
    return responses.written((await views.show(outcome)).to_json())


def _refused(refusal: Refusal) -> func.HttpResponse:
    status = _PRECONDITION_FAILED if refusal.is_outdated else None
    return responses.refusal(refusal.error, retry_after=refusal.retry_after, status=status)
