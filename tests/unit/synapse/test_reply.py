"""reply: what an answer means for the run that was asked for."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

import httpx
import pytest
from hypothesis import given, strategies as st

from shared.kernel.cloud_error import CloudError
from shared.synapse import reply
from shared.synapse.reply import (
    Absent,
    Answer,
    Forbidden,
    Found,
    Look,
    Lost,
    NotSent,
    Refused,
    Reply,
    RunSeen,
    Started,
    Throttled,
    Unauthorized,
    Unknown,
    Unreachable,
    Wire,
)

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SENT = "2f7fdb90-5df1-4b8e-ac2f-064cfa58202b"
OTHER = "12eb54bb-bc1e-538a-92c7-63d105ced47f"
ERROR = CloudError(code="BadThing", message="It went wrong.")
BODY = json.dumps({"error": ERROR.model_dump()}).encode()
NAMES = st.sampled_from(["runId", "value", "status", "pipelineName", "parameters", "error", "code"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES | st.text(), inner),
    max_leaves=20,
)


def answer(status: int, content: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(status=status, headers=headers or {}, body=body)


def created(outcome: Answer | Lost, sent: str = SENT) -> Reply:
    return reply.read_create_run(outcome, sent=sent, now=NOW)


class TestCreateRun:
    """What an answer of createRun means."""

    @pytest.mark.parametrize("status", [200, 202])
    def test_run_id_means_started(self, status: int) -> None:
        """Synapse answers 202, Data Factory, which has the same engine, 200."""
        started = created(answer(status, {"runId": SENT}))

        assert started == Started(run_id=SENT, echoed=True, wire=Wire(http_status=status))

    @pytest.mark.parametrize("sent", [SENT, SENT.replace("-", ""), SENT.upper(), f"{{{SENT}}}"])
    def test_run_has_the_id_that_was_sent(self, sent: str) -> None:
        """The same GUID however it is written: recorded callers send no dashes, Synapse answers some."""
        started = created(answer(202, {"runId": SENT}), sent)

        assert isinstance(started, Started)
        assert started.echoed

    @pytest.mark.parametrize("run_id", [OTHER, "run-1"])
    def test_run_has_an_id_of_its_own(self, run_id: str) -> None:
        started = created(answer(202, {"runId": run_id}))

        assert started == Started(run_id=run_id, echoed=False, wire=Wire(http_status=202))

    @pytest.mark.parametrize("run_id", [None, "", 7, ["x"], " ", "a b", "a\nb", "x" * 201])
    def test_run_id_that_is_none_means_unknown(self, run_id: Any) -> None:
        """Something was accepted, but nobody can say what."""
        unknown = created(answer(202, {"runId": run_id}))

        assert isinstance(unknown, Unknown)
        assert unknown.error.code == "UnreadableResponse"

    @pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"runId":"2f7f', b"\xff"])
    def test_accepted_without_a_readable_body_means_unknown(self, body: bytes) -> None:
        unknown = created(answer(202, body))

        assert isinstance(unknown, Unknown)
        assert unknown.wire == Wire(http_status=202)

    def test_error_in_an_accepted_answer_means_unknown(self) -> None:
        """What looks like an error is none where the status says accepted."""
        unknown = created(answer(202, BODY))

        assert isinstance(unknown, Unknown)
        assert unknown.error.code == "UnreadableResponse"

    @pytest.mark.parametrize("status", [0, 100, 199, 201, 204, 206, 299, 408, 500, 503, 504, 600])
    def test_run_may_exist_after_these(self, status: int) -> None:
        assert isinstance(created(answer(status, {"runId": SENT})), Unknown)

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
    def test_unknown_keeps_what_synapse_says(self, status: int) -> None:
        assert created(answer(status, BODY)) == Unknown(error=ERROR, wire=Wire(http_status=status))

    @pytest.mark.parametrize("status", [300, 302, 307, 400, 403, 404, 405, 409, 410, 413, 428, 499])
    def test_run_is_refused(self, status: int) -> None:
        assert created(answer(status, BODY)) == Refused(error=ERROR, wire=Wire(http_status=status))

    def test_token_is_refused(self) -> None:
        assert created(answer(401, BODY)) == Unauthorized(error=ERROR, wire=Wire(http_status=401))

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, None),
            ({"Retry-After": "7"}, 7),
            ({"Retry-After": "Tue, 24 Nov 2026 08:00:09 GMT"}, 9),
            ({"x-ms-retry-after-ms": "900"}, 0.9),
        ],
    )
    def test_call_is_throttled(self, headers: dict[str, str], seconds: float | None) -> None:
        assert created(answer(429, BODY, headers)) == Throttled(
            error=ERROR, retry_after=seconds, wire=Wire(http_status=429)
        )

    @pytest.mark.parametrize("status", [400, 401, 429, 503])
    def test_status_stands_without_a_body(self, status: int) -> None:
        """Where an answer is cut after its head, the status line decides."""
        read = created(answer(status, b'{"error":{"code":"Bad'))

        assert not isinstance(read, (Started, NotSent))
        assert read.error.code == "UnreadableResponse"

    def test_lost_call_that_left_is_unknown(self) -> None:
        assert created(Lost(sent=True, error=ERROR)) == Unknown(error=ERROR)

    def test_lost_call_that_never_left_is_not_sent(self) -> None:
        assert created(Lost(sent=False, error=ERROR)) == NotSent(error=ERROR)

    def test_synapses_own_ids_are_kept(self) -> None:
        headers = httpx.Headers({"X-MS-Request-Id": "r-1", "x-ms-correlation-request-id": "c-1"})

        read = created(answer(202, {"runId": SENT}, headers))

        assert isinstance(read, Started)
        assert read.wire == Wire(http_status=202, request_id="r-1", correlation_id="c-1")

    def test_synapses_own_ids_are_bounded_and_printable(self) -> None:
        headers = {"x-ms-request-id": "a\tb\x00é" * 200, "x-ms-correlation-request-id": "\x7f"}

        read = created(answer(400, BODY, headers))

        assert isinstance(read, Refused)
        assert read.wire == Wire(http_status=400, request_id="ab" * 100)


class TestLook:
    """What an answer of GET pipelineruns/{runId} means."""

    RUN: Mapping[str, Any] = {"runId": SENT, "pipelineName": "copy", "status": "InProgress"}

    def test_run_is_found(self) -> None:
        assert reply.read_run(answer(200, self.RUN), asked=SENT, now=NOW) == Found(
            run_id=SENT, pipeline_name="copy", status="InProgress"
        )

    def test_run_is_found_by_an_id_without_dashes(self) -> None:
        found = reply.read_run(answer(200, self.RUN), asked=SENT.replace("-", "").upper(), now=NOW)

        assert isinstance(found, Found)

    def test_run_without_a_name_and_status_is_found(self) -> None:
        found = reply.read_run(answer(200, {"runId": SENT, "status": None}), asked=SENT, now=NOW)

        assert found == Found(run_id=SENT, pipeline_name="", status="")

    @pytest.mark.parametrize("content", [{"runId": OTHER}, {}, [], None, b"", b"<html>", b"\xff"])
    def test_another_run_or_none_says_nothing(self, content: Any) -> None:
        unreachable = reply.read_run(answer(200, content), asked=SENT, now=NOW)

        assert isinstance(unreachable, Unreachable)
        assert unreachable.error.code == "UnreadableResponse"

    @pytest.mark.parametrize(
        "content",
        [
            {"code": "NotFound", "message": "m"},
            {"code": "NotFound", "message": "m", "error": None},
            {"error": {"code": "NotFound", "message": "m"}},
        ],
    )
    def test_404_with_an_error_of_synapses_means_absent(self, content: Any) -> None:
        assert reply.read_run(answer(404, content), asked=SENT, now=NOW) == Absent()

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"<html>404 Not Found</html>",
            b"Not Found",
            [],
            {"Message": "No HTTP resource was found."},
            {"statusCode": 404, "message": "Resource not found"},
            {"title": "Not Found", "status": 404},
            {"error": "not_found", "error_description": "It."},
            {"error": {"code": 404, "message": "m"}},
            {"code": "", "message": "m"},
        ],
    )
    def test_404_of_another_says_nothing(self, content: Any) -> None:
        look = reply.read_run(answer(404, content), asked=SENT, now=NOW)

        assert isinstance(look, Unreachable)

    @pytest.mark.parametrize("status", [400, 404])
    def test_recorded_400_means_absent(self, status: int) -> None:
        """Data Factory's cancel of an unknown run is answered so."""
        content = {"error": {"code": "ReferencedPipelineRunNotFound", "message": "m"}}

        assert reply.read_run(answer(status, content), asked=SENT, now=NOW) == Absent()

    @pytest.mark.parametrize("status", [401, 403])
    def test_identity_may_not_look(self, status: int) -> None:
        assert reply.read_run(answer(status, BODY), asked=SENT, now=NOW) == Forbidden(error=ERROR)

    @pytest.mark.parametrize("status", [301, 400, 408, 409, 500, 503])
    def test_any_other_answer_says_nothing(self, status: int) -> None:
        assert reply.read_run(answer(status, BODY), asked=SENT, now=NOW) == Unreachable(error=ERROR)

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"Retry-After": "7"}, 7.0),
            ({"Retry-After": "Tue, 24 Nov 2026 08:00:09 GMT"}, 9.0),
            ({"Retry-After": "0"}, 2.0),
            ({}, 2.0),
        ],
    )
    def test_a_throttled_look_says_when_to_come_again(
        self, headers: dict[str, str], seconds: float
    ) -> None:
        looked = reply.read_run(answer(429, BODY, headers), asked=SENT, now=NOW)

        assert looked == Unreachable(error=ERROR, retry_after=seconds)

    @pytest.mark.parametrize("status", [100, 202, 204])
    def test_any_other_success_says_nothing(self, status: int) -> None:
        assert isinstance(
            reply.read_run(answer(status, self.RUN), asked=SENT, now=NOW), Unreachable
        )

    @pytest.mark.parametrize("sent", [True, False])
    def test_lost_look_says_nothing(self, sent: bool) -> None:
        lost = Lost(sent=sent, error=ERROR)

        assert reply.read_run(lost, asked=SENT, now=NOW) == Unreachable(error=ERROR)


