"""What an expression is worth: a plain value where it is known, and else what kind of value it will be."""

import json
from dataclasses import dataclass, field
from typing import Any, Final, override

# What JSON can hold, and the values below in its place.
type Value = Any
# How infra/types.json describes a value: see local/bicep_types.py.
type Shape = Any


@dataclass(frozen=True, slots=True)
class Runtime:
    """A value that Azure alone knows, as the address of a new storage account."""

    text: str
    shape: Shape = "any"

    @override
    def __str__(self) -> str:
        return f"<{self.text}>"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as a deployment would ask for it, or an existing one that it refers to."""

    symbol: str
    type: str  #: without the version
    version: str
    place: str
    existing: bool = False
    body: dict[str, Value] = field(default_factory=dict)
    parent: "Resource | None" = None
    scope: "Resource | None" = None
    depends_on: tuple[str, ...] = ()

    @property
    def api(self) -> str:
        return f"{self.type}@{self.version}"

    @property
    def name(self) -> str:
        """The name with its parents' before it."""
        own = written(self.body.get("name"))
        return f"{self.parent.name}/{own}" if self.parent else own

    @override
    def __str__(self) -> str:
        return f"{self.type} {self.name}"


@dataclass(frozen=True, slots=True)
class Module:
    """A module that was deployed: what it hands out, and what it consists of."""

    symbol: str
    outputs: dict[str, Value]
    arguments: dict[str, Value] = field(default_factory=dict)
    resources: tuple[Resource, ...] = ()
    depends_on: tuple[str, ...] = ()


def written(value: Value) -> str:
    """A value as a text would show it."""
    if isinstance(value, str):
        return value
    if isinstance(value, Runtime | Resource):
        return str(value)
    return json.dumps(value, default=str)


def kind(value: Value) -> str | None:
    """The Bicep type of a value, or None where it can't be known."""
    if isinstance(value, Runtime):
        return _kind_of_shape(value.shape)
    kinds = {str: "string", bool: "bool", int: "int", dict: "object", list: "array"}
    return kinds.get(type(value))


def _kind_of_shape(shape: Shape) -> str | None:
    if isinstance(shape, dict):
        return "string" if "enum" in shape else "array" if "list" in shape else "object"
    return {"any": None, "list": "array", "enum": "string"}.get(shape, shape)


@dataclass(frozen=True, slots=True)
class Outputs:
    module: Module


MISSING: Final = object()


def runtime_property(whole: Runtime, name: str) -> Value:
    path = f"{whole.text}.{name}"
    if whole.shape == "any":
        return Runtime(path)
    if isinstance(whole.shape, dict) and name in whole.shape.get("object", {}):
        return Runtime(path, whole.shape["object"][name])
    return MISSING
