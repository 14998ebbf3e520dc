"""Reads a call in Synapse's own wire format as a run request.

`POST /pipelines/{pipelineName}/createRun?api-version=2020-12-01[&referencePipelineRunId=…&isRecovery=…&startActivityName=…]`
with the bare map of parameters as its body: azure-rest-api-specs, synapse/data-plane/Microsoft.Synapse/stable/2020-12-01,
pipelines.json.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from shared.kernel import strict_json, validation
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.query import present
from shared.kernel.validation import fault
from shared.runs.request import (
    HTTP_LIMIT,
    REQUEST_ID,
    Content,
    Rejection,
    RunRequest,
    cross_faults,
    refuse,
    too_large_to_keep,
    unfit_id,
)

#: The versions whose pipelines.json has these four calls in the same form (azure-rest-api-specs), and the preview
#: before them, which the first SDKs send and whose recorded answers are the same (azure-sdk-for-net, TestCancelRun.json).
API_VERSIONS: Final = (
    "2020-12-01",
    "2019-06-01-preview",
    "2021-06-01-preview",
    "2021-11-01-preview",
)

_GUID: Final = re.compile(
    r"[{(]?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})[)}]?",
    re.IGNORECASE,
)
_BOOLEANS: Final = {"true": True, "false": False}  # .NET reads them in any case
_NO_BODY: Final = frozenset({b"", b"null"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WireCall:
    """A call of createRun, as it came."""

    pipeline_name: str
    query: Mapping[str, str]
    client_request_id: str | None  #: x-ms-client-request-id
    body: bytes


def read(call: WireCall, *, call_id: str) -> RunRequest | Rejection:
    """Read a call as the request for the default workspace that it is, or tell every fault at once.

    Args:
        call: what came.
        call_id: the request's id where the call has none: it gives a run of its own, as at Synapse.
    """
    request_id = read_request_id(call.client_request_id)
    named = request_id if isinstance(request_id, str) else call_id
    content = Content(length=len(call.body), sha256=hashlib.sha256(call.body).hexdigest())
    parameters = None if call.body.strip() in _NO_BODY else read_object(call.body)
    if isinstance(parameters, CloudError):
        return Rejection(error=parameters, request_id=named, content=content)
    recovery = _boolean(call.query, "isRecovery")
    wrong = [
        one
        for one in (api_version(call.query), request_id, recovery)
        if isinstance(one, CloudError)
    ]
    fields = _fields(call, named, parameters, recovery=recovery)
    try:
        request = RunRequest.model_validate(fields)
    except ValidationError as error:
        wrong += validation.of(error, RunRequest)
    else:
        wrong += cross_faults(fields, None)
        if not wrong:
            outgrown = too_large_to_keep(request)
            return replace(refuse(request, outgrown), content=content) if outgrown else request
    is_sound = not any(one.target == "$.pipelineName" for one in wrong)
    return Rejection(
        error=validation.invalid(wrong),
        request_id=named,
        pipeline_name=call.pipeline_name if is_sound else None,
        content=content,
    )


def _fields(
    call: WireCall,
    request_id: str,
    parameters: dict[str, Any] | None,
    *,
    recovery: bool | CloudError | None,
) -> dict[str, Any]:
    reference = _value(call.query, "referencePipelineRunId")
    if isinstance(recovery, CloudError) or (reference is None and recovery is False):
        recovery = None  # without a reference "false" says what its absence does
    fields = {
        "pipelineName": call.pipeline_name,
        "requestId": request_id,
        # Beside a reference Synapse ignores the body, and clients send an empty one.
        "parameters": parameters if reference is None else parameters or None,
        "referencePipelineRunId": reference,
        "isRecovery": recovery,
        "startActivityName": _value(call.query, "startActivityName"),
    }
    return {name: value for name, value in fields.items() if value is not None}


def read_request_id(given: str | None) -> str | CloudError | None:
    """Read x-ms-client-request-id: one GUID is one request, however it is written."""
    # HTTP's own spaces alone: the id is told again, and no header may hold Unicode's.
    text = (given or "").strip(" \t")
    if not text:
        return None
    guid = read_guid(text)
    if guid:
        return guid
    target = "$.headers.x-ms-client-request-id"
    if not re.fullmatch(REQUEST_ID.strip("^$"), text):
        return fault(target, "The value should be a GUID, or another id that is a requestId.")
    unfit = unfit_id(text)
    return fault(target, unfit) if unfit else text


def is_request_id(given: str) -> bool:
    """Tell whether this is one id that may be told again, as its caller wrote it."""
    return isinstance(read_request_id(given), str)


def read_guid(text: str) -> str | None:
    """Read a GUID in any of its usual forms as Synapse writes it; None for anything else."""
    found = _GUID.fullmatch(text)
    return "-".join(found.groups()).lower() if found else None


def api_version(query: Mapping[str, str]) -> CloudError | None:
    """Return the fault of an api-version that is missing, or of another wire format."""
    given = _value(query, "api-version")
    if given in API_VERSIONS:
        return None
    target = "$.query.api-version"
    if given is None:
        return fault(target, "The api-version query parameter is required for all requests.")
    supported = ", ".join(API_VERSIONS)
    return fault(target, f"The api-version is not supported. The supported ones are {supported}.")


def recursive(query: Mapping[str, str]) -> bool | CloudError | None:
    """Read isRecursive of a cancel."""
    return _boolean(query, "isRecursive")


def read_object(body: bytes) -> dict[str, Any] | CloudError:
    """Read a body: a map of parameters, or the filter of queryPipelineRuns."""
    if len(body) > HTTP_LIMIT:
        message = f"The request has {len(body)} bytes; {HTTP_LIMIT} are allowed here."
        return CloudError(code=Code.REQUEST_TOO_LARGE, message=message)
    try:
        return strict_json.parse(body)
    except strict_json.Unreadable as reason:
        return CloudError(code=Code.INVALID_JSON, message=str(reason))


def _boolean(query: Mapping[str, str], name: str) -> bool | CloudError | None:
    given = _value(query, name)
    if given is None:
        return None
    value = _BOOLEANS.get(given.strip().lower())
    return (
        fault(f"$.query.{name}", "The value should be true or false.") if value is None else value
    )


def _value(query: Mapping[str, str], name: str) -> str | None:
    return dict(present(query.items(), (name,))).get(name)
