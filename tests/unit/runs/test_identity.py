"""The run of a request, and whether two requests are the same."""

import uuid
from hashlib import sha256

import pytest

from shared.runs.identity import client_request_id, fingerprint, rejection_id, result_id
from tests.unit.builders import PLACE, a_request


def test_the_client_request_id_never_changes() -> None:
    """A known answer: other ids would cut requests in flight off from their runs."""
    found = client_request_id("https://w.dev.azuresynapse.net", "order-17", 1, "n-1")

    assert found == "a78fff6c-a835-5393-894c-aff294fc1b0c"
    assert uuid.UUID(found).version == 5


@pytest.mark.parametrize(
    "other",
    [
        ("https://x", "a", 1, "n"),
        ("https://w", "b", 1, "n"),
        ("https://w", "a", 2, "n"),
        ("https://w", "a", 1, "m"),
    ],
)
def test_another_request_has_another_run(other: tuple[str, str, int, str]) -> None:
    assert client_request_id(*other) != client_request_id("https://w", "a", 1, "n")


def test_the_order_of_parameters_does_not_matter() -> None:
    one = a_request(parameters={"a": 1, "b": {"c": 2, "d": 3}})
    other = a_request(parameters={"b": {"d": 3, "c": 2}, "a": 1})

    assert fingerprint(one, PLACE.endpoint) == fingerprint(other, PLACE.endpoint)


@pytest.mark.parametrize(
    "same",
    [
        {"correlationId": "c"},
        {"notBefore": "2030-01-01T00:00:00Z"},
        {"expiresAt": "2030-01-01T00:00:00Z"},
        {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"},
        {"requestId": "other"},
        {"workspace": "default"},
    ],
)
def test_when_and_for_whom_is_no_part_of_it(same: dict[str, str]) -> None:
    assert fingerprint(a_request(**same), PLACE.endpoint) == fingerprint(
        a_request(), PLACE.endpoint
    )


@pytest.mark.parametrize(
    "other",
    [
        {"pipelineName": "paste"},
        {"parameters": {"day": 2}},
        {"parameters": {"day": "1"}},
        {"parameters": {}, "referencePipelineRunId": "r"},
    ],
)
def test_what_would_be_run_is_all_of_it(other: dict[str, object]) -> None:
    assert fingerprint(a_request(**other), PLACE.endpoint) != fingerprint(
        a_request(), PLACE.endpoint
    )


def test_the_endpoint_is_part_of_it() -> None:
    assert fingerprint(a_request(), PLACE.endpoint) != fingerprint(a_request(), "https://other")


def test_the_fingerprint_never_changes() -> None:
    """A known answer: another way to write it down would make conflicts of all duplicates."""
    canonical = (
        '{"endpoint":"https://w.dev.azuresynapse.net","isRecovery":true,"parameters":{},'
        '"pipelineName":"cöpy","referencePipelineRunId":"r","startActivityName":"A"}'
    )
    request = a_request(
        pipelineName="cöpy",
        parameters=None,
        referencePipelineRunId="r",
        isRecovery=True,
        startActivityName="A",
    )

    assert fingerprint(request, PLACE.endpoint) == sha256(canonical.encode()).hexdigest()


def test_the_names_of_news_never_change() -> None:
    """Known answers: readers drop a result they have seen by its id."""
    told = '["result", "order-17", "2", "Started run-1"]'
    turned_away = '["rejection", "queue", "m-1", "order-17", "InvalidJson"]'

    assert result_id("order-17", 2, "Started run-1") == sha256(told.encode()).hexdigest()[:32]
    assert (
        rejection_id("queue", "m-1", "order-17", "InvalidJson")
        == (sha256(turned_away.encode()).hexdigest()[:32])
    )
