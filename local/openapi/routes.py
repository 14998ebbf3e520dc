"""The gateway's own HTTP routes, as the OpenAPI document describes them.

Left out are `/api/events` and `/api/hooks/{name}`: their formats are those of Event Grid and of whoever signs webhooks.
"""

import json
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from local.openapi import document, synapse_routes
from local.openapi.document import Parameter, Reply, Route
from shared.api.views import AuditList, ErrorBody, RunRecord, Waiting
from shared.gateway.operation_request import Rerun, Resolve
from shared.gateway.rights import Right, RulePipeline
from shared.kernel.cloud_error import CloudError
from shared.runs.audit_query import ListQuery
from shared.runs.request import REQUEST_ID, UNFIT_ID, RunRequest
from shared.runs.result import RunResult


class Health(BaseModel):
    """Whether the app is alive, or ready."""

    model_config = ConfigDict(extra="forbid")

    status: str


class SettingsHealth(BaseModel):
    """Whether the app is ready, each setting that is wrong, and each right that the app needs.

    The rights are looked up once a minute at most; they are left out while settings are wrong, and for a caller
    whom `access` does not name. `incomplete`: the app works, but a right is refused or can't be looked up, or a
    pipeline that a rule names is missing.
    """

    model_config = ConfigDict(extra="forbid")

    status: Literal["ready", "incomplete", "not ready"]
    faults: list[CloudError]
    looked_at: datetime | None = Field(default=None, alias="lookedAt")
    rights: list[Right] = []
    pipelines: list[RulePipeline] = []


_PERMITTED: Final = REQUEST_ID.strip("^$")
_UNFIT: Final = UNFIT_ID.replace("$", '"?$')
REQUEST: Final = Parameter(
    name="requestId",
    place="path",
    schema={"type": "string", "pattern": REQUEST_ID},
    description="The idempotency key of the request.",
)
KEY: Final = Parameter(
    name="Idempotency-Key",
    place="header",
    schema={"type": "string", "pattern": f'^(?!"?({_UNFIT}))("{_PERMITTED}"|{_PERMITTED})$'},
    description="The requestId, quoted or bare; where the body names one, too, they agree.",
)
PREFER: Final = Parameter(
    name="Prefer",
    place="header",
    schema={"type": "string", "examples": ["respond-async", "wait=30"]},
    description=(
        "`respond-async` records and enqueues the request, and answers at once; `wait=N` waits up to N "
        "seconds, 200 at the most, for the answer of a request that is deferred. Other preferences of "
        "RFC 7240 are passed over."
    ),
)
_TAG: Final = r'"[1-9][0-9]{0,9}-[0-9a-f]{16}"'
IF_MATCH: Final = Parameter(
    name="If-Match",
    place="header",
    schema={"type": "string", "pattern": f"^{_TAG}$"},
    description="The ETag of the state to be run again: it names the generation to come.",
)
IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match",
    place="header",
    schema={"type": "string"},
    description="The ETag of what the caller has already.",
)

#: What the headers of answers hold.
HEADERS: Final = {
    "Location": {"type": "string", "description": "Where the request is shown."},
    "Retry-After": {"type": "string", "pattern": "^[0-9]+$", "description": "Seconds."},
    "ETag": {"type": "string", "pattern": f"^{_TAG}$"},
    "Preference-Applied": {"type": "string"},
}
SECURITY: Final = {
    "functionKey": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
    "entra": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}
INFO: Final = {
    "title": "Synapse run gateway",
    "version": "1",
    "description": (
        "Starts pipeline runs of Azure Synapse, each once. With `HTTP_AUTH=key` a function key lets a "
        "caller in, with `HTTP_AUTH=entra` an access token."
    ),
}

#: The platform itself refuses a call without a key, and then there is no body.
UNAUTHENTICATED: Final = Reply(
    status=401, description="No proof of who calls, or none that counts."
)
SYNAPSE_S: Final = Reply(
    status="4XX",
    description="What Synapse refused keeps its status (a 401 is 403 here) and its code.",
    models=(ErrorBody,),
)
_TAKEN: Final = Reply(
    status=202,
    description="The run that was started; or the request waits, and its result will be published.",
    models=(RunResult, Waiting),
    headers=("Location", "Retry-After", "Preference-Applied"),
)
_STATE: Final = Reply(
    status=409,
    description="The request is in another state; with Retry-After it may be worth another try.",
    models=(ErrorBody,),
    headers=("Retry-After",),
)
_MISSING: Final = Reply(
    status=404,
    description="There is no such request, or it has no run yet.",
    models=(ErrorBody,),
    headers=("Retry-After",),
)


