"""Stands for az and azd: takes what they take, records it, and answers in their shapes from a small cloud in a file.

`python -m tests.infra.fake_cloud az group list`, with FAKE_CLOUD naming a folder. What would fail in Azure fails here: a command that
the tool lacks, one before `az login`, a role in a workspace that is not there or whose firewall is closed. The shapes
are those of azure-cli 2.91.
"""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.infra import cli
from tests.infra.cli import Command

ROOT: Final = Path(__file__).resolve().parents[2]
PRINCIPAL: Final = "11111111-1111-4111-8111-111111111111"
CLIENT: Final = "22222222-2222-4222-8222-222222222222"
USER: Final = "33333333-3333-4333-8333-333333333333"
APP: Final = "func-run-gateway-x"
ACCOUNT: Final = "stx"
ADDRESS: Final = "203.0.113.7"
SYNAPSE_ROLES: Final = {
    "Synapse Credential User": "5eb298b4-692c-4241-9cf0-f58a3b42bb25",
    "Synapse Compute Operator": "e3844cc7-4670-42cb-9349-9bdac1ee7881",
    "Synapse Monitoring Operator": "00000000-0000-4000-8000-00000000000d",  # Microsoft lists none: az asks by name
}
SETTINGS: Final = {
    "RunStorage__queueServiceUri": f"https://{ACCOUNT}.queue.core.windows.net/",
    "HTTP_AUTH": "key",
}

# A cloud as JSON.
type State = dict[str, Any]
type Answer = Callable[[State, Command], Any]


class Refused(Exception):
    """What the tool would end with an error for."""


def main() -> int:
    """Take one command."""
    folder = Path(os.environ["FAKE_CLOUD"])
    state: State = json.loads((folder / "state.json").read_text())
    words = sys.argv[1:]
    with (folder / "calls.jsonl").open("a") as calls:
        calls.write(f"{json.dumps(words)}\n")
    try:
        command = cli.read(words)
        answer = _answer(state, command)
    except (cli.Wrong, Refused) as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return 2 if isinstance(error, cli.Wrong) else 1
    (folder / "state.json").write_text(json.dumps(state))
    _write(answer, command)
    return 0


def _answer(state: State, command: Command) -> Any:
    if command.name in state["fails"]:
        raise Refused(state["fails"][command.name])
    return _ANSWERS[command.name](state, command)


def _write(answer: Any, command: Command) -> None:
    if "--query" in command.options:
        import jmespath  # noqa: PLC0415 - many commands of many processes need none

        answer = jmespath.search(command["--query"], answer)
    form = command.get("--output") or command.get("-o") or "json"
    if answer is None or form == "none":
        return
    if form == "json":
        sys.stdout.write(f"{json.dumps(answer)}\n")
    else:  # tsv
        lines = answer if isinstance(answer, list) else [answer]
        sys.stdout.write("".join(f"{line}\n" for line in lines))


def _signed_in(state: State) -> None:
    if not state["signedIn"]:
        message = "Please run 'az login' to setup account."
        raise Refused(message)


def _login(state: State, command: Command) -> list[Any]:
    state["signedIn"] = True
    return [_account(state, command)]


def _account(state: State, _: Command) -> dict[str, Any]:
    _signed_in(state)
    return {"id": state["subscription"], "name": "Try", "user": {"name": "ada@contoso.com", "type": "user"}}  # fmt: skip


def _set_account(state: State, command: Command) -> None:
    _signed_in(state)
    state["subscription"] = command["--subscription"]


def _subscribed(state: State) -> None:
    _signed_in(state)
    if not state["subscription"]:
        message = "No subscription was chosen."
        raise Refused(message)


def _make_group(state: State, command: Command) -> None:
    _subscribed(state)
    state["groups"][command["--name"]] = []


def _in_group(state: State, command: Command) -> list[str]:
    _subscribed(state)
    group = command["--resource-group"]
    if group not in state["groups"]:
        message = f"(ResourceGroupNotFound) Resource group '{group}' could not be found."
        raise Refused(message)
    found: list[str] = state["groups"][group]
    return found


