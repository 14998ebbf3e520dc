"""The answers of az, from a small cloud in a file. What would fail in Azure fails here; the shapes are those of azure-cli 2.91."""

import json
import re
import uuid
from pathlib import Path
from typing import Any, Final

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


class Refused(Exception):
    """What the tool would end with an error for."""


def signed_in(state: State) -> None:
    if not state["signedIn"]:
        message = "Please run 'az login' to setup account."
        raise Refused(message)


def login(state: State, command: Command) -> list[Any]:
    state["signedIn"] = True
    return [account(state, command)]


def account(state: State, _: Command) -> dict[str, Any]:
    signed_in(state)
    return {"id": state["subscription"], "name": "Try", "user": {"name": "ada@contoso.com", "type": "user"}}  # fmt: skip


def set_account(state: State, command: Command) -> None:
    signed_in(state)
    state["subscription"] = command["--subscription"]


def subscribed(state: State) -> None:
    signed_in(state)
    if not state["subscription"]:
        message = "No subscription was chosen."
        raise Refused(message)


def make_group(state: State, command: Command) -> None:
    subscribed(state)
    state["groups"][command["--name"]] = []


def in_group(state: State, command: Command) -> list[str]:
    subscribed(state)
    group = command["--resource-group"]
    if group not in state["groups"]:
        message = f"(ResourceGroupNotFound) Resource group '{group}' could not be found."
        raise Refused(message)
    found: list[str] = state["groups"][group]
    return found


def make_account(state: State, command: Command) -> None:
    name = command["--name"]
    if not re.fullmatch("[a-z0-9]{3,24}", name):
        message = f"(AccountNameInvalid) {name} is not a valid storage account name."
        raise Refused(message)
    in_group(state, command).append(f"storage {name}")


def make_container(state: State, command: Command) -> None:
    there = in_group(state, command)
    account = command["--storage-account"]
    if f"storage {account}" not in there:
        message = f"(ResourceNotFound) {account} was not found."
        raise Refused(message)
    there.append(f"container {account}/{command['--name']}")


def make_workspace(state: State, command: Command) -> None:
    container = f"container {command['--storage-account']}/{command['--file-system']}"
    if container not in in_group(state, command):
        message = f"There is no {container}."
        raise Refused(message)
    state["workspaces"][command["--name"]] = {"addresses": [], "roles": [], "pipelines": []}


def workspaces(state: State, _: Command) -> list[dict[str, str]]:
    subscribed(state)
    return [{"name": name} for name in state["workspaces"]]


def open_firewall(state: State, command: Command) -> None:
    in_group(state, command)
    workspace = state["workspaces"][command["--workspace-name"]]
    workspace["addresses"].append(command["--start-ip-address"])


def workspace(state: State, command: Command) -> dict[str, Any]:
    """The development endpoint: reached by name, through the firewall."""
    signed_in(state)
    name = command["--workspace-name"]
    if name not in state["workspaces"]:
        message = f"Failed to resolve '{name}.dev.azuresynapse.net' ([Errno -2] Name or service not known)"
        raise Refused(message)
    if ADDRESS not in state["workspaces"][name]["addresses"]:
        message = f"(ClientIpAddressNotAuthorized) Client Ip address : {ADDRESS}"
        raise Refused(message)
    found: dict[str, Any] = state["workspaces"][name]
    return found


def make_pipeline(state: State, command: Command) -> None:
    json.loads(command["--file"])
    workspace(state, command)["pipelines"].append(command["--name"])


def role_id(command: Command) -> str:
    if command["--role"] not in SYNAPSE_ROLES:
        message = f"Role '{command['--role']}' doesn't exist."
        raise Refused(message)
    return SYNAPSE_ROLES[command["--role"]]


def list_roles(state: State, command: Command) -> list[Any]:
    role, principal = role_id(command), command["--assignee-object-id"]
    return [
        one
        for one in workspace(state, command)["roles"]
        if (one["roleDefinitionId"], one["principalId"]) == (role, principal)
    ]


def grant_role(state: State, command: Command) -> dict[str, str]:
    scope = f"workspaces/{command['--workspace-name']}"
    if "--item" in command.options:
        scope += f"/{command['--item-type']}/{command['--item']}"
    assignment = {
        "id": str(uuid.uuid4()),
        "principalId": command["--assignee-object-id"],
        "principalType": command["--assignee-principal-type"],
        "roleDefinitionId": role_id(command),
        "scope": scope,
    }
    workspace(state, command)["roles"].append(assignment)
    return assignment


