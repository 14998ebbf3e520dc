"""What a failure means: which role is missing on what, by the words of the error. docs/roles.md has them as a table."""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong and what to do about it."""

    text: str
    passes: bool = (
        False  #: it may pass by itself: a role takes minutes to take effect, an app to start
    )


_GRANT: Final = "infra/grant_synapse_roles.sh --apply"
_SOON: Final = "A role that was granted just now takes minutes to take effect."

#: An error's words, and what they mean; the first that fits counts.
_MEANINGS: Final[tuple[tuple[str, Advice], ...]] = (
    (
        r"credentials?/useSecret",
        Advice(
            f"The app's identity lacks Synapse Credential User on WorkspaceSystemIdentity: {_GRANT}. {_SOON}",
            passes=True,
        ),
    ),
    (
        r"integrationRuntimes?/useCompute",
        Advice(
            "The app's identity lacks Synapse Compute Operator on the integration runtime that the pipeline uses: "
            f"{_GRANT} --runtime NAME. {_SOON}",
            passes=True,
        ),
    ),
    (
        r"cancelPipelineRun",
        Advice(
            f"The app's identity lacks Synapse Compute Operator on the workspace: {_GRANT} --cancel. {_SOON}",
            passes=True,
        ),
    ),
    (
        r"pipelines?/viewOutputs|the gateway may not look",
        Advice(
            f"The app's identity lacks Synapse Monitoring Operator: {_GRANT}. {_SOON}", passes=True
        ),
    ),
    (
        r"required Synapse RBAC permission|AccessControlUnauthorized|Microsoft\.Synapse/workspaces/read",
        Advice(
            "The app's identity has no role in the workspace, or none that takes effect yet: "
            f"Synapse Credential User, {_GRANT}. {_SOON}",
            passes=True,
        ),
    ),
    (
        r"private endpoint connection",
        Advice(
            "The workspace is reached through a private endpoint that is not known to it yet, or not approved: "
            "Synapse Studio or the portal, private endpoint connections.",
            passes=True,
        ),
    ),
    (
        r"ClientIpAddressNotAuthorized",
        Advice(
            "The workspace's firewall doesn't know the address that the app calls from. With a virtual network it is "
            "GATEWAY_OUTBOUND_IP; without one it changes: docs/deploy.md, the way to Synapse."
        ),
    ),
    (
        r"PipelineNotFound",
        Advice(
            "The workspace has no published pipeline of that name. Only what is published in live mode can run."
        ),
    ),
    (
        r"listener for function",
        Advice(
            "The host can't read its queues: Storage Queue Data Contributor on run-requests and run-requests-poison, with "
            f"a topic on run-outbox and run-outbox-poison too. {_SOON}",
            passes=True,
        ),
    ),
    (
        r"queue run-outcomes: 403",
        Advice(
            f"The app can't tell how runs ended: Storage Queue Data Message Sender on run-outcomes. {_SOON}",
            passes=True,
        ),
    ),
    (
        r"still open after",
        Advice(
            "Either the pipeline takes longer, or the app may not look at runs: Synapse Monitoring Operator "
            f"({_GRANT}); its log says run_gateway.looks_refused then (docs/operate.md).",
        ),
    ),
    (
        r"event_deferred.*unauthorized|does not have permission to send data",
        Advice(
            f"The app may not post events: EventGrid Data Sender on the topic. They wait in run-outbox. {_SOON}",
            passes=True,
        ),
    ),
    (
        r"AuthorizationPermissionMismatch|do not have the required permissions needed to perform this operation",
        Advice(
            "You lack a role (operatorPrincipalId, docs/roles.md): Storage Queue Data Message Sender on run-requests to "
            "send, Storage Queue Data Reader on run-results, run-outcomes and run-requests-poison to look, Storage Table Data Reader "
            f"on the account for the audit's table. {_SOON}",
            passes=True,
        ),
    ),
    (
        r"AuthorizationFailure|request may be blocked by network rules",
        Advice(
            "The storage account is closed to this machine: with vnetEnabled it is reached inside its network only. "
            "Run the smoke test there, or with --skip queue."
        ),
    ),
    (
        r"KeyBasedAuthenticationNotPermitted",
        Advice(
            "Shared keys are off; something still uses one. Name identities: --auth-mode login."
        ),
    ),
    (
        r"AZURE_LOGIN|az login|AADSTS70043|AADSTS700082",
        Advice("Not signed in, or no longer: az login."),
    ),
    (
        r"AADSTS500011|invalid_resource|AADSTS65001",
        Advice(
            "No token can be had for ENTRA_AUDIENCES: the tenant has no application of that name, or it has not "
            "permitted az to ask for it. https://dev.azuresynapse.net always can: docs/access.md."
        ),
    ),
    (
        r"sites/(?:host|config)/list|AuthorizationFailed",
        Advice("You may not read the app's keys and settings: Website Contributor on the app."),
    ),
    (
        r"NotPermitted",
        Advice(
            "You are known and may not: name yourself in access of gateway.json (docs/access.md), and deploy again."
        ),
    ),
    (
        r"Unauthenticated|HTTP 401",
        Advice(
            "The app doesn't take your proof. HTTP_AUTH=key: another key; entra: ENTRA_TENANT_ID and ENTRA_AUDIENCES "
            "(docs/access.md). The platform looks at HTTP_AUTH when it starts: restart the app after changing it.",
            passes=True,
        ),
    ),
    (
        r"RunStorage|GatewayUnavailable|run_gateway\.not_ready",
        Advice(
            "The app can't use its storage: Storage Queue Data Contributor on run-requests and run-requests-poison, "
            "Storage Queue Data Message Sender on run-results and run-outcomes, Storage Table Data Contributor on the account. "
            f"{_SOON}",
            passes=True,
        ),
    ),
    (
        r"Function host is not running|HTTP 50[023](?! \{)",
        Advice(
            "The host doesn't start, or not yet. It needs Storage Blob Data Owner on the account, and "
            "AzureWebJobsStorage__credential, __clientId and the three URIs; no setting AzureWebJobsStorage.",
            passes=True,
        ),
    ),
    (
        r"HTTP 404(?! \{)",
        Advice(
            "The platform knows no such route: nothing is deployed, or nothing was indexed (docs/deploy.md).",
            passes=True,
        ),
    ),
    (
        r"HTTP 0 |Failed to resolve|NameResolutionError|Max retries exceeded",
        Advice(
            "Nothing answers there from this machine: a private name, a proxy, or an app that was just made.",
            passes=True,
        ),
    ),
)


def explain(text: str) -> Advice | None:
    """Say what an error means, or nothing."""
    return next(
        (advice for words, advice in _MEANINGS if re.search(words, text, re.IGNORECASE)), None
    )
