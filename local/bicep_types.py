"""Writes infra/types.json: the properties, with their types, that the resources in infra/ may have.

`python -m local.bicep_types CLONE` derives it from a clone of github.com/Azure/bicep-types-az, which is generated from
Azure's own API descriptions, and against which Bicep itself checks. Only what the templates use is kept: their resource
types and API versions, and in each the objects that they mention; any other object is written as "object".
Run it again after a new resource, a new API version or a property of an object that was not used before.
"""

import argparse
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
INFRA: Final = ROOT / "infra"
TABLE: Final = INFRA / "types.json"
REPOSITORY: Final = "github.com/Azure/bicep-types-az"

REQUIRED, READ_ONLY, CONSTANT = 1, 2, 8
_SCALARS: Final = {
    "StringType": "string",
    "IntegerType": "int",
    "BooleanType": "bool",
    "AnyType": "any",
    "NullType": "null",
}

# JSON, nested as in the source.
type Json = Any


class Shapes:
    """One types.json, whose entries refer to each other by position."""

    def __init__(self, entries: list[dict[str, Json]], mentioned: set[str]) -> None:
        self._entries = entries
        self._mentioned = mentioned

    def body(self, resource: str) -> Json | None:
        """Return the shape of a resource, `provider/type@version`; None if this file does not have it."""
        for entry in self._entries:
            if entry["$type"] == "ResourceType" and entry["name"] == resource:
                return self._shape(entry["body"], ())
        return None

    def _shape(self, reference: Json, above: tuple[int, ...]) -> Json:
        number = int(reference["$ref"].removeprefix("#/"))
        entry = self._entries[number]
        match entry["$type"]:
            case "StringLiteralType":
                shape: Json = {"enum": [entry["value"]]}
            case "UnionType":
                shape = self._union([self._shape(one, above) for one in entry["elements"]])
            case "ArrayType":
                shape = {"list": self._shape(entry["itemType"], above)}
            case scalar if scalar in _SCALARS:
                shape = _SCALARS[scalar]
            case _ if number in above:  # a subnet has endpoints, which have a subnet
                shape = "object"
            case "DiscriminatedObjectType":
                shape = self._alternatives(entry, (*above, number))
            case _:
                shape = self._object(entry["properties"], (*above, number))
                if "additionalProperties" in entry:
                    others = entry["additionalProperties"]
                    shape["others"] = self._shape(others, (*above, number))
        return shape

    def _alternatives(self, entry: dict[str, Json], above: tuple[int, ...]) -> Json:
        options = entry["elements"].items()
        return self._object(entry["baseProperties"], above) | {
            "by": entry["discriminator"],
            "options": {name: self._shape(option, above) for name, option in options},
        }

    def _union(self, elements: list[Json]) -> Json:
        values = [value for element in elements if "enum" in element for value in element["enum"]]
        if values:  # Azure takes other texts too if "string" is one of them
            return {"enum": values} | ({"open": True} if "string" in elements else {})
        return elements[0] if len(elements) == 1 else "any"

    def _object(self, properties: dict[str, Json], above: tuple[int, ...]) -> dict[str, Json]:
        shape: dict[str, Json] = {
            "object": {
                name: self._shape(given["type"], above)
                if name in self._mentioned
                else self._outline(given["type"])
                for name, given in properties.items()
            }
        }
        for word, flag in (("required", REQUIRED), ("readOnly", READ_ONLY), ("constant", CONSTANT)):
            names = [name for name, given in properties.items() if given["flags"] & flag]
            if names:
                shape[word] = names
        return shape

    def _outline(self, reference: Json) -> Json:
        kind = self._entries[int(reference["$ref"].removeprefix("#/"))]["$type"]
        return _SCALARS.get(kind) or {"ArrayType": "list", "UnionType": "enum"}.get(kind, "object")


def used_resources(infra: Path = INFRA) -> list[str]:
    """Return every `provider/type@version` that a template names."""
    texts = [path.read_text() for path in infra.rglob("*.bicep")]
    found = {name for text in texts for name in re.findall(r"'([\w.]+/[\w./]+@[\w-]+)'", text)}
    return sorted(found)


def mentioned_names(infra: Path = INFRA) -> set[str]:
    """Return every property name that a template writes or reads."""
    texts = [path.read_text() for path in infra.rglob("*.bicep")]
    pattern = r"([\w.]+)'?:|\.(\w+)"
    return {
        one or other for text in texts for one, other in re.findall(pattern, text) if one or other
    }


def _git(clone: Path, *arguments: str) -> str:
    command = ["git", "-C", str(clone), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _files_of(resource: str, paths: list[str]) -> Iterator[str]:
    name, _, version = resource.partition("@")
    end = f"/{name.split('/', maxsplit=1)[0].lower()}/{version}/types.json"
    yield from (path for path in paths if path.endswith(end))


def derive(clone: Path) -> dict[str, Json]:
    """Read what the templates use from a clone."""
    paths = _git(clone, "ls-tree", "-r", "--name-only", "HEAD", "generated").splitlines()
    mentioned = mentioned_names()
    resources = {}
    for resource in used_resources():
        for path in _files_of(resource, paths):
            shapes = Shapes(json.loads(_git(clone, "show", f"HEAD:{path}")), mentioned)
            body = shapes.body(resource)
            if body is not None:
                resources[resource] = {"file": path} | body
                break
        else:
            message = f"The clone has no types of {resource}."
            raise SystemExit(message)
    commit = _git(clone, "rev-parse", "HEAD").strip()
    return {"source": {"repository": REPOSITORY, "commit": commit}, "resources": resources}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clone", type=Path, help=f"a clone of {REPOSITORY}")
    table = derive(parser.parse_args().clone)
    TABLE.write_text(json.dumps(table, indent=1) + "\n")
    print(f"{TABLE.relative_to(ROOT)}: {len(table['resources'])} resource types")


if __name__ == "__main__":
    main()