def show_principal(state: State, command: Command) -> dict[str, str]:
    signed_in(state)
    if command["--id"] not in {PRINCIPAL, CLIENT}:
        message = f"Resource '{command['--id']}' does not exist."
        raise Refused(message)
    return {"id": PRINCIPAL, "appId": CLIENT}


def deploy_template(state: State, command: Command) -> None:
    subscribed(state)
    if not state["bicep"]:
        message = 'Bicep CLI not found. Install it now by running "az bicep install".'
        raise Refused(message)
    template = ROOT / command["--template-file"]
    given = dict(one.split("=", 1) for one in command.options["--parameters"])
    provision(state, template, given)


def provision(state: State, template: Path, given: dict[str, str]) -> None:
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


def app(state: State, command: Command) -> None:
    if "app" not in in_group(state, command):
        message = "(ResourceNotFound) There is no such function app."
        raise Refused(message)


def list_apps(state: State, command: Command) -> list[Any]:
    app(state, command)
    return [{"name": APP, "defaultHostName": state["host"]}]


def list_identities(state: State, command: Command) -> list[Any]:
    app(state, command)
    return [{"principalId": PRINCIPAL, "clientId": CLIENT}]


def deploy_package(state: State, command: Command) -> str:
    app(state, command)
    if command["--name"] != APP or not Path(command["--src"]).is_file():
        message = f"There is no {command['--name']}, or no {command['--src']}."
        raise Refused(message)
    state["deployed"] = True
    return "Deployment was successful."


def list_settings(state: State, command: Command) -> list[Any]:
    app(state, command)
    return [{"name": name, "value": value} for name, value in state["settings"].items()]


def list_keys(state: State, command: Command) -> dict[str, Any]:
    app(state, command)
    return {"functionKeys": {"default": state["key"]}, "masterKey": "", "systemKeys": {}}


def list_functions(state: State, command: Command) -> list[Any]:
    app(state, command)
    return [{"name": f"{APP}/{name}"} for name in state["functions"]] if state["deployed"] else []


def queue(state: State, command: Command) -> Any:
    """The queue, behind the connection string that the test gave."""
    signed_in(state)
    if (command["--auth-mode"], command["--account-name"]) != ("login", ACCOUNT):
        message = "KeyBasedAuthenticationNotPermitted"
        raise Refused(message)
    from azure.storage.queue import QueueClient  # noqa: PLC0415 - half a second that few commands need

    return QueueClient.from_connection_string(state["storage"], command["--queue-name"])


def put(state: State, command: Command) -> dict[str, Any]:
    with queue(state, command) as client:
        message = client.send_message(command["--content"])
    return {"id": message.id, "content": message.content}


def peek(state: State, command: Command) -> list[Any]:
    with queue(state, command) as client:
        messages = client.peek_messages(max_messages=int(command.get("--num-messages", "1")))
    return [{"id": one.id, "content": one.content} for one in messages]


def user(state: State, _: Command) -> dict[str, str]:
    signed_in(state)
    return {"id": USER}


def install_bicep(state: State, _: Command) -> None:
    state["bicep"] = True


def assign(state: State, command: Command) -> dict[str, str]:
    subscribed(state)
    known = json.loads((ROOT / "infra" / "roles.json").read_text())["ids"]
    if command["--role"] not in known:
        message = f"Role '{command['--role']}' doesn't exist."
        raise Refused(message)
    granted = {"role": command["--role"], "scope": command["--scope"]}
    state["assignments"].append(granted)
    return granted


def token(state: State, command: Command) -> dict[str, str]:
    signed_in(state)
    return {"accessToken": state["tokens"][command["--resource"]]}


ANSWERS: Final = {
    "az login": login,
    "az account get-access-token": token,
    "az account set": set_account,
    "az account show": account,
    "az ad signed-in-user show": user,
    "az ad sp show": show_principal,
    "az bicep install": install_bicep,
    "az deployment sub create": deploy_template,
    "az functionapp config appsettings list": list_settings,
    "az functionapp deployment source config-zip": deploy_package,
    "az functionapp function list": list_functions,
    "az functionapp keys list": list_keys,
    "az functionapp list": list_apps,
    "az group create": make_group,
    "az identity list": list_identities,
    "az role assignment create": assign,
    "az storage account create": make_account,
    "az storage container-rm create": make_container,
    "az storage message peek": peek,
    "az storage message put": put,
    "az synapse pipeline create": make_pipeline,
    "az synapse role assignment create": grant_role,
    "az synapse role assignment list": list_roles,
    "az synapse workspace create": make_workspace,
    "az synapse workspace firewall-rule create": open_firewall,
    "az synapse workspace list": workspaces,
}
