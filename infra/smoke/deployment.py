"""What is deployed: the app, its settings, and the proof that its callers bring."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from infra.smoke.outside import Az, Refused

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One app in Azure."""

    group: str
    name: str
    url: str
    settings: Mapping[str, str]
    key: str  #: the function key; /api/events asks for it however callers prove themselves
    proof: Mapping[str, str]  #: the header that callers over HTTP bring

    @property
    def account(self) -> str:
        """The name of the storage account that has the queues."""
        return (urlsplit(self.settings["RunStorage__queueServiceUri"]).hostname or "").split(".")[0]

    def setting(self, name: str, default: str) -> str:
        """Return a setting of the app, or what stands for it."""
        return self.settings.get(name) or default


def find(az: Az, group: str, name: str) -> Deployment:
    """Find the app in its resource group. Raises `Refused`."""
    apps = az("functionapp", "list", "--resource-group", group)
    found = [app for app in apps if name in {"", app["name"]}]
    if len(found) != 1:
        names = ", ".join(app["name"] for app in apps) or "none"
        message = f"Which function app of {group}? --app NAME. There: {names}."
        raise Refused(message)
    own = ("--name", found[0]["name"], "--resource-group", group)
    listed = az("functionapp", "config", "appsettings", "list", *own)
    settings = {one["name"]: one["value"] or "" for one in listed}
    if not settings.get("RunStorage__queueServiceUri"):
        message = f"{found[0]['name']} has no setting RunStorage__queueServiceUri: it is not deployed from infra/."
        raise Refused(message)
    key = az("functionapp", "keys", "list", *own)["functionKeys"]["default"]
    return Deployment(
        group=group,
        name=found[0]["name"],
        url=f"https://{found[0]['defaultHostName']}",
        settings=settings,
        key=key,
        proof=_proof(az, settings, key),
    )


def _proof(az: Az, settings: Mapping[str, str], key: str) -> Mapping[str, str]:
    if settings.get("HTTP_AUTH") != "entra":
        return {"x-functions-key": key}
    audience = settings["ENTRA_AUDIENCES"].replace(",", " ").split()[0]
    token = az("account", "get-access-token", "--resource", audience)["accessToken"]
    return {"Authorization": f"Bearer {token}"}


def indexed(az: Az, deployment: Deployment) -> set[str]:
    """Name the functions that the platform knows. Raises `Refused`."""
    listed = az(
        *("functionapp", "function", "list"),
        *("--name", deployment.name, "--resource-group", deployment.group),
    )
    return {one["name"].rpartition("/")[2] for one in listed}


def written(path: Path = ROOT / "function_app.py") -> set[str]:
    """Name the functions of function_app.py: those that the decorators of `app` make."""
    return set(_functions(ast.parse(path.read_text())))


def _functions(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) and node.decorator_list:
            yield node.name
