"""What a compiler would say of infra/: each check yields what is wrong."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from pycep import BicepParser
from tree_sitter import Node

from local import bicep_types
from tests.infra import bicep_source
from tests.infra.bicep_shapes import misfits
from tests.infra.bicep_source import Source, children, place, text
from tests.infra.scenarios import World

_PYCEP: Final = BicepParser()


def syntax(root: Path) -> Iterator[str]:
    """Two parsers that know nothing of each other read every file."""
    infra = root / "infra"
    for path in sorted(infra.rglob("*.bicep")):
        file = path.relative_to(infra).as_posix()
        errors = list(bicep_source.syntax_errors(bicep_source.parse(path.read_bytes())))
        yield from (f"{place(file, error)}: tree-sitter can't read this." for error in errors)
        fault = _fault_by_pycep(path.read_text())
        if fault:
            yield f"{file}: pycep can't read this: {fault}"
    for path in sorted(infra.rglob("*.json")):
        try:
            json.loads(path.read_text())
        except ValueError as error:
            yield f"{path.relative_to(infra)}: {error}"


@cache
def _fault_by_pycep(content: str) -> str:
    try:
        _PYCEP.parse(text=content)
    except Exception as error:  # noqa: BLE001 (pycep's own and lark's)
        return str(error).splitlines()[0]
    return ""


def references(world: World) -> Iterator[str]:
    """Each name, property, parameter and output that is used is there, and has a type that fits."""
    yield from world.seen.faults


def types(world: World) -> Iterator[str]:
    """Each resource has the properties, types and values of Azure's own description."""
    found = {
        fault
        for deployment in world.deployments.values()
        for resource in deployment.resources
        for fault in misfits(resource, world.types[resource.api])
    }
    yield from sorted(found)


def versions(world: World) -> Iterator[str]:
    """The table of types says where it comes from, and holds what is used and nothing else."""
    table = json.loads((world.infra / "types.json").read_text())
    if not re.fullmatch("[0-9a-f]{40}", table["source"]["commit"]):
        yield "infra/types.json names no commit."
    used = set(bicep_types.used_resources(world.infra))
    for resource in used ^ table["resources"].keys():
        yield f"infra/types.json and the templates differ on {resource}."
    by_type: dict[str, set[str]] = {}
    for resource in used:
        type_, _, version = resource.partition("@")
        by_type.setdefault(type_, set()).add(version)
    for type_, several in by_type.items():
        if len(several) > 1:
            yield f"{type_} is used in several versions: {sorted(several)}."


def use(world: World) -> Iterator[str]:
    """Everything that is written is evaluated in some scenario, and everything that is named is read."""
    reached = {file for file, _, _ in world.seen.expressions}
    for file in world.files:
        if file not in reached:
            yield f"{file} is used by nothing."
            continue
        source = bicep_source.read(world.infra, file)
        for declaration in source.declarations.values():
            read = (file, declaration.name) in world.seen.names
            needed = declaration.kind in {"param", "var"} or declaration.existing
            if needed and not read:
                yield f"{declaration.place}: {declaration.name} is read by nothing."
            if declaration.value is not None:
                yield from _unseen(world, source, declaration.value)


def _unseen(world: World, source: Source, node: Node) -> Iterator[str]:
    if node.type.endswith("_statement"):
        inner = children(node)[1:]
    elif (source.file, node.start_byte, node.end_byte) in world.seen.expressions:
        inner = children(node)
    elif node.type in _EXPRESSIONS:
        yield f"{place(source.file, node)}: no scenario evaluates {text(node)[:60]!r}."
        return
    else:
        inner = children(node)
    for child in inner:
        yield from _unseen(world, source, child)


#: An object stands for a whole body, and an identifier may be a key: what is in them counts.
_EXPRESSIONS = {
    "array",
    "binary_expression",
    "call_expression",
    "member_expression",
    "subscript_expression",
    "ternary_expression",
}


def parameters(world: World) -> Iterator[str]:
    """main.parameters.json gives every required parameter and none that is not there."""
    document = json.loads((world.infra / "main.parameters.json").read_text())
    given = document["parameters"]
    declared = bicep_source.read(world.infra, "main.bicep").parameters
    for name in given.keys() - declared.keys():
        yield f"main.parameters.json gives {name}, which main.bicep does not have."
    for name, declaration in declared.items():
        if declaration.value is None and name not in given:
            yield f"main.parameters.json does not give {name}."
        if "description" not in declaration.decorators:
            yield f"{declaration.place}: {name} has no description."
    yield from _odd_values(given)


#: Rules of Bicep's linter that a check of this module follows: a violation fails here first.
_FOLLOWED: Final = {
    "no-unused-existing-resources",
    "no-unused-params",
    "no-unused-vars",
    "secure-secrets-in-params",
}
#: What secure-secrets-in-params takes for a secret's name, and what it doesn't (SecretsInParamsMustBeSecureRule.cs of
#: github.com/Azure/bicep, commit 078d46f). It looks at strings and objects that are not @secure.
_SECRET: Final = re.compile("password|pwd|secret|accountkey|acctkey", re.IGNORECASE)
_NO_SECRET: Final = re.compile(
    "secretpermissions|secretversion|secretur[il]|secretname", re.IGNORECASE
)


def linter(world: World) -> Iterator[str]:
    """No rule of Bicep's linter stops a deployment, but those that are followed here; no parameter looks like a secret."""
    config = json.loads((world.infra / "bicepconfig.json").read_text())
    rules = config["analyzers"]["core"]["rules"]
    stopping = {name for name, rule in rules.items() if rule["level"] == "error"}
    for name in sorted(stopping ^ _FOLLOWED):
        yield f"bicepconfig.json: {name} is an error and not followed here, or the other way round."
    for file in world.files:
        for name, one in bicep_source.read(world.infra, file).parameters.items():
            if one.type in {"string", "object"} and _SECRET.search(name) and not _NO_SECRET.search(name):  # fmt: skip
                yield f"{one.place}: {name} looks like a secret and is not @secure."


def _odd_values(given: dict[str, dict[str, str]]) -> Iterator[str]:
    for name, entry in given.items():
        if not re.fullmatch(r"\$\{[A-Z_]+(=[A-Za-z]*)?\}", entry["value"]):
            yield f"main.parameters.json: {name} is not ${{NAME}} or ${{NAME=default}}."
