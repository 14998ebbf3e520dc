"""Reads a call in Synapse's own wire format as a run request.

`POST /pipelines/{pipelineName}/createRun?api-version=2020-12-01[&referencePipelineRunId=…&isRecovery=…&startActivityName=…]`
with the map of parameters as its body: azure-rest-api-specs, synapse/data-plane/Microsoft.Synapse/stable/2020-12-01,
pipelines.json.
"""

import re
from collections.abc import Mapping
from typing import Final

from shared.kernel import guid
from shared.kernel.cloud_error import CloudError
from shared.kernel.query import present
from shared.kernel.validation import fault
from shared.runs.request import (
    REQUEST_ID,
    Content,
    Rejection,
    RunRequest,
    read_fields,
    read_object,
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

_NO_BODY: Final = frozenset({b"", b"null"})


def read(
    pipeline_name: str,
    query: Mapping[str, str],
    body: bytes,
    *,
    client_request_id: str | None,
    call_id: str,
) -> RunRequest | Rejection:
    """Read a call as a request for the default workspace, or report every error at once.

    Without an x-ms-client-request-id, `call_id` is the request's id: each such call starts a new run, as at Synapse.
    """
    request_id = read_request_id(client_request_id)
    named = request_id if isinstance(request_id, str) else call_id
    content = Content.of(body)
    parameters = None if body.strip() in _NO_BODY else read_object(body)
    if isinstance(parameters, CloudError):
        return Rejection(error=parameters, request_id=named, content=content)
    reference, recovery = _value(query, "referencePipelineRunId"), boolean(query, "isRecovery")
    beside = (api_version(query), request_id, recovery)
    wrong = [one for one in beside if isinstance(one, CloudError)]
    fields = {
        "pipelineName": pipeline_name,
        "requestId": named,
        # With a reference, Synapse ignores the body, and clients send an empty one.
        "parameters": parameters if reference is None else parameters or None,
        "referencePipelineRunId": reference,
        # Without a reference, "false" means the same as its absence.
        "isRecovery": recovery if isinstance(recovery, bool) and (recovery or reference) else None,
        "startActivityName": _value(query, "startActivityName"),
    }
    return read_fields(fields, named, content, found=wrong)


def read_request_id(given: str | None) -> str | CloudError | None:
    """Read x-ms-client-request-id. All spellings of a GUID are the same id. None if absent or empty."""
    # Strip only space and tab: the id is echoed in a header.
    text = (given or "").strip(" \t")
    if not text:
        return None
    if found := guid.read_any_form(text):
        return found
    target = "$.headers.x-ms-client-request-id"
    if not re.fullmatch(REQUEST_ID.strip("^$"), text):
        return fault(target, "The value should be a GUID or another valid requestId.")
    unfit = unfit_id(text)
    return fault(target, unfit) if unfit else text


def api_version(query: Mapping[str, str]) -> CloudError | None:
    """Return the error of an api-version that is missing or not supported; None if it is."""
    given = _value(query, "api-version")
    if given in API_VERSIONS:
        return None
    target = "$.query.api-version"
    if given is None:
        return fault(target, "The api-version query parameter is required for all requests.")
    supported = ", ".join(API_VERSIONS)
    return fault(target, f"The api-version is not supported. The supported ones are {supported}.")


def boolean(query: Mapping[str, str], name: str) -> bool | CloudError | None:
    """Read a query parameter that is true or false; None if absent."""
    given = _value(query, name)
    if given is None:
        return None
    wrong = fault(f"$.query.{name}", "The value should be true or false.")
    # .NET reads them in any case.
    return {"true": True, "false": False}.get(given.strip().lower(), wrong)


def _value(query: Mapping[str, str], name: str) -> str | None:
    return dict(present(query.items(), (name,))).get(name)