def _make_account(state: State, command: Command) -> None:
    name = command["--name"]
    if not re.fullmatch("[a-z0-9]{3,24}", name):
        message = f"(AccountNameInvalid) {name} is not a valid storage account name."
        raise Refused(message)
    _in_group(state, command).append(f"storage {name}")


def _make_container(state: State, command: Command) -> None:
    there = _in_group(state, command)
    account = command["--storage-account"]
    if f"storage {account}" not in there:
        message = f"(ResourceNotFound) {account} was not found."
        raise Refused(message)
    there.append(f"container {account}/{command['--name']}")


def _make_workspace(state: State, command: Command) -> None:
    container = f"container {command['--storage-account']}/{command['--file-system']}"
    if container not in _in_group(state, command):
        message = f"There is no {container}."
        raise Refused(message)
    state["workspaces"][command["--name"]] = {"addresses": [], "roles": [], "pipelines": []}


def _workspaces(state: State, _: Command) -> list[dict[str, str]]:
    _subscribed(state)
    return [{"name": name} for name in state["workspaces"]]


def _open_firewall(state: State, command: Command) -> None:
    _in_group(state, command)
    workspace = state["workspaces"][command["--workspace-name"]]
    workspace["addresses"].append(command["--start-ip-address"])


def _workspace(state: State, command: Command) -> dict[str, Any]:
    """The development endpoint: reached by name, through the firewall."""
    _signed_in(state)
    name = command["--workspace-name"]
    if name not in state["workspaces"]:
        message = f"Failed to resolve '{name}.dev.azuresynapse.net' ([Errno -2] Name or service not known)"
        raise Refused(message)
    if ADDRESS not in state["workspaces"][name]["addresses"]:
        message = f"(ClientIpAddressNotAuthorized) Client Ip address : {ADDRESS}"
        raise Refused(message)
    found: dict[str, Any] = state["workspaces"][name]
    return found


def _make_pipeline(state: State, command: Command) -> None:
    json.loads(command["--file"])
    _workspace(state, command)["pipelines"].append(command["--name"])


def _role(command: Command) -> str:
    if command["--role"] not in SYNAPSE_ROLES:
        message = f"Role '{command['--role']}' doesn't exist."
        raise Refused(message)
    return SYNAPSE_ROLES[command["--role"]]


def _list_roles(state: State, command: Command) -> list[Any]:
    role, principal = _role(command), command["--assignee-object-id"]
    return [
        one
        for one in _workspace(state, command)["roles"]
        if (one["roleDefinitionId"], one["principalId"]) == (role, principal)
    ]


def _grant_role(state: State, command: Command) -> dict[str, str]:
    scope = f"workspaces/{command['--workspace-name']}"
    if "--item" in command.options:
        scope += f"/{command['--item-type']}/{command['--item']}"
    assignment = {
        "id": str(uuid.uuid4()),
        "principalId": command["--assignee-object-id"],
        "principalType": command["--assignee-principal-type"],
        "roleDefinitionId": _role(command),
        "scope": scope,
    }
    _workspace(state, command)["roles"].append(assignment)
    return assignment


def _show_principal(state: State, command: Command) -> dict[str, str]:
    _signed_in(state)
    if command["--id"] not in {PRINCIPAL, CLIENT}:
        message = f"Resource '{command['--id']}' does not exist."
        raise Refused(message)
    return {"id": PRINCIPAL, "appId": CLIENT}


def _deploy_template(state: State, command: Command) -> None:
    _subscribed(state)
    if not state["bicep"]:
        message = 'Bicep CLI not found. Install it now by running "az bicep install".'
        raise Refused(message)
    template = ROOT / command["--template-file"]
    given = dict(one.split("=", 1) for one in command.options["--parameters"])
    _provision(state, template, given)


