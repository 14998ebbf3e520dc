"""Roles that grant the app's rights: the least sufficient role, its scope and the command.

Names and ids of Azure's roles are those of infra/roles.json, the choice is that of infra/modules/roles.bicep.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from shared.config.settings import StorageSettings, is_loopback
from shared.kernel.cloud_error import Code
from shared.ports import Identity

_LACKING: Final = "the identity lacks"
_CONNECTED: Final = "the connection string doesn't permit it; an identity could have"


@dataclass(frozen=True, slots=True)
class Role:
    """A built-in role of Azure or Synapse."""

    name: str
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The role assignment that would grant a right."""

    role: Role
    scope: str
    command: str
    lacking: str = _LACKING  #: the start of a sentence that ends with the role
    until_then: str = ""  #: a sentence: what does not work meanwhile, if requests do


TABLES: Final = Role("Storage Table Data Contributor", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3")
REQUESTS: Final = Role("Storage Queue Data Contributor", "974c5e8b-45b9-4653-ba55-5f855dd0fb88")
RESULTS: Final = Role("Storage Queue Data Message Sender", "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a")
SENDS: Final = Role("EventGrid Data Sender", "d5a91429-5739-47e2-a06b-3470a27159e7")
# Synapse's own, which azure-docs names (synapse-workspace-understand-what-role-you-need.md). Monitoring Operator came
# after the recording that has the others' ids (azure-sdk-for-js, synapse-access-control-rest, list_roles, 2021).
STARTS: Final = Role("Synapse Credential User", "5eb298b4-692c-4241-9cf0-f58a3b42bb25")
LOOKS: Final = Role("Synapse Monitoring Operator")

_NETWORK: Final = "the storage account's network rules don't let the app in"
_PROXY: Final = "the answer is not the service's own: a proxy or a firewall stands in between"
_PROOF: Final = "the key, the signature or the token was not accepted"
#: Refusals that no role resolves, by the service's code. Every other lacks a role: AuthorizationPermissionMismatch
#: at storage (learn, troubleshoot/azure/azure-storage/blobs/authentication/storage-troubleshoot-403-errors),
#: Unauthorized and AccessControlUnauthorized at Synapse (azure-docs #100560), whose firewall says
#: ClientIpAddressNotAuthorized (azure-rest-api-specs #21516).
WITHOUT_ROLE: Final[Mapping[str, str]] = {
    "": _PROXY,
    Code.UNREADABLE_RESPONSE: _PROXY,
    "AuthenticationFailed": _PROOF,
    "AuthorizationFailure": _NETWORK,
    "AuthorizationSourceIPMismatch": _NETWORK,
    "ClientIpAddressNotAuthorized": "the workspace's firewall doesn't let the app's address in",
    "InvalidAuthenticationInfo": _PROOF,
    "InvalidTokenAuthenticationAudience": "the token is for another service",
    "KeyBasedAuthenticationNotPermitted": (
        "the storage account takes no keys: give the service URIs instead of a connection string"
    ),
}


def on_tables(settings: StorageSettings, identity: Identity) -> Grant:
    """Return the grant to read and write the tables: on the account, as the host creates tables of its own."""
    return _on_storage(settings, identity, TABLES, "")


def on_queue(settings: StorageSettings, identity: Identity, queue: str) -> Grant:
    """Return the grant to put messages on one of the queues."""
    is_only_put_on = queue in {settings.results_queue, settings.outcomes_queue}
    role = RESULTS if is_only_put_on else REQUESTS
    return _on_storage(settings, identity, role, f"/queueServices/default/queues/{queue}")


def to_send(url: str, identity: Identity) -> Grant:
    """Return the grant to send events to a topic."""
    topic = _label(url, "<topic>")
    found = f"az resource list --name {topic} --resource-type Microsoft.EventGrid/topics"
    scope = f"\"$({found} --query '[0].id' --output tsv)\""
    return Grant(
        role=SENDS,
        scope=f"Microsoft.EventGrid/topics/{topic}",
        command=_assign(SENDS, scope, identity.object_id or "<principal id>"),
    )


def to_look(endpoint: str, identity: Identity) -> Grant:
    """Return the grant to look at runs."""
    grant = _on_workspace(endpoint, identity, LOOKS, "")
    return replace(grant, until_then="Requests are started all the same; no outcome is reported.")


def to_start(endpoint: str, identity: Identity) -> Grant:
    """Return the grant to start runs."""
    return _on_workspace(endpoint, identity, STARTS, "/credentials/WorkspaceSystemIdentity")


def _on_storage(settings: StorageSettings, identity: Identity, role: Role, below: str) -> Grant:
    account = _account(settings)
    scope = f'"$(az storage account show --name {account} --query id --output tsv){below}"'
    return Grant(
        role=role,
        scope=f"Microsoft.Storage/storageAccounts/{account}{below}",
        command=_assign(role, scope, _principal(settings, identity)),
        lacking=_LACKING if settings.storage_connection is None else _CONNECTED,
    )


def _assign(role: Role, scope: str, principal: str) -> str:
    return (
        f'az role assignment create --role "{role.name}" --scope {scope}'
        f" --assignee-object-id {principal} --assignee-principal-type ServicePrincipal"
    )


def _on_workspace(endpoint: str, identity: Identity, role: Role, below: str) -> Grant:
    workspace = _label(endpoint, "<workspace>")
    principal = identity.object_id or "<principal id>"
    return Grant(
        role=role,
        scope=f"workspaces/{workspace}{below}",
        command=(
            f"./infra/grant_synapse_roles.sh --workspace {workspace} --principal-id {principal}"
            " --apply"
        ),
    )


def _principal(settings: StorageSettings, identity: Identity) -> str:
    """Return the identity that storage sees; it is known from Synapse's token if both are the same."""
    client_id = settings.storage_client_id
    if client_id in {None, identity.client_id}:
        return identity.object_id or "<principal id>"
    return f'"$(az ad sp show --id {client_id} --query id --output tsv)"'


def _account(settings: StorageSettings) -> str:
    """Return the account's name: from the connection string, or the first label of the tables' address."""
    if settings.storage_connection is not None:
        named = re.search(
            r"(?:^|;)\s*AccountName=([a-z0-9]{3,24})(?:;|$)", settings.storage_connection
        )
        return named[1] if named else "<storage account>"
    return _label(settings.storage_tables or "", "<storage account>")


def _label(url: str, unknown: str) -> str:
    host = urlsplit(url).hostname or ""
    label = host.partition(".")[0]
    known = "." in host and not is_loopback(host) and re.fullmatch(r"[a-z0-9-]+", label)
    return label if known else unknown
