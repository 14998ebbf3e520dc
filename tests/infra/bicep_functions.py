"""Those of Bicep's functions that infra/ uses. What only Azure knows is made up, the same for each run."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.infra.bicep_source import Fault
from tests.infra.bicep_values import Runtime, Value, written

_NAMESPACE: Final = uuid.UUID(int=0)
TENANT: Final = "11111111-0000-4000-8000-000000000001"
GROUP_ID: Final = "/subscriptions/s/resourceGroups/g"


def _union(*values: dict[str, Value]) -> dict[str, Value]:
    merged: dict[str, Value] = {}
    for value in values:
        merged |= value
    return merged


def _concat(*lists: list[Value]) -> list[Value]:
    return [item for one in lists for item in one]


def _items(value: dict[str, Value]) -> list[Value]:
    return [{"key": key, "value": value[key]} for key in sorted(value)]


def _unique_string(*parts: Value) -> str:
    return uuid.uuid5(_NAMESPACE, "|".join(map(written, parts))).hex[:13]


def _guid(*parts: Value) -> str:
    return str(uuid.uuid5(_NAMESPACE, "|".join(map(written, parts))))


def _environment() -> Value:
    return {
        "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
        "suffixes": {"keyvaultDns": ".vault.azure.net", "storage": "core.windows.net"},
    }


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "concat": _concat,
    "empty": lambda value: not value,
    "environment": _environment,
    "guid": _guid,
    "items": _items,
    "join": lambda texts, by: by.join(texts),
    "replace": lambda text, old, new: text.replace(old, new),
    "resourceGroup": lambda: {"id": GROUP_ID},
    "skip": lambda value, count: value[count:],
    "split": lambda text, by: text.split(by),
    "string": lambda value: json.dumps(value, default=written),
    "subscription": lambda: {"id": "/subscriptions/s"},
    "subscriptionResourceId": lambda type_, name: f"/subscriptions/s/providers/{type_}/{name}",
    "tenant": lambda: {"tenantId": TENANT},
    "toLower": lambda text: text.lower(),
    "union": _union,
    "uniqueString": _unique_string,
}
_SEES_RUNTIME: Final = {"guid", "uniqueString"}


def call(name: str, arguments: list[Value], folder: Path) -> Value:
    """Call a function. Raises `Fault` for one that is not known, or not with these arguments."""
    try:
        if name == "loadTextContent":
            return (folder / arguments[0]).read_text()
        if name == "loadJsonContent":
            return json.loads((folder / arguments[0]).read_text())
        function = FUNCTIONS[name]
        if name not in _SEES_RUNTIME and any(isinstance(one, Runtime) for one in arguments):
            return Runtime(f"{name}({', '.join(map(written, arguments))})")
        return function(*arguments)
    except KeyError:
        raise Fault(f"the function {name} is not known: is it spelt right?") from None
    except OSError as error:
        raise Fault(f"{name} finds no file {arguments[0]!r}: {error.strerror}") from None
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise Fault(f"{name} can't be called so: {error}") from None


ESCAPES: Final = {"\\'": "'", "\\n": "\n", "\\\\": "\\", "\\$": "$", "\\t": "\t", "\\r": "\r"}
OPERATORS: Final[dict[str, Callable[[Value, Value], Value]]] = {
    "&&": lambda left, right: left and right,
    "||": lambda left, right: left or right,
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
}
RULES: Final[dict[str, Callable[[Value, Value], bool]]] = {
    "allowed": lambda value, allowed: value in allowed,
    "minValue": lambda value, least: value >= least,
    "maxValue": lambda value, most: value <= most,
    "minLength": lambda value, least: len(value) >= least,
    "maxLength": lambda value, most: len(value) <= most,
}
