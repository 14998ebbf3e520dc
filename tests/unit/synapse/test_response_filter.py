"""What of Synapse's answers is passed on."""

import asyncio
import json
from typing import Any

import pytest
from azure.synapse.artifacts.models import PipelineRunsQueryResponse
from hypothesis import given, strategies as st

from shared.kernel.cloud_error import CloudError
from shared.redaction.patterns import MARK
from shared.redaction.redact import WITHHELD
from shared.synapse import response_filter
from shared.synapse.reply import Answer, Lost, Wire
from shared.synapse.response_filter import NotPassed, Passed, RunShown

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

    assert response_filter.read(answer) is answer


@pytest.mark.parametrize(
    ("status", "told"), [(400, 400), (401, 403), (403, 403), (404, 404), (429, 429), (503, 503)]
)
def test_an_error_keeps_its_status_but_a_401(status: int, told: int) -> None:
    """The token that Synapse refused is the gateway's, and no fault of the caller's."""
    read = response_filter.read(
        an_answer({"code": "Bad", "message": "It is."}, status), retry_after=3.0
    )

    assert read == NotPassed(
        error=CloudError(code="Bad", message="It is."),
        status=told,
        absent=status == 404,
        retry_after=3.0,
        wire=Wire(http_status=status, request_id="s-1", correlation_id="s-2"),
    )


def test_a_redirect_is_no_answer() -> None:
    read = response_filter.read(an_answer(b"", 302))

    assert isinstance(read, NotPassed)
    assert (read.error.code, read.status) == ("UnreadableResponse", None)


def test_a_lost_call_is_told_by_its_error() -> None:
    error = CloudError(code="OutcomeUnknown", message="m")

    assert response_filter.read(Lost(sent=True, error=error)) == NotPassed(error=error)


def test_a_run_is_the_one_that_was_asked_for() -> None:
    run = response_filter.read_run(an_answer(RUN), RUN_ID.upper())

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
    read = response_filter.read_run(an_answer(content), RUN_ID)

    assert isinstance(read, NotPassed)
    assert read.error.code == "UnreadableResponse"
    assert "html" not in read.error.message


async def test_a_run_is_shown_without_its_secrets_and_with_its_ids_and_times() -> None:
    """A short secret that is part of a time must not spoil it: clients parse these."""
    run = response_filter.read_run(an_answer(RUN), RUN_ID)
    assert isinstance(run, RunShown)

    shown = await response_filter.show_run(run)

    assert json.loads(shown.body) == RUN | {
        "parameters": {"day": "mon", "password": MARK},
        "message": f"Login with {MARK} failed.",
        "annotations": [MARK, 1],
        "runDimension": {"year": MARK},
    }
    assert shown.wire.request_id == "s-1"


@pytest.mark.parametrize("token", [None, "next"])
async def test_a_list_has_the_runs_that_one_may_see(token: str | None) -> None:
    others = [RUN | {"pipelineName": "load"}, RUN | {"pipelineName": None}, {}, None, "run"]
    content = {"value": [others[0], RUN, *others[1:]], "continuationToken": token, "more": "x"}

    shown = await response_filter.show_runs(an_answer(content), lambda name: name == "copy")

    assert isinstance(shown, Passed)
    body = json.loads(shown.body)
    assert [run["pipelineName"] for run in body["value"]] == ["copy"]
    assert body["value"][0]["parameters"]["password"] == MARK
    assert body.get("continuationToken") == token
    assert set(body) <= {"value", "continuationToken"}


async def test_a_page_of_which_one_may_see_nothing_still_leads_to_the_next() -> None:
    content = {"value": [RUN], "continuationToken": "next"}

    shown = await response_filter.show_runs(an_answer(content), lambda _: False)

    assert isinstance(shown, Passed)
    assert json.loads(shown.body) == {"value": [], "continuationToken": "next"}


@pytest.mark.parametrize("content", [b"", {}, {"value": None}, {"value": {}}], ids=str)
async def test_what_is_no_list_is_not_passed_on(content: Any) -> None:
    assert isinstance(
        await response_filter.show_runs(an_answer(content), lambda _: True), NotPassed
    )


async def test_runs_beyond_the_bound_of_work_keep_only_ids_times_and_states(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who lists runs gets all of them; what could not be looked at is withheld."""
    monkeypatch.setattr(response_filter, "MOST_WORK", 1_000)
    secrets = {f"password{n}": f"hunter{n}" for n in range(100)}
    quoting = {
        "message": "no hunter7",
        "output": {"a": "hunter7"},
        "annotations": [],
        "extra": "x" * 2_000,
        "invokedBy": {"id": "hunter7"},
        "link": "https://a?sig=hunter7",
        "sasUrl": "hunter7",
        "key": 4711,
    }
    run = RUN | {"parameters": secrets} | quoting

    shown = await response_filter.show_runs(an_answer({"value": [run, run]}), lambda _: True)

    assert isinstance(shown, Passed)
    first, second = json.loads(shown.body)["value"]
    assert "hunter" not in shown.body.decode()
    assert first["parameters"] == dict.fromkeys(secrets, MARK)
    assert {name for name in second if second[name] == WITHHELD} == {"message", "extra", "sasUrl"}
    withheld = ("parameters", "output", "invokedBy", "runDimension")
    assert [second[name] for name in withheld] == [{"(withheld)": WITHHELD}] * 4
    assert {name: second[name] for name in ("runId", "status", "runStart", "isLatest")} == {
        name: RUN[name] for name in ("runId", "status", "runStart", "isLatest")
    }
    assert (second["annotations"], second["key"]) == ([], MARK)
    assert second["link"] == f"https://a?sig={MARK}"


async def test_the_sdk_reads_a_list_of_which_much_is_withheld(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It raises DeserializationError for the whole list where a text stands in the place of an object."""
    monkeypatch.setattr(response_filter, "MOST_WORK", 1)
    run = RUN | {"invokedBy": {"name": "Manual", "id": "x"}, "annotations": ["x"]}
    long = run | {"parameters": {"day": "x" * 300_000}, "message": "y" * 9_000}

    shown = await response_filter.show_runs(an_answer({"value": [run, run, long]}), lambda _: True)

    assert isinstance(shown, Passed)
    listed: Any = PipelineRunsQueryResponse.deserialize(json.loads(shown.body))
    assert [each.run_id for each in listed.value] == [RUN_ID] * 3
    for withheld in listed.value[1:]:
        assert withheld.parameters == {"(withheld)": WITHHELD}
        assert withheld.additional_properties["annotations"] == [WITHHELD]
        assert withheld.message == WITHHELD


async def test_others_work_while_a_run_of_many_numbers_is_shown() -> None:
    """Turns are counted, not timed: `bench/redaction.py` measures how long each takes."""
    showing = asyncio.create_task(response_filter.without_secrets({"output": [0.5] * 50_000}))
    turns = 0
    while not showing.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 40
    assert showing.result() == {"output": [0.5] * 50_000}


@given(status=st.integers(100, 599), body=st.binary())
async def test_reading_is_total(status: int, body: bytes) -> None:
    answer = Answer(status=status, headers={}, body=body)

    assert isinstance(response_filter.read(answer), Answer | NotPassed)
    assert isinstance(response_filter.read_run(answer, RUN_ID), RunShown | NotPassed)
    assert isinstance(await response_filter.show_runs(answer, lambda _: True), Passed | NotPassed)
