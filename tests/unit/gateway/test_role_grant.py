"""The role, the scope and the command that grant a right."""

import json
from pathlib import Path

import pytest

from shared.config.settings import StorageSettings
from shared.gateway import role_grant
from shared.ports import Identity

ROOT = Path(__file__).resolve().parents[3]
WHO = Identity(
    object_id="11111111-2222-4333-8444-555555555555",
    client_id="99999999-2222-4333-8444-555555555555",
)
BY_IDENTITY = {
    "RunStorage__queueServiceUri": "https://orders.queue.core.windows.net",
    "RunStorage__tableServiceUri": "https://orders.table.core.windows.net",
}
ACCOUNT = "$(az storage account show --name orders --query id --output tsv)"


def by_identity(**more: str) -> StorageSettings:
    return StorageSettings.model_validate(BY_IDENTITY | more)


def connected(text: str) -> StorageSettings:
    return StorageSettings.model_validate({"RunStorage": text})


def test_azures_roles_are_those_that_the_deployment_assigns() -> None:
    ids = json.loads((ROOT / "infra" / "roles.json").read_text())["ids"]
    assigned = (ROOT / "infra" / "modules" / "roles.bicep").read_text()
    tables, requests, results = (
        role_grant.on_tables(by_identity(), WHO).role,
        role_grant.on_queue(by_identity(), WHO, "run-requests").role,
        role_grant.on_queue(by_identity(), WHO, "run-results").role,
    )

    assert [ids[role.name] for role in (tables, requests, results)] == [
        role.id for role in (tables, requests, results)
    ]
    assert f"    principal: app\n    role: '{tables.name}'" in assigned
    sends = role_grant.to_send("https://runs.x", WHO).role
    assert sends.id == ids[sends.name]
    assert f"    principal: app\n    role: '{sends.name}'" in assigned
    for name, role in (("requestsQueue", requests), ("resultsQueue", results)):
        line = f"    queue: {name}\n    principal: app\n    role: '{role.name}'"
        assert line in assigned


def test_a_table_is_granted_on_the_account() -> None:
    grant = role_grant.on_tables(by_identity(), WHO)

    assert grant.scope == "Microsoft.Storage/storageAccounts/orders"
    assert grant.command == (
        f'az role assignment create --role "Storage Table Data Contributor" --scope "{ACCOUNT}"'
        f" --assignee-object-id {WHO.object_id} --assignee-principal-type ServicePrincipal"
    )


@pytest.mark.parametrize(
    ("queue", "role"),
    [
        ("run-requests", "Storage Queue Data Contributor"),
        ("run-results", "Storage Queue Data Message Sender"),
        ("run-outcomes", "Storage Queue Data Message Sender"),
    ],
)
def test_a_queue_is_granted_by_itself(queue: str, role: str) -> None:
    grant = role_grant.on_queue(by_identity(), WHO, queue)

    below = f"/queueServices/default/queues/{queue}"
    assert grant.scope == f"Microsoft.Storage/storageAccounts/orders{below}"
    assert f'--role "{role}" --scope "{ACCOUNT}{below}" ' in grant.command


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("https://sales.dev.azuresynapse.net", "sales"),
        ("https://sales.dev.azuresynapse.azure.cn", "sales"),
        ("http://127.0.0.1:8400", "<workspace>"),
        ("http://localhost:8400", "<workspace>"),
    ],
)
def test_a_right_at_synapse_is_granted_by_the_script(endpoint: str, name: str) -> None:
    look, start = role_grant.to_look(endpoint, WHO), role_grant.to_start(endpoint, WHO)

    assert look.command == start.command
    assert look.command == (
        f"./infra/grant_synapse_roles.sh --workspace {name} --principal-id {WHO.object_id} --apply"
    )
    assert (look.role.name, look.scope) == ("Synapse Monitoring Operator", f"workspaces/{name}")
    assert (start.role.name, start.scope) == (
        "Synapse Credential User",
        f"workspaces/{name}/credentials/WorkspaceSystemIdentity",
    )


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://runs.westeurope-1.eventgrid.azure.net/api/events", "runs"),
        ("http://127.0.0.1:8400/api/events", "<topic>"),
    ],
)
def test_sending_events_is_granted_on_the_topic(url: str, name: str) -> None:
    grant = role_grant.to_send(url, WHO)

    assert grant.scope == f"Microsoft.EventGrid/topics/{name}"
    assert grant.command == (
        'az role assignment create --role "EventGrid Data Sender" --scope "$(az resource list --name'
        f" {name} --resource-type Microsoft.EventGrid/topics --query '[0].id' --output tsv)\""
        f" --assignee-object-id {WHO.object_id} --assignee-principal-type ServicePrincipal"
    )


def test_an_identity_that_nobody_knows_is_left_to_the_reader() -> None:
    nobody = Identity()

    assert "--principal-id <principal id> " in role_grant.to_look("https://w.dev.x", nobody).command
    assert "--assignee-object-id <principal id> " in (
        role_grant.on_tables(by_identity(), nobody).command
    )


@pytest.mark.parametrize(
    ("client_id", "principal"),
    [
        (None, WHO.object_id),
        (WHO.client_id, WHO.object_id),
        ("another", '"$(az ad sp show --id another --query id --output tsv)"'),
    ],
)
def test_storage_may_see_another_identity_than_synapse(
    client_id: str | None, principal: str
) -> None:
    settings = by_identity(**({"RunStorage__clientId": client_id} if client_id else {}))

    assert f"--assignee-object-id {principal} " in role_grant.on_tables(settings, WHO).command


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("DefaultEndpointsProtocol=https;AccountName=orders;AccountKey=hunter2==", "orders"),
        ("AccountKey=hunter2==;AccountName=orders", "orders"),
        ("UseDevelopmentStorage=true", "<storage account>"),
        ("SharedAccessSignature=sig=hunter2", "<storage account>"),
        ("AccountName=hunter2;hunter2,AccountName=Hunter 2", "hunter2"),
    ],
)
def test_of_a_connection_string_the_account_s_name_alone_is_told(text: str, account: str) -> None:
    grant = role_grant.on_tables(connected(text), WHO)

    assert grant.scope == f"Microsoft.Storage/storageAccounts/{account}"
    assert "connection string" in grant.lacking
    assert "hunter2==" not in repr(grant)
    assert "sig=" not in repr(grant)
