"""Describes a table of routes as an OpenAPI 3.1 document; its schemas are those of the models."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

VERSION: Final = "3.1.1"
_JSON: Final = "application/json"
_REF: Final = "#/components/schemas/{model}"

type Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter in the path, the query or a header."""

    place: Literal["path", "query", "header"]
    name: str
    schema: Schema
    description: str = ""
    required: bool = False  #: ignored in a path, where every parameter is required


@dataclass(frozen=True, slots=True)
class Reply:
    """One response of a route."""

    status: int | str
    description: str = ""  #: empty: the name of the status
    models: tuple[type[BaseModel], ...] = ()  #: the body is one of these
    headers: tuple[str, ...] = ()
    any_object: bool = False  #: the body is a JSON object whose schema is not given here


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    name: str
    summary: str
    replies: tuple[Reply, ...]
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    body_required: bool = True
    is_open: bool = False  #: whether it needs no credentials


def describe(
    routes: Sequence[Route],
    *,
    info: Schema,
    headers: Mapping[str, Schema],
    security: Mapping[str, Schema],
) -> dict[str, Any]:
    """Describe the routes.

    `headers` are the schemas of response headers by name; any one of the schemes in `security` suffices.
    """
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": VERSION,
        "info": dict(info),
        "servers": [{"url": "/"}],
        "security": [{name: []} for name in security],
        "paths": paths,
        "components": {
            "schemas": _schemas(routes),
            "headers": {name: {"schema": dict(schema)} for name, schema in headers.items()},
            "securitySchemes": {name: dict(scheme) for name, scheme in security.items()},
        },
    }


def query_parameters(model: type[BaseModel]) -> tuple[Parameter, ...]:
    """Describe the query parameters that a model reads; all are optional."""
    properties = model.model_json_schema(by_alias=True)["properties"]
    return tuple(
        Parameter("query", name, _present(schema), schema.get("description", ""))
        for name, schema in properties.items()
    )


def _present(schema: Schema) -> Schema:
    """Drop null from the schema: an optional query parameter is simply left out."""
    kept = {
        name: value
        for name, value in schema.items()
        if name not in {"title", "description"} and (name, value) != ("default", None)
    }
    others = [each for each in kept.pop("anyOf", ()) if each != {"type": "null"}]
    return (others[0] if others else {}) | kept


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": route.name, "summary": route.summary}
    if route.is_open:
        operation["security"] = []
    if route.parameters:
        operation["parameters"] = [_parameter(each) for each in route.parameters]
    if route.body is not None:
        schema = {"$ref": _REF.format(model=route.body.__name__)}
        operation["requestBody"] = {
            "required": route.body_required,
            "content": {_JSON: {"schema": schema}},
        }
    operation["responses"] = {str(reply.status): _reply(reply) for reply in route.replies}
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    written = {"name": parameter.name, "in": parameter.place}
    if parameter.description:
        written["description"] = parameter.description
    required = parameter.required or parameter.place == "path"
    schema = dict(parameter.schema)
    if parameter.place == "query" and not required:
        schema = {"anyOf": [schema, {"const": "", "description": "The same as leaving it out."}]}
    return written | {"required": required, "schema": schema}


def _reply(reply: Reply) -> dict[str, Any]:
    phrase = HTTPStatus(reply.status).phrase if isinstance(reply.status, int) else reply.status
    written: dict[str, Any] = {"description": reply.description or phrase}
    if reply.headers:
        written["headers"] = {
            name: {"$ref": f"#/components/headers/{name}"} for name in reply.headers
        }
    refs = [{"$ref": _REF.format(model=model.__name__)} for model in reply.models]
    if refs:
        written["content"] = {_JSON: {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}}}
    elif reply.any_object:
        written["content"] = {_JSON: {"schema": {"type": "object"}}}
    return written


def _schemas(routes: Iterable[Route]) -> dict[str, Any]:
    models: dict[type[BaseModel], JsonSchemaMode] = {}
    for route in routes:
        models |= {model: "serialization" for reply in route.replies for model in reply.models}
        if route.body is not None:
            models[route.body] = "validation"
    _, schemas = models_json_schema(list(models.items()), by_alias=True, ref_template=_REF)
    found: dict[str, Any] = schemas["$defs"]
    return {name: found[name] for name in sorted(found)}