def _provision(state: State, template: Path, given: dict[str, str]) -> None:
    from tests.infra.bicep_source import read as read_bicep  # noqa: PLC0415 - two parsers

    parameters = read_bicep(template.parent, template.name).parameters
    if unknown := given.keys() - parameters.keys():
        message = f"The template has no parameters {sorted(unknown)}."
        raise Refused(message)
    needed = {name for name, parameter in parameters.items() if parameter.value is None}
    if missing := needed - {name for name, value in given.items() if value}:
        message = f"The template needs {sorted(missing)}."
        raise Refused(message)
    state["groups"][f"rg-{given['environmentName']}"] = ["app"]
    state["deployed"] = False


def _app(state: State, command: Command) -> None:
    if "app" not in _in_group(state, command):
        message = "(ResourceNotFound) There is no such function app."
        raise Refused(message)


def _list_apps(state: State, command: Command) -> list[Any]:
    _app(state, command)
    return [{"name": APP, "defaultHostName": state["host"]}]


def _list_identities(state: State, command: Command) -> list[Any]:
    _app(state, command)
    return [{"principalId": PRINCIPAL, "clientId": CLIENT}]


def _deploy_package(state: State, command: Command) -> str:
    _app(state, command)
    if command["--name"] != APP or not Path(command["--src"]).is_file():
        message = f"There is no {command['--name']}, or no {command['--src']}."
        raise Refused(message)
    state["deployed"] = True
    return "Deployment was successful."


def _list_settings(state: State, command: Command) -> list[Any]:
    _app(state, command)
    return [{"name": name, "value": value} for name, value in state["settings"].items()]


def _list_keys(state: State, command: Command) -> dict[str, Any]:
    _app(state, command)
    return {"functionKeys": {"default": state["key"]}, "masterKey": "", "systemKeys": {}}


def _list_functions(state: State, command: Command) -> list[Any]:
    _app(state, command)
    return [{"name": f"{APP}/{name}"} for name in state["functions"]] if state["deployed"] else []


def _queue(state: State, command: Command) -> Any:
    """A queue as the test has it: a real one behind a connection string, or a list."""
    _signed_in(state)
    if (command["--auth-mode"], command["--account-name"]) != ("login", ACCOUNT):
        message = "KeyBasedAuthenticationNotPermitted"
        raise Refused(message)
    from azure.storage.queue import QueueClient  # noqa: PLC0415 - half a second that few commands need

    return QueueClient.from_connection_string(state["storage"], command["--queue-name"])


def _put(state: State, command: Command) -> dict[str, Any]:
    with _queue(state, command) as queue:
        message = queue.send_message(command["--content"])
    return {"id": message.id, "content": message.content}


def _peek(state: State, command: Command) -> list[Any]:
    with _queue(state, command) as queue:
        messages = queue.peek_messages(max_messages=int(command.get("--num-messages", "1")))
    return [{"id": one.id, "content": one.content} for one in messages]


def _azd_login(state: State, _: Command) -> None:
    state["azdSignedIn"] = True


def _azd_new(state: State, command: Command) -> None:
    state["azd"] = {
        "AZURE_ENV_NAME": command.positionals[0],
        "AZURE_LOCATION": command["--location"],
        "AZURE_SUBSCRIPTION_ID": command["--subscription"],
        "AZURE_PRINCIPAL_ID": USER,
    }


def _azd_set(state: State, command: Command) -> None:
    _environment(state)
    key, value = command.positionals
    state["azd"][key] = value


def _azd_get(state: State, command: Command) -> str:
    return str(_environment(state)[command.positionals[0]])


def _environment(state: State) -> dict[str, str]:
    if not state["azd"]:
        message = "no environment exists: azd env new"
        raise Refused(message)
    found: dict[str, str] = state["azd"]
    return found


