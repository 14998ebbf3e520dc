"""The answers of azd: its environment, and the hook that azure.yaml names."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Final

from tests.infra.cli import Command
from tests.infra.fake_azure import PRINCIPAL, ROOT, USER, Refused, State, provision


def login(state: State, _: Command) -> None:
    state["azdSignedIn"] = True


def new(state: State, command: Command) -> None:
    state["azd"] = {
        "AZURE_ENV_NAME": command.positionals[0],
        "AZURE_LOCATION": command["--location"],
        "AZURE_SUBSCRIPTION_ID": command["--subscription"],
        "AZURE_PRINCIPAL_ID": USER,
        "AZURE_PRINCIPAL_TYPE": "User",
    }


def set_value(state: State, command: Command) -> None:
    environment(state)
    key, value = command.positionals
    state["azd"][key] = value


def get(state: State, command: Command) -> str:
    return str(environment(state)[command.positionals[0]])


def environment(state: State) -> dict[str, str]:
    if not state["azd"]:
        message = "no environment exists: azd env new"
        raise Refused(message)
    found: dict[str, str] = state["azd"]
    return found


def provision_all(state: State, _: Command) -> None:
    """Fill the parameter file as azd does, and run the hook of azure.yaml with the environment's values."""
    import yaml  # noqa: PLC0415 - only here

    values = environment(state)
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
    provision(state, ROOT / "infra" / "main.bicep", filled)
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


def deploy(state: State, _: Command) -> None:
    group = f"rg-{environment(state)['AZURE_ENV_NAME']}"
    if "app" not in state["groups"].get(group, []):
        message = "infrastructure has not been provisioned. Please run `azd provision`"
        raise Refused(message)
    state["deployed"] = True


def up(state: State, command: Command) -> None:
    provision_all(state, command)
    deploy(state, command)


ANSWERS: Final = {
    "azd auth login": login,
    "azd deploy": deploy,
    "azd env get-value": get,
    "azd env new": new,
    "azd env set": set_value,
    "azd provision": provision_all,
    "azd up": up,
}
