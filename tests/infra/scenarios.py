"""Deployments that together use everything in infra/, expanded."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.infra.bicep_expansion import Expansion
from tests.infra.bicep_rules import Seen
from tests.infra.bicep_values import Module, Resource, Shape, Value

_LEAST: Final[dict[str, Value]] = {
    "environmentName": "test",
    "location": "westeurope",
    "synapseEndpoint": "https://contoso.dev.azuresynapse.net",
}
_GROUP: Final = "/subscriptions/s/resourceGroups/g"
_WORKSPACE: Final = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Synapse/workspaces/contoso"
)
_LANDING: Final = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/landing"
)
_ALL: Final[dict[str, Value]] = _LEAST | {
    "synapseWorkspaceId": _WORKSPACE,
    "operatorPrincipalId": "22222222-0000-4000-8000-000000000002",
    "operatorPrincipalType": "Group",
    "httpAuth": "entra",
    "entraTenantId": "33333333-0000-4000-8000-000000000003",
    "entraAudiences": "https://dev.azuresynapse.net",
    "appSettings": {"MAX_ATTEMPTS": "5"},
    "telemetry": "otel",
    "webhookSettingNames": "HOOK_GITHUB_SECRETS HOOK_SHOP_SECRETS",
    "alwaysReady": [{"name": "http", "instanceCount": 1}],
    "zoneRedundant": True,
    "vnetEnabled": True,
    "eventSourceId": _LANDING,
    "eventSourceLocation": "northeurope",
    "eventSubjectBeginsWith": "/blobServices/default/containers/incoming/",
    "followRuns": "asked",
    "followSeconds": 60,
    "publicUrl": "https://runs.example.com",
    "resultTopicEnabled": True,
    "alertEmails": "one@example.com two@example.com",
    "actionGroupIds": [f"{_GROUP}/providers/Microsoft.Insights/actionGroups/own"],
    "thresholds": {"notEndedMinutes": 30},
    "storageLogs": True,
}
#: Each is what a deployer may ask for; together they evaluate every expression (a check of its own).
SCENARIOS: Final[dict[str, dict[str, Value]]] = {
    "least": _LEAST,
    "all": _ALL,
    "events": _LEAST | {"eventSourceId": _LANDING},
    "topic": _LEAST | {"resultTopicEnabled": True},
    "silent": _LEAST | {"followRuns": "none", "outcomesQueueEnabled": False},
    "vnet": _LEAST | {"vnetEnabled": True},
    "entra": _LEAST | {"httpAuth": "entra", "entraAudiences": "https://dev.azuresynapse.net"},
}


@dataclass(frozen=True, slots=True)
class Deployment:
    """One scenario, expanded."""

    resources: tuple[Resource, ...]
    modules: dict[str, Module]
    outputs: dict[str, Value]

    def of_type(self, type_: str) -> list[Resource]:
        return [one for one in self.resources if one.type == type_]

    def only(self, type_: str) -> Resource:
        (one,) = self.of_type(type_)
        return one


@dataclass(frozen=True, slots=True)
class World:
    """The tree under check, with every scenario expanded."""

    root: Path
    types: dict[str, Shape]
    seen: Seen
    deployments: dict[str, Deployment]

    @property
    def infra(self) -> Path:
        return self.root / "infra"

    @property
    def files(self) -> list[str]:
        return sorted(
            path.relative_to(self.infra).as_posix() for path in self.infra.rglob("*.bicep")
        )

    def app_settings(self, scenario: str) -> dict[str, Value]:
        site = self.deployments[scenario].only("Microsoft.Web/sites")
        settings = site.body["properties"]["siteConfig"]["appSettings"]
        return {setting["name"]: setting["value"] for setting in settings}


@cache
def expand(root: Path) -> World:
    """Expand every scenario of the tree at root. Raises `Fault` where a file can't be read."""
    infra = root / "infra"
    types = json.loads((infra / "types.json").read_text())["resources"]
    seen, deployments = Seen(), {}
    for name, arguments in SCENARIOS.items():
        expansion = Expansion(infra, "main.bicep", arguments, types=types, seen=seen)
        outputs = expansion.expand().outputs
        modules = {module.symbol: module for module in expansion.modules}
        deployments[name] = Deployment(tuple(expansion.resources), modules, outputs)
    return World(root, types, seen, deployments)
