"""The gateway's own HTTP routes, as the OpenAPI document describes them.

`/api/events` and `/api/hooks/{name}` are left out: Event Grid and the senders of webhooks define their formats.
"""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from local.openapi import document
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
    "path",
    "requestId",
    {"type": "string", "pattern": REQUEST_ID},
    "The idempotency key of the request.",
)
KEY: Final = Parameter(
    "header",
    "Idempotency-Key",
    {"type": "string", "pattern": f'^(?!"?({_UNFIT}))("{_PERMITTED}"|{_PERMITTED})$'},
    "The requestId, quoted or bare. If the body has one too, both must be the same.",
)
PREFER: Final = Parameter(
    "header",
    "Prefer",
    {"type": "string", "examples": ["respond-async", "wait=30"]},
    "`respond-async` records and enqueues the request, and answers at once. `wait=N` waits up to N "
    "seconds (200 at most) for the result of a request that can't be started at once. Other "
    "preferences of RFC 7240 are ignored.",
)
_TAG: Final = r'"[1-9][0-9]{0,9}-[0-9a-f]{16}"'
IF_MATCH: Final = Parameter(
    "header",
    "If-Match",
    {"type": "string", "pattern": f"^{_TAG}$"},
    "The ETag of the state to run again; it stands for the next generation.",
)
IF_NONE_MATCH: Final = Parameter(
    "header",
    "If-None-Match",
    {"type": "string"},
    "The ETag of the state that the caller already has.",
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
UNAUTHENTICATED: Final = Reply(401, "Missing or invalid credentials.")
SYNAPSE_S: Final = Reply(
    "4XX",
    "Synapse refused the call: its own status and code, except that its 401 becomes 403.",
    (ErrorBody,),
)
_AGAIN: Final = ("Retry-After",)
_TAKEN: Final = Reply(
    202,
    "The run was started; or the request waits, and its result will be published.",
    (RunResult, Waiting),
    ("Location", "Retry-After", "Preference-Applied"),
)
_STATE: Final = Reply(
    409,
    "The request's state does not allow this. With Retry-After, another try may succeed.",
    (ErrorBody,),
    _AGAIN,
)
_MISSING: Final = Reply(
    404, "There is no such request, or it has no run yet.", (ErrorBody,), _AGAIN
)
_SHOWN: Final = Reply(200, "The request in its current state.", (RunRecord,))


def refusals(*statuses: int, headers: tuple[str, ...] = ()) -> tuple[Reply, ...]:
    """Describe these refusals, and those that every authenticated route may give."""
    every = sorted({400, 403, 503, *statuses})
    return (UNAUTHENTICATED, *(Reply(status, "", (ErrorBody,), headers) for status in every))


ROUTES: Final = (
    Route(
        "POST",
        "/api/runs",
        "startRun",
        "Start a run, once per requestId.",
        (_TAKEN, *refusals(404, 409, 413, 415, 422, 429, 502, 504), SYNAPSE_S),
        (KEY, PREFER),
        RunRequest,
    ),
    Route(
        "GET",
        "/api/runs",
        "listRuns",
        "List the outcome of each delivery, newest first.",
        (Reply(200, "One page of the list.", (AuditList,)), *refusals()),
        document.query_parameters(ListQuery),
    ),
    Route(
        "GET",
        "/api/runs/{requestId}",
        "showRequest",
        "Show a request with its history. Values that look secret are replaced.",
        (
            Reply(
                200,
                "The request, with Retry-After while it is open.",
                (RunRecord,),
                ("ETag", "Retry-After"),
            ),
            Reply(304, "The request has not changed since.", (), ("ETag", "Retry-After")),
            *refusals(404),
        ),
        (REQUEST, IF_NONE_MATCH),
    ),
    Route(
        "GET",
        "/api/runs/{requestId}/run",
        "showRun",
        "Show the request's run as Synapse has it. Values that look secret are replaced.",
        (
            Reply(200, "Synapse's PipelineRun.", any_object=True),
            *refusals(429, 502),
            _MISSING,
        ),
        (REQUEST,),
    ),
    Route(
        "POST",
        "/api/runs/{requestId}/cancel",
        "cancelRequest",
        "Cancel a request that waits and has no run.",
        (_SHOWN, *refusals(404), _STATE),
        (REQUEST,),
    ),
    Route(
        "POST",
        "/api/runs/{requestId}/rerun",
        "rerunRequest",
        "Run a finished request again, once per generation.",
        (_TAKEN, *refusals(404, 412, 413, 415, 429, 502, 504), _STATE, SYNAPSE_S),
        (REQUEST, IF_MATCH),
        Rerun,
        body_required=False,
    ),
    Route(
        "POST",
        "/api/runs/{requestId}/resolve",
        "resolveRequest",
        "Record what became of a request whose outcome is unknown.",
        (_SHOWN, *refusals(404, 413, 415), _STATE),
        (REQUEST,),
        Resolve,
    ),
    Route(
        "GET",
        "/api/health/live",
        "live",
        "Check that the process is alive.",
        (Reply(200, "The process is alive.", (Health,)),),
        is_open=True,
    ),
    Route(
        "GET",
        "/api/health/ready",
        "ready",
        "Check that the app is ready.",
        (Reply(200, "Ready.", (Health,)), Reply(503, "Not ready.", (Health,))),
        is_open=True,
    ),
    Route(
        "GET",
        "/api/health/settings",
        "settings",
        "Report every invalid setting, and whether the app has each right that it needs.",
        (
            Reply(200, "All settings are valid.", (SettingsHealth,)),
            UNAUTHENTICATED,
            Reply(
                503,
                "A setting is invalid, or the storage or an access token is unavailable.",
                (SettingsHealth, ErrorBody),
            ),
        ),
    ),
    Route(
        "GET",
        "/api/openapi.json",
        "openapi",
        "Return this document.",
        (Reply(200, "The OpenAPI 3.1 document.", any_object=True),),
        is_open=True,
    ),
)
