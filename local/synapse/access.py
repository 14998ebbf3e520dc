"""Synapse RBAC, as far as the gateway meets it: decides what a principal may do.

Who lacks every role gets 401 for workspaces/read, who may read but not run gets 403: both as quoted in public repositories
(see errors). The actions are those of MicrosoftDocs/azure-docs synapse-workspace-understand-what-role-you-need.md. Reading a
definition takes artifacts/read, which no role that only runs pipelines has (Azure/azure-sdk-for-js, recordings of
synapse-access-control-rest, recording_should_list_roles.js); its refusal is quoted in public code with the words of role_missing
and the workspace as its scope.
"""

from collections.abc import Mapping
from typing import Any

from local.synapse.errors import credential_missing, role_missing
from local.synapse.routes import Operation
from local.synapse.settings import Access
from local.synapse.wire import Reply

READ = "Microsoft.Synapse/workspaces/read"
VIEW = "Microsoft.Synapse/workspaces/pipelines/viewOutputs/action"
ARTIFACTS = "Microsoft.Synapse/workspaces/artifacts/read"
CANCEL = "Microsoft.Synapse/workspaces/cancelPipelineRun/action"
EVERYTHING = Access()


def refusal(
    operation: Operation,
    claims: Mapping[str, Any],
    access: Mapping[str, Access],
    workspace: str,
) -> Reply | None:
    """Give the refusal, or None if it may."""
    principal = str(claims.get("oid") or claims.get("appid"))
    allowed = _allowed(claims, access)
    scope = f"workspaces/{workspace}"
    if not allowed.read:
        return role_missing(principal, READ, f"{scope}/*")
    match operation:
        case Operation.CREATE_RUN:
            return None if allowed.run else credential_missing(principal, workspace)
        case Operation.GET_PIPELINE:
            return None if allowed.artifacts else role_missing(principal, ARTIFACTS, scope)
        case Operation.CANCEL_RUN:
            return None if allowed.cancel else role_missing(principal, CANCEL, scope)
        case _:
            return None if allowed.monitor else role_missing(principal, VIEW, scope)


def _allowed(claims: Mapping[str, Any], access: Mapping[str, Access]) -> Access:
    for name in (str(claims.get("oid")), str(claims.get("appid")), "*"):
        if name in access:
            return access[name]
    return EVERYTHING
