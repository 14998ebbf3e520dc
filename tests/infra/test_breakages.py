"""One thing broken at a time in a copy of infra/: the check that is named finds it."""

import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.infra.checks import findings

ROOT = Path(__file__).resolve().parents[2]

#: what is broken, the file, its text, the text instead, and the check that finds it
BREAKAGES: Final = [
    ("setting renamed", "infra/main.bicep", "  RUNS_TABLE:", "  RUN_TABLE:", "settings"),
    ("setting left out", "infra/main.bicep", "  AZURE_CLIENT_ID: identity.outputs.clientId\n", "", "settings"),
    ("setting of no meaning", "infra/main.bicep", "  HTTP_AUTH: httpAuth", "  HTTP_AUTH: httpAuth\n  HTTP_MODE: 'x'", "settings"),
    ("setting that the app refuses", "infra/main.bicep", "  ENTRA_AUDIENCES: entraAudiences\n", "  ENTRA_AUDIENCES: ''\n", "settings"),
    ("identity of storage left out", "infra/main.bicep", "  RunStorage__credential: 'managedidentity'\n", "", "settings"),
    ("host storage by key", "infra/main.bicep", "  AzureWebJobsStorage__credential: 'managedidentity'", "  AzureWebJobsStorage: ''\n  AzureWebJobsStorage__credential: 'managedidentity'", "secrets"),
    ("key read", "infra/modules/storage.bicep", "output id string = account.id", "output id string = account.listKeys().keys[0].value", "references"),
    ("connection string", "infra/main.bicep", "  HTTP_AUTH: httpAuth", "  HTTP_AUTH: httpAuth\n  RunStorage: 'AccountName=x;AccountKey=y'", "secrets"),
    ("queue renamed", "infra/main.bicep", "var requestsQueue = 'run-requests'", "var requestsQueue = 'requests'", "names"),
    ("table not made", "infra/main.bicep", "tables: [runsTable, auditTable]", "tables: [runsTable]", "names"),
    ("poison queue not made", "infra/main.bicep", "[requestsQueue, poisonQueue, resultsQueue]", "[requestsQueue, resultsQueue]", "names"),
    ("outbox not made", "infra/main.bicep", "[outboxQueue, '${outboxQueue}-poison']", "[outboxQueue]", "names"),
    ("topic that takes keys", "infra/modules/result-topic.bicep", "disableLocalAuth: true", "disableLocalAuth: false", "hardening"),
    ("topic of another schema", "infra/modules/result-topic.bicep", "CloudEventSchemaV1_0", "EventGridSchema", "hardening"),
    ("app that may not post", "infra/modules/roles.bicep", "role: 'EventGrid Data Sender'", "role: 'Storage Queue Data Reader'", "roles"),
    ("role name mistyped", "infra/modules/roles.bicep", "role: 'Storage Blob Data Owner'", "role: 'Storage Blob Owner'", "references"),
    ("role too strong", "infra/modules/roles.bicep", "role: 'Storage Queue Data Reader'", "role: 'Storage Queue Data Contributor'", "roles"),
    ("role GUID of another role", "infra/roles.json", "974c5e8b-45b9-4653-ba55-5f855dd0fb88", "974c5e8b-45b9-4653-ba55-5f855dd0fb89", "roles"),
    ("role to the wrong principal", "infra/main.bicep", "appPrincipalId: identity.outputs.principalId", "appPrincipalId: identity.outputs.clientId", "roles"),
    ("parameter of a module not given", "infra/main.bicep", "    queueName: requestsQueue\n", "", "references"),
    ("parameter that a module lacks", "infra/main.bicep", "    insightsId: monitoring", "    insightId: monitoring", "references"),
    ("parameter of a wrong type", "infra/main.bicep", "retentionDays: logRetentionDays", "retentionDays: '30'", "references"),
    ("parameter out of bounds", "infra/main.bicep", "param maximumInstanceCount int = 40", "param maximumInstanceCount int = 20", "references"),
    ("bounds of instances widened", "infra/main.bicep", "@minValue(40)", "@minValue(1)", "flex"),
    ("resource property mistyped", "infra/modules/identity.bicep", "identity.properties.principalId", "identity.properties.principleId", "references"),
    ("resource symbol mistyped", "infra/modules/monitoring.bicep", "WorkspaceResourceId: workspace.id", "WorkspaceResourceId: workspaces.id", "references"),
    ("module output mistyped", "infra/main.bicep", "storage.outputs.tableEndpoint", "storage.outputs.tablesEndpoint", "references"),
    ("module file renamed", "infra/main.bicep", "'modules/alerts.bicep'", "'modules/alert.bicep'", "references"),
    ("child under the wrong parent", "infra/modules/storage.bicep", "  parent: queueService\n", "  parent: tableService\n", "references"),
    ("function mistyped", "infra/modules/app.bicep", "toLower(", "lower(", "references"),
    ("name known too late", "infra/modules/workbook.bicep", "  name: guid(resourceGroup().id, 'run-gateway')", "  name: workbook.properties.userId", "references"),
    ("condition known too late", "infra/main.bicep", "= if (vnetEnabled && vaultEnabled)", "= if (storage.outputs.id == 'x')", "references"),
    ("property mistyped", "infra/modules/storage.bicep", "allowSharedKeyAccess", "allowSharedKeysAccess", "types"),
    ("property in the wrong case", "infra/modules/monitoring.bicep", "DisableLocalAuth: true\n  }\n}\n\noutput", "disableLocalAuth: true\n  }\n}\n\noutput", "types"),
    ("property at the wrong depth", "infra/modules/app.bicep", "    httpsOnly: true\n", "", "hardening"),
    ("value that the type lacks", "infra/modules/storage.bicep", "publicAccess: 'None'", "publicAccess: 'Private'", "types"),
    ("value of another provider", "infra/modules/event-subscription.bicep", "endpointType: 'StorageQueue'", "endpointType: 'Queue'", "types"),
    ("text for a number", "infra/modules/network.bicep", "defaultOutboundAccess: false", "defaultOutboundAccess: 'false'", "types"),
    ("number for a text", "infra/modules/app.bicep", "version: '3.13'", "version: 313", "types"),
    ("text for an array", "infra/modules/private-endpoint.bicep", "groupIds: [groupId]", "groupIds: groupId", "types"),
    ("required property left out", "infra/modules/key-vault.bicep", "    sku: { family: 'A', name: 'standard' }\n", "", "types"),
    ("read-only property given", "infra/modules/identity.bicep", "  tags: tags\n}", "  tags: tags\n  properties: { clientId: 'x' }\n}", "types"),
    ("API version without a table", "infra/modules/identity.bicep", "@2024-11-30", "@2023-01-31", "references"),
    ("resource that is not in the table", "infra/modules/network.bicep", "Microsoft.Network/natGateways@", "Microsoft.Network/natGateway@", "versions"),
    ("variable that nothing reads", "infra/main.bicep", "var runsTable", "var spare = 'x'\nvar runsTable", "use"),
    ("parameter that nothing reads", "infra/modules/alerts.bicep", "param name string", "param name string\nparam spare string = ''", "use"),
    ("parameter not in the file", "infra/main.parameters.json", '    "synapseEndpoint": { "value": "${SYNAPSE_ENDPOINT}" },\n', "", "parameters"),
    ("parameter in the file alone", "infra/main.parameters.json", '"httpAuth"', '"httpMode"', "parameters"),
    ("parameter that looks like a secret", "infra/modules/alerts.bicep", "param name string", "param name string\nparam hookSecretSettings string = ''", "linter"),
    ("linter rule that stops a deployment unchecked", "infra/bicepconfig.json", '"max-params": { "level": "warning" }', '"max-params": { "level": "error" }', "linter"),
    ("FTP setting that Flex rejects", "infra/modules/app.bicep", "minTlsVersion: '1.2'", "minTlsVersion: '1.2'\n      ftpsState: 'Disabled'", "flex"),
    ("worker setting that Flex rejects", "infra/main.bicep", "  HTTP_AUTH: httpAuth", "  HTTP_AUTH: httpAuth\n  FUNCTIONS_WORKER_RUNTIME: 'python'", "flex"),
    ("another plan", "infra/modules/app.bicep", "name: 'FC1'", "name: 'EP1'", "flex"),
    ("another Python", "infra/modules/app.bicep", "version: '3.13'", "version: '3.12'", "flex"),
    ("shared keys on", "infra/modules/storage.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true", "hardening"),
    ("storage left open", "infra/main.bicep", "    closed: vnetEnabled\n    trustedServices", "    closed: false\n    trustedServices", "hardening"),
    ("subnet not delegated", "infra/modules/network.bicep", "Microsoft.App/environments", "Microsoft.Web/serverFarms", "hardening"),
    ("user identity for a closed queue", "infra/modules/event-topic.bicep", "type: 'SystemAssigned'", "type: 'UserAssigned'", "events"),
    ("events that expire", "infra/modules/event-subscription.bicep", "queueMessageTimeToLiveInSeconds: -1", "queueMessageTimeToLiveInSeconds: 60", "events"),
    ("app before its roles", "infra/main.bicep", "  dependsOn: [\n    roles\n", "  dependsOn: [\n", "order"),
    ("subscription before its roles", "infra/main.bicep", "  dependsOn: [roles]\n", "", "order"),
    ("container of the package missing", "infra/main.bicep", "blobEndpoint}${packageContainer}'", "blobEndpoint}packages'", "order"),
    ("metric that Flex lacks", "infra/modules/alerts.bicep", "OnDemandFunctionExecutionCount", "FunctionExecutionCount", "alerts"),
    ("aggregation that a metric lacks", "infra/modules/alerts.bicep", "aggregation: 'Average'", "aggregation: 'Maximum'", "alerts"),
    ("alert for nobody", "infra/modules/alerts.bicep", "actions: [for id in receivers: { actionGroupId: id }]", "actions: []", "alerts"),
    ("query alert for nobody", "infra/modules/log-alerts.bicep", "actions: { actionGroups: actionGroupIds }", "actions: { actionGroups: [] }", "alerts"),
    ("alert without a question", "infra/modules/log-alerts.bicep", "question: 'Which messages did the platform give up on?'", "question: 'Poison.'", "alerts"),
    ("alert without a runbook entry", "infra/modules/log-alerts.bicep", "name: 'poison'", "name: 'venom'", "alerts"),
    ("rows counted and measured", "infra/modules/log-alerts.bicep", "aggregation: 'Maximum'", "aggregation: 'Count'", "alerts"),
    ("query in no rhythm", "infra/modules/log-alerts.bicep", "window: 'P2D'", "window: 'P3D'", "alerts"),
    ("threshold that is not there", "infra/main.bicep", "  notEndedMinutes: 15\n", "", "references"),
    ("log line that nobody writes", "infra/queries/throttled.kql", "run_gateway.throttled", "run_gateway.slowed", "queries"),
    ("field that a line lacks", "infra/queries/not-ended.kql", "reason: string", "cause: string", "queries"),
    ("line read in another way", "infra/queries/codes.kql", 'kv_delimiter="="', 'kv_delimiter=":"', "queries"),
    ("rows counted", "infra/queries/codes.kql", "sum(ItemCount)", "count()", "queries"),
    ("query that nothing uses", "infra/modules/workbook.bicep", "durations.kql", "codes.kql", "queries"),
    ("service under another name", "azure.yaml", "  gateway:", "  app:", "azd"),
    ("hook that calls nothing", "azure.yaml", "infra/postprovision.sh", "infra/none.sh", "azd"),
    ("suppression without a reason", "infra/modules/app.bicep", "CKV_AZURE_225: A parameter, as not every region has zones.", "CKV_AZURE_225", "suppressions"),
    ("brace left open", "infra/modules/workbook.bicep", "    category: 'workbook'", "    category: {", "syntax"),
    ("syntax of a newer Bicep", "infra/modules/identity.bicep", "  tags: tags\n", "  ...tags\n", "syntax"),
]  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    shutil.copy(ROOT / "azure.yaml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new", "check"),
    [breakage[1:] for breakage in BREAKAGES],
    ids=[breakage[0] for breakage in BREAKAGES],
)
def test_a_breakage_is_found_by_its_check(
    copy: Path, file: str, old: str, new: str, check: str
) -> None:
    path = copy / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))

    found = findings(copy)

    assert found.get(check)


def test_the_copy_itself_is_sound(copy: Path) -> None:
    assert {check: faults for check, faults in findings(copy).items() if faults} == {}
