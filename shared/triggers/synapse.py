"""Serves Synapse's own wire format, for clients that were made for Synapse.

They understand statuses, `{"runId"}` and `{"error"}`. The statuses are chosen by what azure-core's RetryPolicy does with
them: it sends a POST again, with the same x-ms-client-request-id, after 500, 503 and 504, and after any error with
Retry-After (azure/core/pipeline/policies/_retry.py).
"""

import math
from dataclasses import dataclass
from typing import Final

import azure.functions as func

from shared.api import headers, synapse_request
from shared.api.synapse_request import WireCall
from shared.gateway.gateway import Answered, Deferred, Gateway, Reception, unreadable
from shared.gateway.synchronous_start import SynchronousStart
from shared.gateway.workspace_runs import WorkspaceRuns
from shared.kernel import validation
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import RecordUnreadable
from shared.runs.caller import Caller
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Record
from shared.runs.request import Rejection, RunRequest, read_object
from shared.runs.result import Outcome
from shared.synapse.reply import NOTHING, Wire
from shared.synapse.response_filter import NotPassed, Passed
from shared.triggers import responses

CLIENT_REQUEST_ID: Final = "x-ms-client-request-id"
CORRELATION_ID: Final = "x-ms-correlation-request-id"
_LONGEST_ID: Final = 200
_SOON: Final = 60.0  # the longest Retry-After: an SDK sleeps for all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRoutes:
    """The four routes of Synapse that the gateway serves, for the default workspace."""

    gateway: Gateway
    synchronous_start: SynchronousStart
    workspace: WorkspaceRuns

    async def create_run(
        self, request: func.HttpRequest, caller: Caller, call_id: str
    ) -> func.HttpResponse:
        """Serve `POST /pipelines/{pipelineName}/createRun`: 202 with the run's id, or no run."""
        asked = _read(request, call_id)
        delivery = _delivery(request, call_id)
        try:
            reception = await self._take(asked, delivery, caller.principal)
        except RecordUnreadable as error:
            rejection = unreadable(asked.request_id or call_id, error)
            await self.gateway.note(rejection, delivery, caller.principal)
            return _marked(responses.refusal(rejection.error), request, call_id)
        record = reception.record
        wire = _wire(record) if record else NOTHING
        named = asked.request_id or call_id
        return _marked(_created(reception), request, call_id, wire=wire, request_id=named)

    async def show(
        self, request: func.HttpRequest, caller: Caller, call_id: str
    ) -> func.HttpResponse:
        """Serve `GET /pipelineruns/{runId}`."""
        run_id = _run_id(request)
        if isinstance(run_id, CloudError):
            return _marked(responses.refusal(run_id), request, call_id)
        return _passed(await self.workspace.show(run_id, caller.principal), request, call_id)

    async def cancel(
        self, request: func.HttpRequest, caller: Caller, call_id: str
    ) -> func.HttpResponse:
        """Serve `POST /pipelineruns/{runId}/cancel`."""
        run_id, recursive = _run_id(request), synapse_request.recursive(request.params)
        if isinstance(run_id, CloudError):
            return _marked(responses.refusal(run_id), request, call_id)
        if isinstance(recursive, CloudError):
            return _marked(responses.refusal(validation.invalid([recursive])), request, call_id)
        outcome = await self.workspace.cancel(run_id, caller.principal, recursive=recursive)
        return _passed(outcome, request, call_id)

    async def query(
        self, request: func.HttpRequest, caller: Caller, call_id: str
    ) -> func.HttpResponse:
        """Serve `POST /queryPipelineRuns`."""
        wrong = synapse_request.api_version(request.params)
        unread = validation.invalid([wrong]) if wrong else headers.media_fault(request.headers)
        wanted = unread or read_object(request.get_body())
        if isinstance(wanted, CloudError):
            return _marked(responses.refusal(wanted), request, call_id)
        return _passed(await self.workspace.query(wanted, caller.principal), request, call_id)

    async def _take(
        self, asked: RunRequest | Rejection, delivery: Delivery, principal: str
    ) -> Reception:
        if isinstance(asked, Rejection):
            return await self.gateway.turn_away(asked, delivery, principal)
        on_open = self.synchronous_start.begin()
        return await self.gateway.submit(
            asked, delivery, principal, recoverable=True, on_open=on_open
        )


