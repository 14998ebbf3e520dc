"""What failed in a run, as queryActivityruns lists it."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from shared.synapse import activity_row


def a_row(name: str = "copy", kind: str = "Copy", **changes: Any) -> dict[str, Any]:
    # azure-rest-api-specs-examples, ActivityRuns_QueryByPipelineRun.json; `details` is seen as a list, "" and absent.
    error = {
        "errorCode": "2200",
        "message": "no",
        "failureType": "UserError",
        "target": name,
        "details": [],
    }
    return {
        "activityName": name,
        "activityType": kind,
        "status": "Failed",
        "retryAttempt": None,
        "error": error,
    } | changes


def names(*rows: Any) -> list[str | None]:
    return [error.target for error in activity_row.read(rows)]


def test_leaves_come_before_what_contains_them() -> None:
    rows = [
        a_row("each", "ForEach"),
        a_row("copy"),
        a_row("call", "ExecutePipeline"),
        a_row("look", "Lookup"),
        a_row("loop", "Until"),
    ]

    assert names(*rows) == ["copy", "look", "each", "call", "loop"]


def test_of_a_repeated_activity_the_last_attempt_counts() -> None:
    rows = [
        a_row(retryAttempt=attempt, error={"message": f"try {attempt}"}) for attempt in (None, 2, 1)
    ]

    assert [error.message for error in activity_row.read(rows)] == ["try 2"]


def test_what_did_not_fail_is_left_out_although_it_has_an_error() -> None:
    assert names(a_row(status="Succeeded"), a_row(status="Cancelled"), a_row(status=None)) == []


def test_there_are_at_most_ten() -> None:
    assert len(activity_row.read([a_row(f"a{number}") for number in range(50)])) == 10


def test_a_long_message_is_cut_and_says_so() -> None:
    (error,) = activity_row.read([a_row(error={"message": "x\r\n" * 9_000})])

    assert len(error.message) <= activity_row.MAX_MESSAGE
    assert error.message.endswith("…")


@pytest.mark.parametrize("error", [None, "", 5, [], {}, {"errorCode": None, "message": None}])
def test_an_error_that_says_nothing_is_an_error(error: Any) -> None:
    (found,) = activity_row.read([a_row(error=error)])

    assert (found.code, found.message) == (
        "ActivityFailed",
        "The activity failed without a message.",
    )


def test_a_message_that_is_json_stays_text() -> None:
    text = json.dumps({"StatusCode": "DF-Executor-1", "Message": "no"})
    (error,) = activity_row.read([a_row(error={"errorCode": 145, "message": text})])

    assert (error.code, error.message) == ("145", text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    rows=st.lists(
        JSON | st.dictionaries(st.sampled_from(sorted(a_row())), JSON).map(lambda c: a_row() | c)
    )
)
def test_no_row_raises(rows: list[Any]) -> None:
    assert len(activity_row.read(rows)) <= 10