def refusals(*statuses: int) -> tuple[Reply, ...]:
    """Describe refusals that every route with a caller may give, and these."""
    every = sorted({400, 403, 503, *statuses})
    named = (Reply(status=status, description="", models=(ErrorBody,)) for status in every)
    return (UNAUTHENTICATED, *named)


_SHOWN: Final = Reply(status=200, description="The request as it stands now.", models=(RunRecord,))

ROUTES: Final = (
    Route(
        method="POST",
        path="/api/runs",
        name="startRun",
        summary="Start a run, once for each requestId.",
        parameters=(KEY, PREFER),
        body=RunRequest,
        replies=(_TAKEN, *refusals(404, 409, 413, 415, 422, 429, 502, 504), SYNAPSE_S),
    ),
    Route(
        method="GET",
        path="/api/runs",
        name="listRuns",
        summary="List the ends of deliveries, newest first.",
        parameters=document.query_parameters(ListQuery),
        replies=(
            Reply(status=200, description="One page.", models=(AuditList,)),
            *refusals(),
        ),
    ),
    Route(
        method="GET",
        path="/api/runs/{requestId}",
        name="showRequest",
        summary="Show a request with its history; what looks secret is replaced.",
        parameters=(REQUEST, IF_NONE_MATCH),
        replies=(
            Reply(
                status=200,
                description="The request; with Retry-After while it is open.",
                models=(RunRecord,),
                headers=("ETag", "Retry-After"),
            ),
            Reply(
                status=304,
                description="The caller has this state already.",
                headers=("ETag", "Retry-After"),
            ),
            *refusals(404),
        ),
    ),
    Route(
        method="GET",
        path="/api/runs/{requestId}/run",
        name="showRun",
        summary="Show the request's run as Synapse has it; what looks secret is replaced.",
        parameters=(REQUEST,),
        replies=(
            Reply(status=200, description="Synapse's PipelineRun.", any_object=True),
            *refusals(429, 502),
            _MISSING,
        ),
    ),
    Route(
        method="POST",
        path="/api/runs/{requestId}/cancel",
        name="cancelRequest",
        summary="End a request that waits, before it has a run.",
        parameters=(REQUEST,),
        replies=(_SHOWN, *refusals(404), _STATE),
    ),
    Route(
        method="POST",
        path="/api/runs/{requestId}/rerun",
        name="rerunRequest",
        summary="Run a finished request again, once for each generation.",
        parameters=(REQUEST, IF_MATCH),
        body=Rerun,
        body_required=False,
        replies=(
            _TAKEN,
            *refusals(404, 412, 413, 415, 429, 502, 504),
            _STATE,
            SYNAPSE_S,
        ),
    ),
    Route(
        method="POST",
        path="/api/runs/{requestId}/resolve",
        name="resolveRequest",
        summary="Say what became of a request whose outcome is unknown.",
        parameters=(REQUEST,),
        body=Resolve,
        replies=(_SHOWN, *refusals(404, 413, 415), _STATE),
    ),
    Route(
        method="GET",
        path="/api/health/live",
        name="live",
        summary="Say that the process answers.",
        replies=(Reply(status=200, description="It does.", models=(Health,)),),
        is_open=True,
    ),
    Route(
        method="GET",
        path="/api/health/ready",
        name="ready",
        summary="Say whether the app can work.",
        replies=(
            Reply(status=200, description="It can.", models=(Health,)),
            Reply(status=503, description="It can't.", models=(Health,)),
        ),
        is_open=True,
    ),
    Route(
        method="GET",
        path="/api/health/settings",
        name="settings",
        summary="Name every setting that is wrong, and say of each right whether the app has it.",
        replies=(
            Reply(status=200, description="All settings are valid.", models=(SettingsHealth,)),
            UNAUTHENTICATED,
            Reply(status=503, description="Some are not.", models=(SettingsHealth, ErrorBody)),
        ),
    ),
    Route(
        method="GET",
        path="/api/openapi.json",
        name="openapi",
        summary="Give this document.",
        replies=(Reply(status=200, description="OpenAPI 3.1.", any_object=True),),
        is_open=True,
    ),
)


def text() -> str:
    """Write the OpenAPI document as its file holds it."""
    described = document.describe(
        (*ROUTES, *synapse_routes.ROUTES),
        info=INFO,
        headers=HEADERS | synapse_routes.HEADERS,
        security=SECURITY,
    )
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"
