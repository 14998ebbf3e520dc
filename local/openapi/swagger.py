"""Writes the routes that a custom connector needs as OpenAPI 2.0: Power Apps, Power Automate and Logic Apps read no other.

Only what our own document uses is converted. What OpenAPI 2.0 can't say (`anyOf`, `oneOf`, `const`, null) is left out: a connector
shows its user a form, and the gateway judges what comes. There is no maintained converter for Python, and the JavaScript ones read
3.0, not 3.1.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

#: The operations, with the titles that the designers show.
OPERATIONS: Final = {
    "startRun": "Start a run",
    "showRequest": "Show a request",
    "showOutcome": "Show how a run ended",
    "listRuns": "List runs",
    "cancelRequest": "Cancel a run",
    "rerunRequest": "Run again",
    "showAwaitedOutcome": "Wait for a run (by itself)",
    "showOperation": "Show an operation (by itself)",
}
#: Power Automate asks for them by itself, at `Location`.
INTERNAL: Final = frozenset({"showAwaitedOutcome", "showOperation"})
#: The keywords of a schema that both versions have (OpenAPI 2.0, Schema Object).
_KEYWORDS: Final = frozenset(
    [
        "additionalProperties",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "multipleOf",
        "pattern",
        "properties",
        "required",
        "title",
        "type",
        "uniqueItems",
    ]
)
_NAMES: Final = ("description", "title")
_KEY: Final = {"type": "apiKey", "in": "header", "name": "x-functions-key"}
_JSON: Final = "application/json"
_OLD, _NEW = "#/components/schemas/", "#/definitions/"


def converted(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document for a connector. Its user sets `host`."""
    paths: dict[str, dict[str, Any]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] in OPERATIONS:
                paths.setdefault(path, {})[method] = _operation(operation)
    schemas = {name: _schema(schema) for name, schema in document["components"]["schemas"].items()}
    return {
        "swagger": "2.0",
        "info": document["info"],
        "host": "gateway.example.com",
        "basePath": "/",
        "schemes": ["https"],
        "consumes": [_JSON],
        "produces": [_JSON],
        "paths": paths,
        "definitions": _reachable(paths, schemas),
        "securityDefinitions": {"functionKey": _KEY},
        "security": [{"functionKey": []}],
    }


def _operation(operation: Mapping[str, Any]) -> dict[str, Any]:
    name = operation["operationId"]
    written: dict[str, Any] = {
        "operationId": name,
        "summary": OPERATIONS[name],
        "description": operation["summary"],
        "x-ms-visibility": "internal" if name in INTERNAL else "important",
        "parameters": [_parameter(each) for each in operation.get("parameters", ())],
        "responses": {
            status: _response(response)
            for status, response in operation["responses"].items()
            if status.isdecimal()  # ranges, as 4XX, are new in version 3
        },
    }
    if "security" in operation:
        written["security"] = operation["security"]
    if "requestBody" in operation:
        body = operation["requestBody"]
        schema = _schema(body["content"][_JSON]["schema"])
        written["parameters"].append(
            {"name": "body", "in": "body", "required": body["required"], "schema": schema}
        )
    return written


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    schema = parameter["schema"]
    # The first of the alternatives is the value; the other one is the empty text.
    value = _schema(schema["anyOf"][0] if "anyOf" in schema else schema)
    kept = {
        name: parameter[name]
        for name in ("name", "in", "description", "required")
        if name in parameter
    }
    return {"x-ms-summary": parameter["name"]} | value | kept


def _response(response: Mapping[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {"description": response["description"]}
    if _JSON in response.get("content", {}):
        written["schema"] = _schema(response["content"][_JSON]["schema"])
    if "headers" in response:
        written["headers"] = {name: {"type": "string"} for name in response["headers"]}
    return written


def _schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:  # version 2.0 allows nothing beside it
        return {"$ref": schema["$ref"].replace(_OLD, _NEW)}
    others = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(others) == 1:
        return _schema({**others[0], **{key: schema[key] for key in _NAMES if key in schema}})
    written = {
        name: _part(name, value)
        for name, value in schema.items()
        if name in _KEYWORDS and (name, value) != ("default", None)
    }
    if "const" in schema:
        written["enum"] = [schema["const"]]
    if "oneOf" in schema:
        written.setdefault("type", "object")
    return written


def _part(name: str, value: Any) -> Any:
    if name == "properties":
        return {each: _schema(schema) for each, schema in value.items()}
    is_schema = name in {"items", "additionalProperties"} and isinstance(value, Mapping)
    return _schema(value) if is_schema else value


def _reachable(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas that the paths need."""
    found: dict[str, Any] = {}
    wanted = _references(paths)
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = schemas[name]
            wanted |= _references(schemas[name])
    return {name: found[name] for name in sorted(found)}


def _references(value: object) -> set[str]:
    match value:
        case {"$ref": str(reference)}:
            return {reference.removeprefix(_NEW)}
        case Mapping():
            return set[str]().union(*map(_references, value.values()))
        case Sequence() if not isinstance(value, str):
            return set[str]().union(*map(_references, value))
        case _:
            return set()
