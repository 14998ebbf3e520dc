"""The gateway's own HTTP routes, as the OpenAPI document describes them.

`/api/events` and `/api/hooks/{name}` are left out: Event Grid and the senders of webhooks define their formats.
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
    """Whether the app is ready, each invalid setting, and each right that the app needs.

    The rights are looked up at most once a minute. They are left out while settings are invalid, and for a caller
    whom `access` does not name. `incomplete`: the app works, but a right is missing or can't be looked up, or a
    pipeline that a rule names does not exist.
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
    description="The requestId, quoted or bare. If the body has one too, both must be the same.",
)
PREFER: Final = Parameter(
    name="Prefer",
    place="header",
    schema={"type": "string", "examples": ["respond-async", "wait=30"]},
    description=(
        "`respond-async` records and enqueues the request, and answers at once. `wait=N` waits up to N "
        "seconds (200 at most) for the result of a request that can't be started at once. Other "
        "preferences of RFC 7240 are ignored."
    ),
)
_TAG: Final = r'"[1-9][0-9]{0,9}-[0-9a-f]{16}"'
IF_MATCH: Final = Parameter(
    name="If-Match",
    place="header",
    schema={"type": "string", "pattern": f"^{_TAG}$"},
    description="The ETag of the state to run again; it stands for the next generation.",
)
IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match",
    place="header",
    schema={"type": "string"},
    description="The ETag of the state that the caller already has.",
)

#: The headers of responses.
HEADERS: Final = {
    "Location": {"type": "string", "description": "The URL of the request."},
    "Retry-After": {
        "type": "string",
        "pattern": "^[0-9]+$",
        "description": "Seconds until another try is worth making.",
    },
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
        "Starts pipeline runs of Azure Synapse, each once. Callers authenticate with a function key "
        "(`HTTP_AUTH=key`) or with an access token (`HTTP_AUTH=entra`)."
    ),
}

#: Without a body: the platform itself refuses a call without a key.
UNAUTHENTICATED: Final = Reply(status=401, description="Missing or invalid credentials.")
SYNAPSE_S: Final = Reply(
    status="4XX",
    description="Synapse refused the call: its own status and code, except that its 401 becomes 403.",
    models=(ErrorBody,),
)
_TAKEN: Final = Reply(
    status=202,
    description="The run was started; or the request waits, and its result will be published.",
    models=(RunResult, Waiting),
    headers=("Location", "Retry-After", "Preference-Applied"),
)
_STATE: Final = Reply(
    status=409,
    description="The request's state does not allow this. With Retry-After, another try may succeed.",
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
    """Describe these refusals, and those that every authenticated route may give."""
    every = sorted({400, 403, 503, *statuses})
    named = (Reply(status=status, description="", models=(ErrorBody,)) for status in every)
    return (UNAUTHENTICATED, *named)


_SHOWN: Final = Reply(
    status=200, description="The request in its current state.", models=(RunRecord,)
)

ROUTES: Final = (
    Route(
        method="POST",
        path="/api/runs",
        name="startRun",
        summary="Start a run, once per requestId.",
        parameters=(KEY, PREFER),
        body=RunRequest,
        replies=(_TAKEN, *refusals(404, 409, 413, 415, 422, 429, 502, 504), SYNAPSE_S),
    ),
    Route(
        method="GET",
        path="/api/runs",
        name="listRuns",
        summary="List the outcome of each delivery, newest first.",
        parameters=document.query_parameters(ListQuery),
        replies=(
            Reply(status=200, description="One page of the list.", models=(AuditList,)),
            *refusals(),
        ),
    ),
    Route(
        method="GET",
        path="/api/runs/{requestId}",
        name="showRequest",
        summary="Show a request with its history. Values that look secret are replaced.",
        parameters=(REQUEST, IF_NONE_MATCH),
        replies=(
            Reply(
                status=200,
                description="The request, with Retry-After while it is open.",
                models=(RunRecord,),
                headers=("ETag", "Retry-After"),
            ),
            Reply(
                status=304,
                description="The request has not changed since.",
                headers=("ETag", "Retry-After"),
            ),
            *refusals(404),
        ),
    ),
    Route(
        method="GET",
        path="/api/runs/{requestId}/run",
        name="showRun",
        summary="Show the request's run as Synapse has it. Values that look secret are replaced.",
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
        summary="Cancel a request that waits and has no run.",
        parameters=(REQUEST,),
        replies=(_SHOWN, *refusals(404), _STATE),
    ),
    Route(
        method="POST",
        path="/api/runs/{requestId}/rerun",
        name="rerunRequest",
        summary="Run a finished request again, once per generation.",
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
        summary="Record what became of a request whose outcome is unknown.",
        parameters=(REQUEST,),
        body=Resolve,
        replies=(_SHOWN, *refusals(404, 413, 415), _STATE),
    ),
    Route(
        method="GET",
        path="/api/health/live",
        name="live",
        summary="Check that the process is alive.",
        replies=(Reply(status=200, description="The process is alive.", models=(Health,)),),
        is_open=True,
    ),
    Route(
        method="GET",
        path="/api/health/ready",
        name="ready",
        summary="Check that the app is ready.",
        replies=(
            Reply(status=200, description="Ready.", models=(Health,)),
            Reply(status=503, description="Not ready.", models=(Health,)),
        ),
        is_open=True,
    ),
    Route(
        method="GET",
        path="/api/health/settings",
        name="settings",
        summary="Report every invalid setting, and whether the app has each right that it needs.",
        replies=(
            Reply(status=200, description="All settings are valid.", models=(SettingsHealth,)),
            UNAUTHENTICATED,
            Reply(
                status=503,
                description="A setting is invalid, or the storage or an access token is unavailable.",
                models=(SettingsHealth, ErrorBody),
            ),
        ),
    ),
    Route(
        method="GET",
        path="/api/openapi.json",
        name="openapi",
        summary="Return this document.",
        replies=(Reply(status=200, description="The OpenAPI 3.1 document.", any_object=True),),
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
