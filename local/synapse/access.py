"""Synapse RBAC, as far as the gateway meets it: decides what a principal may do.

Who lacks every role gets 401 for workspaces/read, who may read but not run gets 403: both as quoted in public repositories
(see errors). The actions are those of MicrosoftDocs/azure-docs synapse-workspace-understand-what-role-you-need.md. Reading a
definition takes artifacts/read, which no role that only runs pipelines has (Azure/azure-sdk-for-js, recordings of
synapse-access-control-rest, recording_should_list_roles.js); its refusal is quoted in public code with the words of role_missing
and the workspace as its scope. A page of Microsoft's calls these "403 messages": the setting roleMissing answers them with 403.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from local.synapse.errors import credential_missing, role_missing
from local.synapse.routes import Operation
from local.synapse.settings import Access, Settings
from local.synapse.wire import Reply

READ = "Microsoft.Synapse/workspaces/read"
VIEW = "Microsoft.Synapse/workspaces/pipelines/viewOutputs/action"
ARTIFACTS = "Microsoft.Synapse/workspaces/artifacts/read"
CANCEL = "Microsoft.Synapse/workspaces/cancelPipelineRun/action"
EVERYTHING = Access()


def refusal(
    operation: Operation,
    claims: Mapping[str, Any],
    settings: Settings,
    workspace: str,
) -> Reply | None:
    """Give the refusal, or None if it may."""
    principal = str(claims.get("oid") or claims.get("appid"))
    allowed = _allowed(claims, settings.access)
    scope = f"workspaces/{workspace}"
    missing = partial(role_missing, principal, status=settings.role_missing)
    if not allowed.read:
        return missing(READ, f"{scope}/*")
    match operation:
        case Operation.CREATE_RUN:
            return None if allowed.run else credential_missing(principal, workspace)
        case Operation.GET_PIPELINE:
            return None if allowed.artifacts else missing(ARTIFACTS, scope)
        case Operation.CANCEL_RUN:
            return None if allowed.cancel else missing(CANCEL, scope)
        case _:
            return None if allowed.monitor else missing(VIEW, scope)


def _allowed(claims: Mapping[str, Any], access: Mapping[str, Access]) -> Access:
    for name in (str(claims.get("oid")), str(claims.get("appid")), "*"):
        if name in access:
            return access[name]
    return EVERYTHING