def _azd_provision(state: State, _: Command) -> None:
    """Fill the parameter file as azd does, and run the hook of azure.yaml with the environment's values."""
    import yaml  # noqa: PLC0415 - only here

    values = _environment(state)
    if not state["azdSignedIn"]:
        message = "not logged in, run `azd auth login` to login"
        raise Refused(message)
    file = json.loads((ROOT / "infra" / "main.parameters.json").read_text())
    filled = {
        name: re.sub(
            r"\$\{(\w+)(?:=([^}]*))?\}", lambda m: values.get(m[1], m[2] or ""), str(one["value"])
        )
        for name, one in file["parameters"].items()
    }
    _provision(state, ROOT / "infra" / "main.bicep", filled)
    values |= {"GATEWAY_PRINCIPAL_ID": PRINCIPAL, "AZURE_RESOURCE_GROUP": f"rg-{values['AZURE_ENV_NAME']}"}  # fmt: skip
    hook = yaml.safe_load((ROOT / "azure.yaml").read_text())["hooks"]["postprovision"]
    folder = Path(os.environ["FAKE_CLOUD"])
    (folder / "state.json").write_text(json.dumps(state))
    done = subprocess.run([ROOT / hook["run"]], cwd=ROOT, env=os.environ | values, check=False)
    state.clear()
    state.update(json.loads((folder / "state.json").read_text()))
    if done.returncode and not hook["continueOnError"]:
        message = "'postprovision' hook failed"
        raise Refused(message)


def _azd_deploy(state: State, _: Command) -> None:
    group = f"rg-{_environment(state)['AZURE_ENV_NAME']}"
    if "app" not in state["groups"].get(group, []):
        message = "infrastructure has not been provisioned. Please run `azd provision`"
        raise Refused(message)
    state["deployed"] = True


def _azd_up(state: State, command: Command) -> None:
    _azd_provision(state, command)
    _azd_deploy(state, command)


def _user(state: State, _: Command) -> dict[str, str]:
    _signed_in(state)
    return {"id": USER}


def _install_bicep(state: State, _: Command) -> None:
    state["bicep"] = True


def _assign(state: State, command: Command) -> dict[str, str]:
    _subscribed(state)
    known = json.loads((ROOT / "infra" / "roles.json").read_text())["ids"]
    if command["--role"] not in known:
        message = f"Role '{command['--role']}' doesn't exist."
        raise Refused(message)
    granted = {"role": command["--role"], "scope": command["--scope"]}
    state["assignments"].append(granted)
    return granted


def _token(state: State, command: Command) -> dict[str, str]:
    _signed_in(state)
    return {"accessToken": state["tokens"][command["--resource"]]}


_ANSWERS: Final[dict[str, Answer]] = {
    "az login": _login,
    "az account get-access-token": _token,
    "az account set": _set_account,
    "az account show": _account,
    "az ad signed-in-user show": _user,
    "az ad sp show": _show_principal,
    "az bicep install": _install_bicep,
    "az deployment sub create": _deploy_template,
    "az functionapp config appsettings list": _list_settings,
    "az functionapp deployment source config-zip": _deploy_package,
    "az functionapp function list": _list_functions,
    "az functionapp keys list": _list_keys,
    "az functionapp list": _list_apps,
    "az group create": _make_group,
    "az identity list": _list_identities,
    "az role assignment create": _assign,
    "az storage account create": _make_account,
    "az storage container-rm create": _make_container,
    "az storage message peek": _peek,
    "az storage message put": _put,
    "az synapse pipeline create": _make_pipeline,
    "az synapse role assignment create": _grant_role,
    "az synapse role assignment list": _list_roles,
    "az synapse workspace create": _make_workspace,
    "az synapse workspace firewall-rule create": _open_firewall,
    "az synapse workspace list": _workspaces,
    "azd auth login": _azd_login,
    "azd deploy": _azd_deploy,
    "azd env get-value": _azd_get,
    "azd env new": _azd_new,
    "azd env set": _azd_set,
    "azd provision": _azd_provision,
    "azd up": _azd_up,
}

if __name__ == "__main__":
    sys.exit(main())
