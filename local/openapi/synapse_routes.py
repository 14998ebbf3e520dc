"""Synapse's own routes, as the OpenAPI document describes them."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, RootModel

from local.openapi.document import Parameter, Reply, Route
from local.openapi.routes import SYNAPSE_S, refusals
from shared.api.synapse_request import API_VERSIONS
from shared.api.views import ErrorBody
from shared.kernel import guid
from shared.runs.request import MAX_PARAMETERS, PIPELINE_NAME, REQUEST_ID, UNFIT_ID

_NAME: Final = {"type": "string", "pattern": PIPELINE_NAME, "minLength": 1, "maxLength": 260}
_TEXT: Final[dict[str, object]] = {"type": "string", "minLength": 1, "maxLength": 260}
_FLAG: Final[dict[str, object]] = {"type": "boolean"}
_MARKS: Final = ("x-ms-request-id", "x-ms-correlation-request-id", "x-ms-client-request-id")

#: The headers of these responses.
HEADERS: Final = {name: {"type": "string"} for name in _MARKS}


class RunParameters(RootModel[Annotated[dict[str, JsonValue], Field(max_length=MAX_PARAMETERS)]]):
    """A run's parameters, by their names."""


class RunFilter(RootModel[dict[str, JsonValue]]):
    """Synapse's RunFilterParameters, passed on unchanged; Synapse validates them."""


class CreateRunResponse(BaseModel):
    """Synapse's CreateRunResponse."""

    model_config = ConfigDict(extra="forbid")

    run_id: str = Field(alias="runId")


_VERSION: Final = Parameter(
    "query", "api-version", {"type": "string", "enum": list(API_VERSIONS)}, required=True
)
_RUN: Final = Parameter("path", "runId", {"type": "string", "pattern": f"^{guid.ANY_FORM}$"})
_CLIENT_REQUEST_ID: Final = Parameter(
    "header",
    "x-ms-client-request-id",
    # An empty value counts as absent; the reserved prefixes are refused.
    {
        "type": "string",
        "pattern": f"^(?!{UNFIT_ID})({REQUEST_ID.strip('^$')}|{guid.ANY_FORM})?$",
    },
    "The requestId. Each call without it is a new request.",
)


def _refusals(*statuses: int) -> tuple[Reply, ...]:
    failed = Reply("5XX", "Synapse failed: its own status and code.", (ErrorBody,))
    return (*refusals(*statuses, headers=("Retry-After",)), SYNAPSE_S, failed)


ROUTES: Final = (
    Route(
        "POST",
        "/pipelines/{pipelineName}/createRun",
        "createPipelineRun",
        "Start a run in the default workspace, once per x-ms-client-request-id.",
        (
            Reply(202, "The run was started.", (CreateRunResponse,), _MARKS),
            *_refusals(404, 409, 413, 415, 422, 429, 502, 504),
        ),
        (
            Parameter("path", "pipelineName", _NAME),
            _VERSION,
            Parameter("query", "referencePipelineRunId", _TEXT),
            Parameter("query", "isRecovery", _FLAG),
            Parameter("query", "startActivityName", _TEXT),
            _CLIENT_REQUEST_ID,
        ),
        RunParameters,
        body_required=False,
    ),
    Route(
        "GET",
        "/pipelineruns/{runId}",
        "getPipelineRun",
        "Show a run of the default workspace. Values that look secret are replaced.",
        (
            Reply(200, "Synapse's PipelineRun.", (), _MARKS, any_object=True),
            *_refusals(404, 429, 502),
        ),
        (_RUN, _VERSION),
    ),
    Route(
        "POST",
        "/pipelineruns/{runId}/cancel",
        "cancelPipelineRun",
        "Cancel a run of the default workspace.",
        (
            Reply(200, "Synapse accepted the cancellation.", (), _MARKS),
            *_refusals(404, 429, 502),
        ),
        (_RUN, _VERSION, Parameter("query", "isRecursive", _FLAG)),
    ),
    Route(
        "POST",
        "/queryPipelineRuns",
        "queryPipelineRuns",
        "List runs of the default workspace whose pipelines the caller may start.",
        (
            Reply(200, "Synapse's PipelineRunsQueryResponse.", (), _MARKS, any_object=True),
            *_refusals(413, 415, 429, 502),
        ),
        (_VERSION,),
        RunFilter,
    ),
)
