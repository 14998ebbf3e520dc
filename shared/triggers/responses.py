"""Writes values as HTTP responses."""

import json
import logging
import math
from collections.abc import Mapping
from typing import Final

import azure.functions as func

from shared.api.links import Links
from shared.auth import bearer
from shared.gateway.gateway import Answered, Deferred, Reception
from shared.kernel import log_line
from shared.kernel.cloud_error import CloudError, Code
from shared.runs.result import ResultStatus, RunResult

JSON: Final = "application/json"

#: The HTTP status of each of the gateway's own codes. None, as for a code of Synapse's: the status that Synapse gave.
STATUS: Final[Mapping[str, int | None]] = {
    Code.INVALID_JSON: 400,
    Code.INVALID_REQUEST: 400,
    Code.REQUEST_EXPIRED: 400,
    Code.UNKNOWN_WORKSPACE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.NOT_PERMITTED: 403,
    Code.NOT_FOUND: 404,
    Code.INVALID_STATE: 409,
    Code.REQUEST_CANCELLED: 409,
    Code.REQUEST_TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.REQUEST_ID_CONFLICT: 422,
    Code.THROTTLED: 429,
    Code.DELIVERY_EXHAUSTED: 503,
    Code.GATEWAY_UNAVAILABLE: 503,
    Code.RETRIES_EXHAUSTED: 503,
    Code.INVALID_CONFIGURATION: 503,
    Code.INVALID_SETTING: 503,
    Code.OUTCOME_UNKNOWN: 504,
    Code.RUN_SEEN: None,
    Code.RUN_FAILED: 424,
    Code.RUN_CANCELLED: 424,
    Code.RUN_LOST: 424,
    Code.UNREADABLE_RESPONSE: None,
}


def reply(
    reception: Reception, links: Links, more: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """Write the outcome of a request: 202 with the result and `more` headers, or the CloudError and its status."""
    match reception:
        case Deferred(record=record, seconds=seconds):
            from shared.api import views  # noqa: PLC0415 - most processes serve no view

            body = views.waiting(record).to_json()
            at = {"Location": links.request(record.request_id)}
            headers = after(seconds) | at | dict(more or {})
            return written(body, 202, headers)
        case Answered(result=result) if result.status is ResultStatus.STARTED:
            headers = {"Location": links.request(result.request_id or "")} | dict(more or {})
            return written(result.to_json(), 202, headers)
        case Answered(result=result, record=record):
            return refusal(reason(result), record.http_status if record else None)


def refusal(
    error: CloudError,
    service_status: int | None = None,
    *,
    retry_after: float | None = None,
    status: int | None = None,
) -> func.HttpResponse:
    """Write a CloudError.

    Args:
        error: the body.
        service_status: the status that Synapse gave, for a code that is not the gateway's own.
        retry_after: seconds until another try is worth making.
        status: overrides the status of the code.
    """
    passed_on = service_status if service_status and 400 <= service_status < 500 else 502
    if passed_on == 401:
        passed_on = 403  # Synapse refused the gateway's token, not the caller's
    answered = status or STATUS.get(error.code) or passed_on
    headers = bearer.challenge(error) if answered == 401 and error.code in STATUS else {}
    if retry_after is not None:
        headers |= after(retry_after)
    body = dump({"error": error.model_dump(by_alias=True)})
    return written(body, answered, headers)


def reason(result: RunResult) -> CloudError:
    """Return why a request ended without a run."""
    unknown = CloudError(code=Code.GATEWAY_UNAVAILABLE, message="No reason is known.")
    return result.error or unknown


def after(seconds: float) -> dict[str, str]:
    """Return the Retry-After header: whole seconds, at least one."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def noted(response: func.HttpResponse) -> func.HttpResponse:
    """Log an error that is not the caller's; the platform adds the function's name to the line."""
    if response.status_code >= 500:
        log_line.write(logging.WARNING, "http_error", status=response.status_code)
    return response


def dump(value: object) -> str:
    """Write JSON; characters outside ASCII are not escaped."""
    return json.dumps(value, ensure_ascii=False)


def written(
    body: str | bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """Answer with JSON."""
    return func.HttpResponse(
        body, status_code=status, mimetype=JSON, headers=dict(headers) if headers else None
    )


def unchanged(headers: Mapping[str, str]) -> func.HttpResponse:
    """Answer 304: the caller already has this state."""
    return func.HttpResponse(status_code=304, headers=dict(headers))
