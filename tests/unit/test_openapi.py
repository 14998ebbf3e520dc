"""The OpenAPI document says what there is."""

import json
from typing import Any, Final

import pytest

from local.schemas import OPENAPI
from shared.triggers.responses import STATUS
from tests.served_functions import http_triggers

DOCUMENT: Final[dict[str, Any]] = json.loads(OPENAPI.read_text())
PLACES: Final = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]

#: Their formats are those of Event Grid and of whoever signs webhooks.
LEFT_OUT: Final = {"/api/events", "/api/hooks/{name}"}


def references(value: object) -> set[str]:
    match value:
        case dict():
            own = {value["$ref"]} if "$ref" in value else set()
            return own.union(*map(references, value.values()))
        case list():
            return set().union(*map(references, value))
        case _:
            return set()


def served() -> set[tuple[str, str]]:
    """Every route of the app that a browser or a program calls by itself."""
    return {
        (f"/{trigger['route']}", str(method).lower())
        for trigger in http_triggers()
        for method in trigger["methods"]
    }


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        value: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            value = value[step]
        assert value is not None


def test_every_route_of_the_app_is_described() -> None:
    described = {(path, method) for path, method, _ in PLACES}

    assert described == {place for place in served() if place[0] not in LEFT_OUT}


def test_every_name_is_used_once() -> None:
    names = [operation["operationId"] for _, _, operation in PLACES]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(("path", "method", "operation"), PLACES)
def test_every_path_parameter_is_described(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    named = {part[1:-1] for part in path.split("/") if part.startswith("{")}

    described = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}

    assert described == named


def test_every_refusal_is_an_error_body() -> None:
    statuses = {str(status) for status in STATUS.values() if status} - {"401"}
    for path, _, operation in PLACES:
        # An outcome has its error beside its ids.
        if not path.startswith("/api/runs") or path.endswith("/outcome"):
            continue
        for status in statuses & set(operation["responses"]):
            content = operation["responses"][status]["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/ErrorBody"}


def test_a_query_parameter_is_never_null() -> None:
    (listed,) = [op for path, method, op in PLACES if (path, method) == ("/api/runs", "get")]

    for parameter in listed["parameters"]:
        assert "null" not in json.dumps(parameter["schema"])
        assert parameter["required"] is False
    assert {each["name"]: each for each in listed["parameters"]}["top"]["schema"]["anyOf"][0] == {
        "default": 50,
        "maximum": 200,
        "minimum": 1,
        "type": "integer",
    }


def test_every_query_parameter_that_may_be_absent_may_be_empty() -> None:
    optional = [
        parameter
        for _, _, operation in PLACES
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query" and not parameter["required"]
    ]

    assert len(optional) > 7
    assert all(each["schema"]["anyOf"][1]["const"] == "" for each in optional)
