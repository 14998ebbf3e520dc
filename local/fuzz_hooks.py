"""Aims schemathesis' cases at what exists in the local stack, and keeps rules that a schema can't express.

Loaded by schemathesis itself (SCHEMATHESIS_HOOKS). A third of the generated cases stay unchanged, and so do
those generated to be invalid.
"""

import os
from typing import Any, Final

import schemathesis
from schemathesis import Case, HookContext

PIPELINES: Final = ("copyOrders", "failsLater", "brokenExpression")
#: The states of the requests that `local.fuzz` makes beforehand, and how many there are of each.
STATES: Final = ("started", "failed", "waiting")
COUNT: Final = 100
#: The environment variable in which `local.fuzz` names the runs of the started requests.
RUN_IDS_VARIABLE: Final = "FUZZ_RUN_IDS"
RUN_IDS: Final = tuple(os.environ.get(RUN_IDS_VARIABLE, "").split())

_PREFERENCES: Final = ("respond-async", "wait=1", "handling=lenient", "respond-async, wait=0")
_RECOVERY: Final = ("referencePipelineRunId", "isRecovery", "startActivityName", "expiresAt")


def request_id(state: str, number: int) -> str:
    """Return the id of one of the prepared requests."""
    return f"fuzz-{state}-{number}"


@schemathesis.hook
def before_call(
    context: HookContext,  # noqa: ARG001 - schemathesis binds it by name
    case: Case[Any],
    kwargs: dict[str, Any],  # noqa: ARG001 - as above
) -> None:
    """Aim a case at what exists."""
    number = int(case.id.encode().hex(), 16)
    if case.meta is None or case.meta.generation.mode.is_negative or number % 3 == 0:
        return
    _aim_path(case, number)
    if "Prefer" in case.headers:
        case.headers["Prefer"] = _PREFERENCES[number // 11 % len(_PREFERENCES)]
    if isinstance(case.body, dict):
        _aim_body(case, case.body, number)


def _aim_path(case: Case[Any], number: int) -> None:
    if "requestId" in case.path_parameters:
        state = STATES[number % len(STATES)]
        case.path_parameters["requestId"] = request_id(state, number // 7 % COUNT)
    if "runId" in case.path_parameters and RUN_IDS:
        case.path_parameters["runId"] = RUN_IDS[number // 7 % len(RUN_IDS)]
    if "pipelineName" in case.path_parameters:
        case.path_parameters["pipelineName"] = PIPELINES[number // 5 % len(PIPELINES)]


def _aim_body(case: Case[Any], body: dict[str, Any], number: int) -> None:
    if case.path == "/api/runs":
        body["pipelineName"] = PIPELINES[number // 5 % len(PIPELINES)]
        body.pop("workspace", None)
        if number % 5:
            body["requestId"] = f"fuzz-{case.id}"
        _keep_rules(case, body, "Idempotency-Key", "requestId", _RECOVERY)
    elif case.path.endswith("/rerun"):
        body["generation"] = 2 + number // 13 % 2
        _keep_rules(case, body, "If-Match", "generation", ("parameters",))


def _keep_rules(
    case: Case[Any], body: dict[str, Any], header: str, field: str, rest: tuple[str, ...]
) -> None:
    """Keep a header or the field of the same meaning, not both; drop fields that need others."""
    if body.get(field) is not None:
        case.headers.pop(header, None)
    for name in rest:
        body.pop(name, None)