def complete(
    response: func.HttpResponse, request: func.HttpRequest, call_id: str
) -> func.HttpResponse:
    """Add Synapse's headers to a response that no route gave: to an unauthenticated call, or without storage."""
    is_marked = "x-ms-request-id" in response.headers
    return response if is_marked else _marked(response, request, call_id)


def _read(request: func.HttpRequest, call_id: str) -> RunRequest | Rejection:
    call = WireCall(
        pipeline_name=request.route_params.get("pipelineName", ""),
        query=request.params,
        client_request_id=request.headers.get(CLIENT_REQUEST_ID),
        body=request.get_body(),
    )
    media = headers.media_fault(request.headers) if call.body else None
    if media is not None:
        return Rejection(error=media, request_id=call_id)
    return synapse_request.read(call, call_id=call_id)


def _delivery(request: func.HttpRequest, call_id: str) -> Delivery:
    given = request.headers.get(CORRELATION_ID, "")
    is_sound = given.isprintable() and 0 < len(given) <= _LONGEST_ID
    return Delivery(
        id=call_id,
        source=Source.HTTP,
        correlation_id=given if is_sound else None,
        traceparent=headers.traceparent(request.headers),
    )


def _run_id(request: func.HttpRequest) -> str | CloudError:
    run_id = synapse_request.read_guid(request.route_params.get("runId", ""))
    wrong = (
        []
        if run_id
        else [validation.fault("$.path.runId", "The path should name a run by its GUID.")]
    )
    version = synapse_request.api_version(request.params)
    if version:
        wrong.append(version)
    return validation.invalid(wrong) if wrong or run_id is None else run_id


def _created(reception: Reception) -> func.HttpResponse:
    """Write the outcome of createRun."""
    match reception:
        case Deferred(record=record, seconds=seconds):
            return _still_open(record, seconds)
        case Answered(result=result) if result.status is Outcome.STARTED:
            return responses.written(f'{{"runId":"{result.run_id}"}}', 202)
        case Answered(result=result, record=record):
            error = result.error or CloudError(
                code=Code.GATEWAY_UNAVAILABLE, message="No reason is known."
            )
            if record is None:
                return responses.refusal(error)
            wait = record.retry_after
            again = None if wait is None else max(1, math.ceil(wait))
            return responses.refusal(error, record.http_status, retry_after=again)


def _still_open(record: Record, seconds: float) -> func.HttpResponse:
    # With UNKNOWN_OUTCOME=resend, two sends of it may each have started a run.
    once = "" if record.may_run else "; at most one run will exist"
    message = (
        f"The request is {record.status} and not settled yet: a run may exist. Ask again with the same "
        f"{CLIENT_REQUEST_ID}{once}."
    )
    error = CloudError(code=Code.OUTCOME_UNKNOWN, message=message)
    return responses.refusal(error, retry_after=max(1, round(min(seconds, _SOON))))


def _passed(
    outcome: Passed | NotPassed, request: func.HttpRequest, call_id: str
) -> func.HttpResponse:
    """Write the outcome of a call that was passed on."""
    if isinstance(outcome, NotPassed):
        again = None if outcome.retry_after is None else max(1, math.ceil(outcome.retry_after))
        response = responses.refusal(outcome.error, retry_after=again, status=outcome.status)
    elif outcome.body:
        response = responses.written(outcome.body)
    else:
        response = func.HttpResponse(status_code=200)
    return _marked(response, request, call_id, wire=outcome.wire)


def _wire(record: Record) -> Wire:
    return Wire(request_id=record.service_request_id, correlation_id=record.service_correlation_id)


def _marked(
    response: func.HttpResponse,
    request: func.HttpRequest,
    call_id: str,
    *,
    wire: Wire = NOTHING,
    request_id: str | None = None,
) -> func.HttpResponse:
    """Add the headers that every response of Synapse has: TestCancelRun.json of Azure/azure-sdk-for-net."""
    given = request.headers.get(CLIENT_REQUEST_ID, "")
    echo = given if synapse_request.is_request_id(given) else request_id
    if echo:
        response.headers[CLIENT_REQUEST_ID] = echo
    response.headers["x-ms-request-id"] = wire.request_id or call_id
    response.headers[CORRELATION_ID] = wire.correlation_id or call_id
    response.headers["Cache-Control"] = "no-cache"
    return response
