"""Writes tests/infra/cli_options.json: the options of the az and azd commands that the docs and scripts use.

`python -m local.cli_options --az AZ_PYTHON --azd CLONE` asks the tools themselves. AZ_PYTHON is the Python of an
environment with azure-cli from PyPI, CLONE a clone of github.com/Azure/azure-dev, whose tests keep what each command's
--help says. Run it again after a page or a script uses a command that is not in COMMANDS.
"""

import argparse
import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

TABLE: Final = Path(__file__).resolve().parents[1] / "tests" / "infra" / "cli_options.json"
AZ: Final = (
    "account get-access-token",
    "account set",
    "account show",
    "acr build",
    "acr create",
    "acr login",
    "acr repository show",
    "ad signed-in-user show",
    "ad sp show",
    "aks create",
    "aks get-credentials",
    "aks update",
    "bicep install",
    "containerapp create",
    "containerapp env create",
    "containerapp update",
    "deployment group create",
    "deployment sub create",
    "eventgrid event-subscription create",
    "eventgrid system-topic show",
    "eventgrid system-topic update",
    "extension add",
    "functionapp config appsettings list",
    "functionapp create",
    "functionapp deployment source config-zip",
    "functionapp function list",
    "functionapp keys list",
    "functionapp list",
    "functionapp list-flexconsumption-locations",
    "functionapp restart",
    "group create",
    "group delete",
    "identity create",
    "identity federated-credential create",
    "identity list",
    "identity show",
    "keyvault list",
    "keyvault list-deleted",
    "keyvault recover",
    "keyvault secret set",
    "keyvault secret show",
    "login",
    "provider register",
    "resource list",
    "rest",
    "role assignment create",
    "role assignment list",
    "storage account create",
    "storage account list",
    "storage container-rm create",
    "storage message peek",
    "storage message put",
    "storage queue create",
    "synapse pipeline create",
    "synapse role assignment create",
    "synapse role assignment list",
    "synapse workspace create",
    "synapse workspace firewall-rule create",
    "synapse workspace list",
    "synapse workspace show",
)
AZD: Final = (
    "auth login",
    "deploy",
    "down",
    "env get-value",
    "env get-values",
    "env new",
    "env set",
    "provision",
    "up",
)

# Options that azure-cli leaves to its extension `containerapp` (learn, container-apps/functions-overview).
OF_EXTENSIONS: Final = {"az containerapp create": {"--kind": ["functionapp"]}}

# Runs in the environment of azure-cli, whose parser is argparse's.
_ASK: Final = """
import argparse, contextlib, io, json, sys
from azure.cli.core import __version__, get_default_cli

cli = get_default_cli()
said = {}
for name in json.loads(sys.argv[1]):
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        cli.invoke([*name.split(), "--help"])
    parser = cli.invocation.parser
    for word in name.split():
        groups = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
        parser = next((group[word] for group in groups if word in group), None)
        if parser is None:
            sys.exit(f"azure-cli has no {name}")
    said[name] = [
        {
            "names": [str(one) for one in action.option_strings] or ["<" + action.dest + ">"],
            "required": bool(action.required),
            "values": "none" if action.nargs == 0 else "several" if action.nargs in ("+", "*") else "one",
            "choices": sorted(map(str, action.choices)) if action.choices else [],
            "optional": action.nargs in ("?", "*"),
        }
        for action in parser._actions
        if action.help != argparse.SUPPRESS and not isinstance(action.choices, dict)
    ]
print(json.dumps({"version": __version__, "commands": said}))
"""
_FLAG: Final = re.compile(r"^ +(?:(-\w), )?(--[\w-]+)(?: (\w+))? +\t: ", re.MULTILINE)

# JSON in the tools' own forms.
type Json = Any


def of_az(python: str) -> Json:
    """Return the version of azure-cli, and each command's options."""
    done = subprocess.run(
        [python, "-c", _ASK, json.dumps(AZ)], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def of_azd(clone: Path) -> Json:
    """Return the commit of azure-dev, and each command's options."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(clone), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    said = {}
    for name in AZD:
        usage = git(
            "show", f"HEAD:cli/azd/cmd/testdata/TestUsage-azd-{name.replace(' ', '-')}.snap"
        )
        said[name] = [
            _option([long, short] if short else [long], "one" if kind else "none")
            for short, long, kind in _FLAG.findall(usage)
        ]
    return {"version": git("rev-parse", "HEAD").strip(), "commands": said}


def _option(names: list[str], values: str) -> Json:
    return {"names": names, "required": False, "values": values, "choices": [], "optional": False}


def _entry(options: Json) -> Json:
    """Return a command's entry of the table: what each option takes, which are required, and the number of positionals."""
    entry: Json = {"required": [], "options": {}, "positionals": 0}
    for option in options:
        if option["names"][0].startswith("<"):
            entry["positionals"] += 1
            continue
        if option["required"]:
            entry["required"].append(sorted(option["names"]))
        takes = option["choices"] or option["values"] + ("?" if option["optional"] else "")
        entry["options"] |= dict.fromkeys(option["names"], takes)
    entry["required"].sort()
    entry["options"] = dict(sorted(entry["options"].items()))
    return entry


def main() -> None:
    parser = argparse.ArgumentParser(prog="local.cli_options", description=__doc__)
    parser.add_argument("--az", required=True, metavar="AZ_PYTHON")
    parser.add_argument("--azd", required=True, type=Path, metavar="CLONE")
    given = parser.parse_args()
    az, azd = of_az(given.az), of_azd(given.azd)
    table = {
        "sources": {
            "az": f"azure-cli {az['version']} from PyPI, its own parser",
            "azd": f"github.com/Azure/azure-dev, cli/azd/cmd/testdata, commit {azd['version']}",
        },
        "commands": {
            f"{tool} {name}": _entry(options)
            for tool, said in (("az", az), ("azd", azd))
            for name, options in said["commands"].items()
        },
    }
    for command, options in OF_EXTENSIONS.items():
        table["commands"][command]["options"] |= options
    # One command per line, so that the diff of a new version shows what has changed.
    commands = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in table["commands"].items()
    )
    TABLE.write_text(
        f'{{"sources": {json.dumps(table["sources"], indent=1)},\n"commands": {{\n{commands}\n}}}}\n'
    )


if __name__ == "__main__":
    main()
