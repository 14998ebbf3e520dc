"""What the readers of `run-results` get."""

import json
from dataclasses import replace
from datetime import timedelta

from shared.kernel.cloud_error import CloudError
from shared.runs import record as records
from shared.runs.identity import rejection_id, result_id
from shared.runs.record import Status
from shared.runs.request import Rejection
from shared.runs.result import MAX_BYTES, ResultStatus, answer, turn_away
from tests.unit.builders import DELIVERY, ERROR, NOW, a_record


def test_a_started_request_is_told_with_its_run() -> None:
    record = records.start(a_record(), "run-1", "createRun", NOW)

    told = json.loads(answer(record, DELIVERY).to_json())

    assert told == {
        "resultId": told["resultId"],
        "requestId": "order-17",
        "generation": 1,
        "status": "Started",
        "runId": "run-1",
        "pipelineName": "copy",
        "workspace": "default",
        "attempts": 1,
        "duplicate": False,
        "source": "queue",
        "correlationId": "c-1",
        "receivedAt": "2026-11-24T08:00:00Z",
        "finishedAt": "2026-11-24T08:00:00Z",
    }


def test_a_run_that_was_found_later_is_told_with_the_time_of_its_end() -> None:
    ended = NOW + timedelta(seconds=9)
    record = replace(records.start(a_record(), "run-1", "found", ended), changed_at=NOW)

    assert answer(record, DELIVERY).finished_at == ended


def test_a_failed_request_is_told_with_its_error() -> None:
    told = json.loads(answer(records.fail(a_record(), ERROR, NOW), DELIVERY).to_json())

    assert told["error"] == {"code": "BadThing", "message": "It went wrong."}
    assert "runId" not in told


def test_equal_news_have_equal_ids_whoever_is_told() -> None:
    record = records.start(a_record(), "run-1", "createRun", NOW)
    other = DELIVERY.model_copy(update={"id": "m-2", "duplicate": True})

    assert answer(record, DELIVERY).result_id == answer(record, other).result_id


def test_other_news_have_other_ids() -> None:
    started = records.start(a_record(), "run-1", "createRun", NOW)
    news = [
        started,
        replace(started, run_id="run-2"),
        replace(started, generation=2),
        replace(started, request_id="order-18"),
        records.fail(a_record(), ERROR, NOW),
        records.fail(a_record(), CloudError(code="OtherThing", message=""), NOW),
        records.reject(a_record(), ERROR, NOW),
    ]

    assert len({answer(record, DELIVERY).result_id for record in news}) == len(news)


def test_a_rejection_without_a_record_is_named_by_its_delivery() -> None:
    rejection = Rejection(error=ERROR, request_id="msg-1", pipeline_name="copy", workspace="sales")
    delivery = DELIVERY.model_copy(update={"traceparent": "00-1"})
    other = DELIVERY.model_copy(update={"id": "m-2"})

    told = turn_away(rejection, delivery, NOW)

    assert json.loads(told.to_json()) == {
        "resultId": rejection_id("queue", "m-1", "msg-1", "BadThing"),
        "requestId": "msg-1",
        "status": "Rejected",
        "error": {"code": "BadThing", "message": "It went wrong."},
        "pipelineName": "copy",
        "workspace": "sales",
        "attempts": 0,
        "duplicate": False,
        "source": "queue",
        "correlationId": "c-1",
        "traceparent": "00-1",
        "receivedAt": "2026-11-24T08:00:00Z",
        "finishedAt": "2026-11-24T08:00:00Z",
    }
    assert told.result_id == turn_away(rejection, DELIVERY, NOW).result_id
    assert told.result_id != turn_away(rejection, other, NOW).result_id


def test_long_details_are_cut_and_the_message_says_so() -> None:
    details = tuple(CloudError(code="X", message="ü" * 200, target=f"$.{n}") for n in range(1000))
    error = CloudError(
        code="InvalidRequest", message="The request has 1000 faults.", details=details
    )

    text = answer(records.fail(a_record(), error, NOW), DELIVERY).to_json()

    told = json.loads(text)["error"]
    assert len(text.encode()) <= MAX_BYTES
    assert len(told["details"]) >= 50
    assert f"({1000 - len(told['details'])} details were left out" in told["message"]


def test_a_long_message_is_cut() -> None:
    error = CloudError(code="X", message="ü" * 60_000, target="t" * 60_000)

    text = answer(records.fail(a_record(), error, NOW), DELIVERY).to_json()

    assert len(text.encode()) <= MAX_BYTES
    assert json.loads(text)["error"]["message"].endswith("(cut)")


def test_a_request_whose_run_may_exist_has_failed() -> None:
    rejection = Rejection(error=ERROR, request_id="msg-1", may_run=True)

    assert turn_away(rejection, DELIVERY, NOW).status is ResultStatus.FAILED


def test_an_answer_carries_the_trace_of_its_delivery() -> None:
    record = records.start(a_record(), "run-1", "createRun", NOW)
    delivery = DELIVERY.model_copy(update={"traceparent": "00-1", "duplicate": True})

    told = answer(record, delivery)

    assert (told.traceparent, told.duplicate, told.result_id) == (
        "00-1",
        True,
        result_id("order-17", 1, "Started run-1"),
    )


def test_every_final_state_has_an_outcome() -> None:
    assert {ResultStatus(status) for status in records.FINAL} == set(ResultStatus)
    assert set(Status) > records.FINAL
