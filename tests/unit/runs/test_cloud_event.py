"""Results as CloudEvents, and the messages that carry them."""

import json
from datetime import timedelta

import pytest
from azure.core.messaging import CloudEvent as AzureEvent
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent

from shared.kernel.cloud_error import CloudError, Code
from shared.runs import cloud_event, result as run_result
from shared.runs.cloud_event import OutboxMessage
from shared.runs.record import Status
from shared.runs.request import Rejection
from shared.runs.result import MAX_BYTES, RunResult
from tests.unit.builders import DELIVERY, ERROR, NOW, a_record

SOURCE = "https://gateway.example"
RUN_ID = "11111111-2222-4333-8444-555555555555"


def a_result(status: Status = Status.FAILED, error: CloudError | None = ERROR) -> RunResult:
    run_id = RUN_ID if status is Status.STARTED else None
    record = a_record(status=status, error=error, run_id=run_id, finished_at=NOW)
    return run_result.answer(record, DELIVERY)


def a_message(rounds: int = 0) -> OutboxMessage:
    return OutboxMessage(event=cloud_event.of_result(a_result(), SOURCE), rounds=rounds)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (Status.STARTED, None, "SynapseRunGateway.RunStarted"),
        (Status.REJECTED, ERROR, "SynapseRunGateway.RequestRejected"),
        (Status.FAILED, ERROR, "SynapseRunGateway.RequestFailed"),
    ],
)
def test_each_status_has_its_type(status: Status, error: CloudError | None, expected: str) -> None:
    assert cloud_event.of_result(a_result(status, error), SOURCE)["type"] == expected


def test_the_event_has_the_news_id_and_the_message_as_its_data() -> None:
    result = a_result()

    event = cloud_event.of_result(result, SOURCE)

    assert event["id"] == result.result_id
    assert event["source"] == SOURCE
    assert event["subject"] == result.request_id
    assert event["data"] == json.loads(result.to_json())


def test_what_has_no_request_id_has_no_subject() -> None:
    error = CloudError(code=Code.INVALID_JSON, message="Not JSON.")
    result = run_result.turn_away(Rejection(error=error, request_id=None), DELIVERY, NOW)

    event = cloud_event.of_result(result, SOURCE)

    assert "subject" not in event


def test_the_trace_of_the_request_goes_along() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    result = a_result().model_copy(update={"traceparent": trace})

    assert cloud_event.of_result(result, SOURCE)["traceparent"] == trace
    assert "traceparent" not in cloud_event.of_result(a_result(), SOURCE)


def test_azures_library_reads_it() -> None:
    event = cloud_event.of_result(a_result(), SOURCE)

    read: AzureEvent[object] = AzureEvent.from_dict(dict(event))

    assert (read.id, read.source, read.type) == (event["id"], SOURCE, event["type"])
    assert read.time == NOW
    assert read.data == event["data"]


def test_the_library_of_cloudevents_reads_it() -> None:
    body = json.dumps(cloud_event.of_result(a_result(), SOURCE)).encode()
    message = http.HTTPMessage(headers={"content-type": "application/cloudevents+json"}, body=body)

    read = http.from_http_event(message)

    assert isinstance(read, CloudEvent)
    assert read.get_subject() == a_result().request_id
    assert read.get_time() == NOW


@pytest.mark.parametrize("character", ["a", "😀", "<", "\ufffe"])
def test_the_longest_result_makes_one_billed_unit_and_one_queue_message(character: str) -> None:
    """Event Grid charges for each 64 KB begun, and a queue message has at most 64 KiB."""
    details = tuple(CloudError(code="C", message=character * 900) for _ in range(20))
    error = CloudError(code="C", message=character * 4000, details=details)
    result = a_result(error=error)
    assert len(result.to_json().encode()) > MAX_BYTES / 4

    message = OutboxMessage(event=cloud_event.of_result(result, "https://" + "h" * 192))

    assert len(message.to_json().encode()) < 64_000


def test_a_message_is_read_as_it_was_written() -> None:
    message = a_message(rounds=3)

    assert cloud_event.read(message.to_json().encode()) == message
    assert message.next_round().rounds == 4


def test_what_a_newer_version_adds_is_no_reason_to_drop_an_event() -> None:
    body = json.loads(a_message().to_json()) | {"news": timedelta(1).days}

    assert cloud_event.read(json.dumps(body).encode()) == a_message()


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b'{"event": 1}', b'{"rounds": 1}'])
def test_anything_else_is_no_message(body: bytes) -> None:
    assert cloud_event.read(body) is None
