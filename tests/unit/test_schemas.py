"""The committed schemas are those of the models."""

import pytest

from local.schemas import CONNECTOR, DIRECTORY, OPENAPI, connector, openapi, schemas, text


@pytest.mark.parametrize("name", schemas())
def test_a_published_schema_has_not_drifted(name: str) -> None:
    """`make schemas` renews them."""
    assert (DIRECTORY / name).read_text() == text(schemas()[name])


def test_a_request_may_leave_out_its_id() -> None:
    assert schemas()["run-request.schema.json"]["required"] == ["pipelineName"]


def test_the_openapi_document_has_not_drifted() -> None:
    """`make schemas` renews it."""
    assert OPENAPI.read_text() == openapi()


def test_the_connectors_document_has_not_drifted() -> None:
    """`make schemas` renews it."""
    assert (DIRECTORY / CONNECTOR).read_text() == connector()