class TestRuns:
    """What an answer of queryPipelineRuns means."""

    def test_run_is_read(self) -> None:
        run = {
            "runId": SENT,
            "status": "Succeeded",
            "runStart": "2018-06-16T00:37:44.6257014Z",
            "parameters": {"OutputBlobNameList": '["exampleoutput.csv"]'},
        }

        assert reply.read_runs(answer(200, {"value": [run]}), now=NOW) == (
            RunSeen(
                run_id=SENT,
                status="Succeeded",
                run_start="2018-06-16T00:37:44.6257014Z",
                parameters={"OutputBlobNameList": '["exampleoutput.csv"]'},
            ),
        )

    def test_ten_newest_come_first(self) -> None:
        runs = [{"runId": f"r{n}", "runStart": f"2018-06-16T00:{n:02}:00Z"} for n in range(30)]

        seen = reply.read_runs(answer(200, {"value": runs[::-2] + runs[::2]}), now=NOW)

        assert not isinstance(seen, Unreachable)
        assert [run.run_id for run in seen] == [f"r{n}" for n in range(29, 19, -1)]

    def test_what_is_no_run_is_left_out(self) -> None:
        listed = [None, "run", {"runId": ""}, {"runId": "r1", "parameters": [1], "status": 7}]

        assert reply.read_runs(answer(200, {"value": listed}), now=NOW) == (
            RunSeen(run_id="r1", status="7"),
        )

    def test_empty_list_is_an_answer(self) -> None:
        assert reply.read_runs(answer(200, {"value": []}), now=NOW) == ()

    @pytest.mark.parametrize(
        "outcome",
        [
            Lost(sent=True, error=ERROR),
            answer(403, BODY),
            answer(500, {"value": []}),
            answer(200, {}),
            answer(200, {"value": {}}),
            answer(200, b"<html>"),
        ],
    )
    def test_anything_else_is_no_list(self, outcome: Answer | Lost) -> None:
        assert isinstance(reply.read_runs(outcome, now=NOW), Unreachable)

    def test_why_there_is_no_list_is_kept(self) -> None:
        lost = reply.read_runs(Lost(sent=True, error=ERROR), now=NOW)
        page = reply.read_runs(answer(200, b"<html>"), now=NOW)

        assert lost == Unreachable(error=ERROR)
        assert isinstance(page, Unreachable)
        assert page.error.code == "UnreadableResponse"
        assert page.error.message.startswith("Synapse answered HTTP 200 with a body")

    @pytest.mark.parametrize("again", ["7", "Tue, 24 Nov 2026 08:00:07 GMT"])
    def test_a_429_says_when_to_ask_again(self, again: str) -> None:
        throttled = Answer(status=429, headers={"Retry-After": again}, body=b"")

        seen = reply.read_runs(throttled, now=NOW)

        assert isinstance(seen, Unreachable)
        assert seen.retry_after == 7.0

    @pytest.mark.parametrize("run_id", ["r", "r" * reply.MAX_ID])
    def test_an_id_has_one_to_two_hundred_characters(self, run_id: str) -> None:
        seen = reply.read_runs(answer(200, {"value": [{"runId": run_id}]}), now=NOW)

        assert seen == (RunSeen(run_id=run_id, status=""),)

    def test_a_parameter_that_is_no_text_is_json_as_people_read_it(self) -> None:
        run = {"runId": "r", "parameters": {"place": {"city": "Malmö"}}}

        seen = reply.read_runs(answer(200, {"value": [run]}), now=NOW)

        assert not isinstance(seen, Unreachable)
        assert seen[0].parameters == {"place": '{"city": "Malmö"}'}


@given(
    st.integers(0, 999),
    st.dictionaries(st.text(), st.text()),
    st.binary() | JSON.map(lambda content: json.dumps(content).encode()),
    st.text(),
)
def test_readings_are_total(status: int, headers: dict[str, str], body: bytes, asked: str) -> None:
    """Whatever comes over the wire is a Reply, a Look and a list or none."""
    outcome = Answer(status=status, headers=headers, body=body)

    read = created(outcome, asked)
    assert isinstance(read, get_args(Reply))
    assert not isinstance(read, NotSent)
    assert isinstance(reply.read_run(outcome, asked=asked, now=NOW), get_args(Look))
    seen = reply.read_runs(outcome, now=NOW)
    assert isinstance(seen, Unreachable) or len(seen) <= reply.MAX_RUNS
