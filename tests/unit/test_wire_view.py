"""What of Synapse's answers is passed on."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from shared import wire_view
from shared.cloud_error import CloudError
from shared.reply import Answer, Lost, Wire
from shared.secret_look import MARK
from shared.wire_view import NotPassed, Passed, RunShown

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
RUN: dict[str, Any] = {
    "runId": RUN_ID,
    "pipelineName": "copy",
    "status": "InProgress",
    "runStart": "2026-11-24T08:00:00.1234567Z",
    "parameters": {"day": "mon", "password": "2026"},
    "message": "Login with 2026 failed.",
    "annotations": ["2026", 1],
    "runDimension": {"year": "2026"},
    "isLatest": True,
    "durationInMs": None,
}
HEADERS = {"x-ms-request-id": "s-1", "x-ms-correlation-request-id": "s-2"}


def an_answer(content: Any, status: int = 200) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(status=status, headers=HEADERS, body=body)


def test_a_success_is_read_on() -> None:
    answer = an_answer({})

    assert wire_view.read(answer) is answer


@pytest.mark.parametrize(
    ("status", "told"), [(400, 400), (401, 403), (403, 403), (404, 404), (429, 429), (503, 503)]
)
def test_an_error_keeps_its_status_but_a_401(status: int, told: int) -> None:
    """The token that Synapse refused is the gateway's, and no fault of the caller's."""
    read = wire_view.read(an_answer({"code": "Bad", "message": "It is."}, status), retry_after=3.0)

    assert read == NotPassed(
        error=CloudError(code="Bad", message="It is."),
        status=told,
        retry_after=3.0,
        wire=Wire(http_status=status, request_id="s-1", correlation_id="s-2"),
    )


def test_a_redirect_is_no_answer() -> None:
    read = wire_view.read(an_answer(b"", 302))

    assert isinstance(read, NotPassed)
    assert (read.error.code, read.status) == ("UnreadableResponse", None)


def test_a_lost_call_is_told_by_its_error() -> None:
    error = CloudError(code="OutcomeUnknown", message="m")

    assert wire_view.read(Lost(sent=True, error=error)) == NotPassed(error=error)


def test_a_run_is_the_one_that_was_asked_for() -> None:
    run = wire_view.read_run(an_answer(RUN), RUN_ID.upper())

    assert isinstance(run, RunShown)
    assert (run.pipeline_name, run.content["runId"]) == ("copy", RUN_ID)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"<html>",
        {},
        RUN | {"pipelineName": None},
        RUN | {"runId": 1},
        RUN | {"runId": RUN_ID.replace("0", "1")},
    ],
    ids=str,
)
def test_anything_else_is_not_passed_on(content: Any) -> None:
    read = wire_view.read_run(an_answer(content), RUN_ID)

    assert isinstance(read, NotPassed)
    assert read.error.code == "UnreadableResponse"
    assert "html" not in read.error.message


def test_a_run_is_shown_without_its_secrets_and_with_its_ids_and_times() -> None:
    """A short secret that is part of a time must not spoil it: clients parse these."""
    run = wire_view.read_run(an_answer(RUN), RUN_ID)
    assert isinstance(run, RunShown)

    shown = wire_view.show_run(run)

    assert json.loads(shown.body) == RUN | {
        "parameters": {"day": "mon", "password": MARK},
        "message": f"Login with {MARK} failed.",
        "annotations": [MARK, 1],
        "runDimension": {"year": MARK},
    }
    assert shown.wire.request_id == "s-1"


@pytest.mark.parametrize("token", [None, "next"])
def test_a_list_has_the_runs_that_one_may_see(token: str | None) -> None:
    others = [RUN | {"pipelineName": "load"}, RUN | {"pipelineName": None}, {}, None, "run"]
    content = {"value": [others[0], RUN, *others[1:]], "continuationToken": token, "more": "x"}

    shown = wire_view.show_runs(an_answer(content), lambda name: name == "copy")

    assert isinstance(shown, Passed)
    body = json.loads(shown.body)
    assert [run["pipelineName"] for run in body["value"]] == ["copy"]
    assert body["value"][0]["parameters"]["password"] == MARK
    assert body.get("continuationToken") == token
    assert set(body) <= {"value", "continuationToken"}


def test_a_page_of_which_one_may_see_nothing_still_leads_to_the_next() -> None:
    content = {"value": [RUN], "continuationToken": "next"}

    shown = wire_view.show_runs(an_answer(content), lambda _: False)

    assert isinstance(shown, Passed)
    assert json.loads(shown.body) == {"value": [], "continuationToken": "next"}


@pytest.mark.parametrize("content", [b"", {}, {"value": None}, {"value": {}}], ids=str)
def test_what_is_no_list_is_not_passed_on(content: Any) -> None:
    assert isinstance(wire_view.show_runs(an_answer(content), lambda _: True), NotPassed)


@given(status=st.integers(100, 599), body=st.binary())
def test_reading_is_total(status: int, body: bytes) -> None:
    answer = Answer(status=status, headers={}, body=body)

    assert isinstance(wire_view.read(answer), Answer | NotPassed)
    assert isinstance(wire_view.read_run(answer, RUN_ID), RunShown | NotPassed)
    assert isinstance(wire_view.show_runs(answer, lambda _: True), Passed | NotPassed)
