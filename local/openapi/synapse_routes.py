"""Synapse's own routes, as the OpenAPI document describes them."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, RootModel

from local.openapi.document import Parameter, Reply, Route
from shared.api.synapse_request import API_VERSIONS
from shared.api.views import ErrorBody
from shared.runs.request import MAX_PARAMETERS, PIPELINE_NAME, REQUEST_ID, UNFIT_ID

_HEX: Final = "[0-9A-Fa-f]"
_GUID: Final = f"[{{(]?{_HEX}{{8}}-?{_HEX}{{4}}-?{_HEX}{{4}}-?{_HEX}{{4}}-?{_HEX}{{12}}[)}}]?"
_NAME: Final = {"type": "string", "pattern": PIPELINE_NAME, "minLength": 1, "maxLength": 260}
_TEXT: Final[dict[str, object]] = {"type": "string", "minLength": 1, "maxLength": 260}
_FLAG: Final[dict[str, object]] = {"type": "boolean"}
_MARKS: Final = ("x-ms-request-id", "x-ms-correlation-request-id", "x-ms-client-request-id")

#: The headers of these responses.
HEADERS: Final = {
    "x-ms-request-id": {"type": "string"},
    "x-ms-correlation-request-id": {"type": "string"},
    "x-ms-client-request-id": {"type": "string"},
}


class RunParameters(RootModel[Annotated[dict[str, JsonValue], Field(max_length=MAX_PARAMETERS)]]):
    """A run's parameters, by their names."""


class RunFilter(RootModel[dict[str, JsonValue]]):
    """Synapse's RunFilterParameters, passed on unchanged; Synapse validates them."""


class CreateRunResponse(BaseModel):
    """Synapse's CreateRunResponse."""

    model_config = ConfigDict(extra="forbid")

    run_id: str = Field(alias="runId")


def _query(name: str, schema: dict[str, object], *, required: bool = False) -> Parameter:
    return Parameter(name=name, place="query", schema=schema, required=required)


_VERSION: Final = _query(
    "api-version", {"type": "string", "enum": list(API_VERSIONS)}, required=True
)
_RUN: Final = Parameter(
    name="runId", place="path", schema={"type": "string", "pattern": f"^{_GUID}$"}
)
_CLIENT_REQUEST_ID: Final = Parameter(
    name="x-ms-client-request-id",
    place="header",
    # An empty value counts as absent; the reserved prefixes are refused.
    schema={
        "type": "string",
        "pattern": f"^(?!{UNFIT_ID})({REQUEST_ID.strip('^$')}|{_GUID})?$",
    },
    description="The requestId. Each call without it is a new request.",
)


def _refusals(*statuses: int) -> tuple[Reply, ...]:
    named = sorted({400, 403, 503, *statuses})
    return (
        Reply(status=401, description="Missing or invalid credentials."),
        *(
            Reply(status=status, description="", models=(ErrorBody,), headers=("Retry-After",))
            for status in named
        ),
        Reply(
            status="4XX",
            description="Synapse refused the call: its own status and code, except that its 401 becomes 403.",
            models=(ErrorBody,),
        ),
        Reply(
            status="5XX",
            description="Synapse failed: its own status and code.",
            models=(ErrorBody,),
        ),
    )


ROUTES: Final = (
    Route(
        method="POST",
        path="/pipelines/{pipelineName}/createRun",
        name="createPipelineRun",
        summary="Start a run in the default workspace, once per x-ms-client-request-id.",
        parameters=(
            Parameter(name="pipelineName", place="path", schema=_NAME),
            _VERSION,
            _query("referencePipelineRunId", _TEXT),
            _query("isRecovery", _FLAG),
            _query("startActivityName", _TEXT),
            _CLIENT_REQUEST_ID,
        ),
        body=RunParameters,
        body_required=False,
        replies=(
            Reply(
                status=202,
                description="The run was started.",
                models=(CreateRunResponse,),
                headers=_MARKS,
            ),
            *_refusals(404, 409, 413, 415, 422, 429, 502, 504),
        ),
    ),
    Route(
        method="GET",
        path="/pipelineruns/{runId}",
        name="getPipelineRun",
        summary="Show a run of the default workspace. Values that look secret are replaced.",
        parameters=(_RUN, _VERSION),
        replies=(
            Reply(
                status=200, description="Synapse's PipelineRun.", any_object=True, headers=_MARKS
            ),
            *_refusals(404, 429, 502),
        ),
    ),
    Route(
        method="POST",
        path="/pipelineruns/{runId}/cancel",
        name="cancelPipelineRun",
        summary="Cancel a run of the default workspace.",
        parameters=(_RUN, _VERSION, _query("isRecursive", _FLAG)),
        replies=(
            Reply(status=200, description="Synapse accepted the cancellation.", headers=_MARKS),
            *_refusals(404, 429, 502),
        ),
    ),
    Route(
        method="POST",
        path="/queryPipelineRuns",
        name="queryPipelineRuns",
        summary="List runs of the default workspace whose pipelines the caller may start.",
        parameters=(_VERSION,),
        body=RunFilter,
        replies=(
            Reply(
                status=200,
                description="Synapse's PipelineRunsQueryResponse.",
                any_object=True,
                headers=_MARKS,
            ),
            *_refusals(413, 415, 429, 502),
        ),
    ),
)
