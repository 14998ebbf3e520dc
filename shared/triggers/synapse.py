"""Serves Synapse's own wire format, for clients that were made for Synapse.

They understand statuses, `{"runId"}` and `{"error"}`. The statuses are chosen by what azure-core's RetryPolicy does with
them: it sends a POST again, with the same x-ms-client-request-id, after 500, 503 and 504, and after any error with
Retry-After (azure/core/pipeline/policies/_retry.py).
"""

from dataclasses import dataclass
from typing import Final

import azure.functions as func

from shared.api import headers, synapse_request
from shared.gateway.gateway import Answered, Deferred, Gateway, Reception, unreadable
from shared.gateway.synchronous_start import SynchronousStart
from shared.gateway.workspace_runs import WorkspaceRuns
from shared.kernel import guid, validation
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import RecordUnreadable
from shared.runs.caller import Caller
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Record
from shared.runs.request import Rejection, RunRequest, read_object
from shared.runs.result import ResultStatus
from shared.synapse.reply import Wire
from shared.synapse.response_filter import NotPassed, Passed
from shared.triggers import responses

CLIENT_REQUEST_ID: Final = "x-ms-client-request-id"
REQUEST_ID: Final = "x-ms-request-id"
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
        asked, delivery = _read(request, call_id), _delivery(request, call_id)
        try:
            reception = await self._take(asked, delivery, caller.principal)
        except RecordUnreadable as error:
            rejection = unreadable(asked.request_id or call_id, error)
            await self.gateway.note(rejection, delivery, caller.principal)
            return responses.refusal(rejection.error)
        response, record = _created(reception), reception.record
        response.headers[CLIENT_REQUEST_ID] = asked.request_id or call_id
        return _with_ids(response, _wire(record)) if record else response

    async def show(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `GET /pipelineruns/{runId}`."""
        run_id = _run_id(request)
        if isinstance(run_id, CloudError):
            return responses.refusal(run_id)
        return _passed(await self.workspace.show(run_id, caller.principal))

    async def cancel(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `POST /pipelineruns/{runId}/cancel`."""
        run_id = _run_id(request)
        recursive = synapse_request.boolean(request.params, "isRecursive")
        if isinstance(run_id, CloudError):
            return responses.refusal(run_id)
        if isinstance(recursive, CloudError):
            return responses.refusal(validation.invalid([recursive]))
        return _passed(await self.workspace.cancel(run_id, caller.principal, recursive=recursive))

    async def query(self, request: func.HttpRequest, caller: Caller) -> func.HttpResponse:
        """Serve `POST /queryPipelineRuns`."""
        wrong = synapse_request.api_version(request.params)
        unread = validation.invalid([wrong]) if wrong else headers.media_fault(request.headers)
        wanted = unread or read_object(request.get_body())
        if isinstance(wanted, CloudError):
            return responses.refusal(wanted)
        return _passed(await self.workspace.query(wanted, caller.principal))

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
    """Add the headers that every response of Synapse has: TestCancelRun.json of Azure/azure-sdk-for-net."""
    given = request.headers.get(CLIENT_REQUEST_ID)
    if given and isinstance(synapse_request.read_request_id(given), str):
        response.headers[CLIENT_REQUEST_ID] = given
    response.headers.setdefault(REQUEST_ID, call_id)
    response.headers.setdefault(CORRELATION_ID, call_id)
    response.headers["Cache-Control"] = "no-cache"
    return response


def _read(request: func.HttpRequest, call_id: str) -> RunRequest | Rejection:
    body = request.get_body()
    media = headers.media_fault(request.headers) if body else None
    if media is not None:
        return Rejection(error=media, request_id=call_id)
    return synapse_request.read(
        request.route_params.get("pipelineName", ""),
        request.params,
        body,
        client_request_id=request.headers.get(CLIENT_REQUEST_ID),
        call_id=call_id,
    )


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
    run_id = guid.read_any_form(request.route_params.get("runId", ""))
    version = synapse_request.api_version(request.params)
    if run_id and not version:
        return run_id
    path = validation.fault("$.path.runId", "The path should name a run by its GUID.")
    return validation.invalid([*([] if run_id else [path]), *([version] if version else [])])


def _created(reception: Reception) -> func.HttpResponse:
    """Write the outcome of createRun."""
    match reception:
        case Deferred(record=record, seconds=seconds):
            return _still_open(record, seconds)
        case Answered(result=result) if result.status is ResultStatus.STARTED:
            return responses.written(f'{{"runId":"{result.run_id}"}}', 202)
        case Answered(result=result, record=record):
            error, again = responses.reason(result), record.retry_after if record else None
            status = record.http_status if record else None
            return responses.refusal(error, status, retry_after=again)


def _still_open(record: Record, seconds: float) -> func.HttpResponse:
    # With UNKNOWN_OUTCOME=resend, two sends of it may each have started a run.
    once = "" if record.may_run else "; at most one run will exist"
    message = (
        f"The request is {record.status} and not settled yet: a run may exist. Ask again with the same "
        f"{CLIENT_REQUEST_ID}{once}."
    )
    error = CloudError(code=Code.OUTCOME_UNKNOWN, message=message)
    return responses.refusal(error, retry_after=min(seconds, _SOON))


def _passed(outcome: Passed | NotPassed) -> func.HttpResponse:
    """Write the outcome of a call that was passed on."""
    if isinstance(outcome, NotPassed):
        response = responses.refusal(
            outcome.error, retry_after=outcome.retry_after, status=outcome.status
        )
    elif outcome.body:
        response = responses.written(outcome.body)
    else:
        response = func.HttpResponse(status_code=200)
    return _with_ids(response, outcome.wire)


def _wire(record: Record) -> Wire:
    return Wire(request_id=record.service_request_id, correlation_id=record.service_correlation_id)


def _with_ids(response: func.HttpResponse, wire: Wire) -> func.HttpResponse:
    """Add the ids of Synapse's answer, by which its support finds the call."""
    for name, value in ((REQUEST_ID, wire.request_id), (CORRELATION_ID, wire.correlation_id)):
        if value:
            response.headers[name] = value
    return response
