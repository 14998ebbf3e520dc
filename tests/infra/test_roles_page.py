"""docs/roles.md against the templates, the script, and what the smoke test makes of the errors."""

import json
import re
from typing import Final

import pytest

from infra.smoke.failures import explain
from tests.infra.checks_of_contract import EVERY_ROLE
from tests.infra.fake_azure import ROOT, SYNAPSE_ROLES

PAGE: Final = ROOT / "docs" / "roles.md"
IDS: Final = json.loads((ROOT / "infra" / "roles.json").read_text())["ids"]
WHOSE: Final = {"app": "app", "Event Grid": "topic", "people": "operator"}
LAST: Final = {
    "$ACCOUNT": "storageAccounts",
    "$INSIGHTS": "components",
    "$TOPIC": "topics",
    "$VAULT": "vaults",
}


def table(section: str) -> list[dict[str, str]]:
    """The rows of a section's table, by the names of its columns."""
    text = PAGE.read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


AZURE: Final = table("Azure roles")
SYNAPSE: Final = table("Synapse roles")


def name(row: dict[str, str]) -> str:
    return f"{row.get('whose', 'synapse')}-{row['role']}-{row['scope']}"


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_page_has_the_roles_that_the_templates_grant_and_no_other() -> None:
    found = {
        (WHOSE[row["whose"]], row["role"], LAST.get(scope, scope.rpartition("/")[2]))
        for row in AZURE
        for scope in quoted(row["scope"])
    }

    assert found == EVERY_ROLE
    assert len(AZURE) == len(EVERY_ROLE)


@pytest.mark.parametrize("row", AZURE, ids=name)
def test_an_azure_role_has_its_guid(row: dict[str, str]) -> None:
    assert quoted(row["GUID"]) == [IDS[row["role"]]]


def test_every_role_of_the_table_of_guids_is_on_the_page() -> None:
    assert {row["role"] for row in AZURE} == set(IDS)


def test_the_synapse_roles_are_those_that_the_script_grants() -> None:
    script = (ROOT / "infra" / "grant_synapse_roles.sh").read_text()
    granted = set(re.findall(r"need '(Synapse [\w ]+)'", script))

    assert {row["role"] for row in SYNAPSE} == granted == set(SYNAPSE_ROLES)
    for row in SYNAPSE:
        if row["GUID"] != "by name":
            assert quoted(row["GUID"]) == [SYNAPSE_ROLES[row["role"]]]
    assert "credentials WorkspaceSystemIdentity" in script
    assert SYNAPSE[0]["scope"] == "`credentials/WorkspaceSystemIdentity`"
    assert "AutoResolveIntegrationRuntime" in script
    assert SYNAPSE[2]["scope"].startswith("`integrationRuntimes/AutoResolveIntegrationRuntime`")


SILENT: Final = {"telemetry", "`/api/hooks/{name}`", "event, by queue", "its dead letters"}


@pytest.mark.parametrize(
    "row", [row for row in (*AZURE, *SYNAPSE) if row["entry point"] not in SILENT], ids=name
)
def test_the_smoke_test_names_the_role_that_an_error_wants(row: dict[str, str]) -> None:
    errors = quoted(row["the error when it is missing"])
    explained = [advice.text for text in errors if (advice := explain(text)) is not None]

    assert explained
    for text in explained:
        assert row["role"] in text


@pytest.mark.parametrize("row", [*AZURE, *SYNAPSE], ids=name)
def test_a_setting_of_the_page_is_one_of_the_deployment(row: dict[str, str]) -> None:
    known = (ROOT / "infra" / "main.bicep").read_text()
    for setting in quoted(row["setting"]):
        assert setting in known or setting == "HOOK_<NAME>_SECRETS"


def test_the_rights_of_the_person_who_looks_are_explained() -> None:
    said = table("You")[-1]["you need"]
    advice = explain(quoted(said)[0])

    assert advice is not None
    assert said.split(",")[0] in advice.text
