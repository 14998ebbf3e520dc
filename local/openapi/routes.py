"""The gateway's own HTTP routes, as the OpenAPI document describes them.

`/api/events` and `/api/hooks/{name}` are left out: Event Grid and the senders of webhooks define their formats.
"""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from local.openapi import document
from local.openapi.document import Parameter, Reply, Route
from shared.api.views import AuditList, ErrorBody, Operation, OutcomeShown, RunRecord, Waiting
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
    notices: list[CloudError] = Field(
        default=[], description="What the app does not offer with these settings."
    )
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
UNTIL: Final = Parameter(
    "query",
    "until",
    {"type": "string", "enum": ["outcome"]},
    "`outcome`: always answer 202, with `Location` and `Operation-Location`, where how the run ended can be "
    "asked for without a credential. The run is followed to its end.",
)
WAIT: Final = Parameter(
    "header",
    "Prefer",
    {"type": "string", "examples": ["wait=30"]},
    "`wait=N` waits up to N seconds (200 at most) for the end.",
)
TICKET: Final = Parameter(
    "path",
    "ticket",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{38,303}$"},
    "Of `Location` or `Operation-Location`; it counts for 8 days and is renewed with each answer while the run goes on.",
)
_TAG: Final = r'"[1-9][0-9]{0,9}-[0-9a-f]{16}(-[1-9][0-9]{0,9})?"'
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
    "Location": {"type": "string", "description": "The URL of the request, or of its outcome."},
    "Operation-Location": {
        "type": "string",
        "description": "The URL of the outcome as a long-running operation of Azure.",
    },
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
_TAKEN_OR_PROMISED: Final = Reply(
    202,
    "The run was started; or the request waits, and its result will be published; or its outcome is promised.",
    (RunResult, Waiting, OutcomeShown),
    ("Location", "Operation-Location", "Retry-After", "Preference-Applied"),
)
_AT: Final = ("Location", "Operation-Location", "Retry-After")
_OUTCOME: Final = (
    Reply(200, "The run has succeeded.", (OutcomeShown,)),
    Reply(202, "The request or its run is open: ask again at `Location`.", (OutcomeShown,), _AT),
    Reply(409, "No end will be known: the run is not followed.", (OutcomeShown,)),
    Reply(424, "The request or its run has failed, or was cancelled: `error`.", (OutcomeShown,)),
)
_FORGED: Final = Reply(
    404, "The ticket is forged, has expired, or its request is gone.", (ErrorBody,)
)
_AWAY: Final = Reply(503, "This can't be said now.", (ErrorBody,), _AGAIN)
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
        (_TAKEN_OR_PROMISED, *refusals(404, 409, 413, 415, 422, 429, 502, 504), SYNAPSE_S),
        (KEY, PREFER, UNTIL),
        RunRequest,
    ),
    Route(
        "GET",
        "/api/runs",
        "listRuns",
        "List the end of each delivery and of each followed run, or the runs that have not ended; newest first.",
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
        "GET",
        "/api/runs/{requestId}/outcome",
        "showOutcome",
        "Say how the request, or its run, ended.",
        (*_OUTCOME, *refusals(404, headers=_AGAIN)),
        (REQUEST, WAIT),
    ),
    Route(
        "GET",
        "/api/outcomes/{ticket}",
        "showAwaitedOutcome",
        "Say the same to a caller that has a ticket and no other credential.",
        (*_OUTCOME, _FORGED, _AWAY),
        (TICKET, WAIT),
        is_open=True,
    ),
    Route(
        "GET",
        "/api/operations/{ticket}",
        "showOperation",
        "Say the same as a long-running operation of Azure: always 200.",
        (
            Reply(200, "How far it has come, with Retry-After until its end.", (Operation,), _AT),
            _FORGED,
            _AWAY,
        ),
        (TICKET,),
        is_open=True,
    ),
    Route(
        "POST",
        "/api/runs/{requestId}/cancel",
        "cancelRequest",
        "Cancel a request that waits, or the run of a started one.",
        (
            _SHOWN,
            Reply(
                202,
                "Synapse will cancel the run; how it ends, its outcome says.",
                (RunRecord,),
                ("Location", "Retry-After"),
            ),
            *refusals(404, 429, headers=_AGAIN),
            _STATE,
        ),
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
