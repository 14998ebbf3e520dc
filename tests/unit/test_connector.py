"""The document for custom connectors is OpenAPI 2.0, and says what our own does."""

import json
from typing import Any, Final

import pytest
import schemathesis

from local.openapi import swagger
from local.schemas import CONNECTOR, DIRECTORY, OPENAPI

DOCUMENT: Final[dict[str, Any]] = json.loads((DIRECTORY / CONNECTOR).read_text())
OURS: Final[dict[str, Any]] = json.loads(OPENAPI.read_text())
PLACES: Final = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
NEW_IN_3: Final = {"anyOf", "oneOf", "const", "nullable", "examples", "prefixItems"}


def keys(value: object) -> set[str]:
    match value:
        case dict():
            return set(value).union(*map(keys, value.values()))
        case list():
            return set[str]().union(*map(keys, value))
        case _:
            return set()


def test_it_is_valid() -> None:
    """By the JSON Schema of OpenAPI 2.0, which schemathesis has."""
    loaded = schemathesis.openapi.from_dict(DOCUMENT)

    loaded.validate()
    assert loaded.specification.version == "2.0"


def test_a_document_of_version_3_would_not_be() -> None:
    with pytest.raises(Exception, match=r"paths|openapi|responses|not valid|Additional"):
        schemathesis.openapi.from_dict(DOCUMENT | {"components": {}}).validate()


def test_it_has_the_routes_that_a_connector_needs() -> None:
    assert {operation["operationId"] for _, _, operation in PLACES} == set(swagger.OPERATIONS)


@pytest.mark.parametrize(("path", "method", "operation"), PLACES)
def test_each_route_is_one_of_ours(path: str, method: str, operation: dict[str, Any]) -> None:
    ours = OURS["paths"][path][method]

    named = {each["name"] for each in operation["parameters"]} - {"body"}
    assert named == {each["name"] for each in ours.get("parameters", ())}
    assert set(operation["responses"]) == {one for one in ours["responses"] if one.isdecimal()}
    assert ("requestBody" in ours) == any(each["in"] == "body" for each in operation["parameters"])


def test_nothing_of_version_3_is_left() -> None:
    assert keys(DOCUMENT) & NEW_IN_3 == set()


def test_every_reference_leads_somewhere() -> None:
    for name in swagger._references(DOCUMENT):
        assert name in DOCUMENT["definitions"]


def test_it_is_small_enough() -> None:
    """Power Platform takes less than 1 MB."""
    assert len((DIRECTORY / CONNECTOR).read_bytes()) < 200_000
