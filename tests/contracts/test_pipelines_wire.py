"""What goes over the wire, byte for byte, and how whole answers are read."""

import gzip
import json
import logging
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from shared.synapse.create_run import CreateRun
from shared.synapse.reply import Absent, Found, Refused, Reply, RunSeen, Started, Throttled, Unknown
from tests.contracts.calling_synapse import TOKEN, a_call, synapse
from tests.contracts.raw_server import ACCEPTED, RUN_ID, Arrived, RawServer, answer, answers

# azure-rest-api-specs, …/Microsoft.Synapse/stable/2020-12-01/examples/Pipelines_CreateRun.json
EXAMPLE_BODY = b'{"OutputBlobNameList": ["exampleoutput.csv"]}'
REFERENCE = "12eb54bb-bc1e-538a-92c7-63d105ced47f"


async def sent(call: CreateRun, text: bytes = ACCEPTED) -> tuple[Arrived, Reply, str]:
    """Make one call of a server that answers so; gives the request, the reply, and the server's host."""
    async with RawServer(answers(text)) as server, synapse() as pipelines:
        reply = await pipelines.create_run(replace(call, endpoint=server.url))
    (arrived,) = server.arrived
    return arrived, reply, server.url.removeprefix("http://")


async def answered(text: bytes) -> Reply:
    return (await sent(a_call(""), text))[1]


class TestCreateRun:
    """POST /pipelines/{pipelineName}/createRun."""

    async def test_documented_example_goes_over_the_wire(self) -> None:
        call = a_call("", pipeline="examplePipeline", parameters=EXAMPLE_BODY)

        arrived, reply, host = await sent(call)

        assert arrived.raw == (
            b"POST /pipelines/examplePipeline/createRun?api-version=2020-12-01 HTTP/1.1\r\n"
            b"host: " + host.encode() + b"\r\n"
            b"x-ms-client-request-id: 2f7fdb90-5df1-4b8e-ac2f-064cfa58202b\r\n"
            b"authorization: Bearer planted-token\r\n"
            b"accept: application/json\r\n"
            b"accept-encoding: identity\r\n"
            b"user-agent: synapse-run-gateway\r\n"
            b"content-type: application/json\r\n"
            b"content-length: 45\r\n"
            b"\r\n" + EXAMPLE_BODY
        )
        assert isinstance(reply, Started)
        assert (reply.run_id, reply.echoed) == (RUN_ID, True)

    async def test_recovery_has_three_query_parameters_and_no_body(self) -> None:
        """With a reference run Synapse ignores a body, so there is none: Content-Length 0, no type."""
        call = CreateRun(
            endpoint="",
            pipeline_name="copy",
            parameters=b"",
            reference_run_id=REFERENCE,
            is_recovery=True,
            start_activity_name="Copy A",
            client_request_id=RUN_ID,
        )

        arrived, _, _ = await sent(call)

        assert arrived.line == (
            "POST /pipelines/copy/createRun?api-version=2020-12-01"
            f"&referencePipelineRunId={REFERENCE}&isRecovery=true&startActivityName=Copy%20A HTTP/1.1"
        )
        assert arrived.headers["content-length"] == "0"
        assert "content-type" not in arrived.headers
        assert "transfer-encoding" not in arrived.headers

    async def test_recovery_can_be_refused_explicitly(self) -> None:
        call = CreateRun(
            endpoint="",
            pipeline_name="copy",
            parameters=b"",
            reference_run_id=REFERENCE,
            is_recovery=False,
            client_request_id=RUN_ID,
        )

        arrived, _, _ = await sent(call)

        assert arrived.line.endswith(
            f"&referencePipelineRunId={REFERENCE}&isRecovery=false HTTP/1.1"
        )

    @pytest.mark.parametrize(
        ("name", "segment"),
        [
            ("My Pipe", "My%20Pipe"),
            ("Größe", "Gr%C3%B6%C3%9Fe"),
            ("複製", "%E8%A4%87%E8%A3%BD"),
            ("a{b}", "a%7Bb%7D"),
            ("a%2Fb", "a%252Fb"),
            ("a/b", "a%2Fb"),
            ("a?b#c", "a%3Fb%23c"),
        ],
    )
    async def test_pipeline_name_is_one_segment(self, name: str, segment: str) -> None:
        arrived, _, _ = await sent(a_call("", pipeline=name))

        assert arrived.line.startswith(f"POST /pipelines/{segment}/createRun?api-version=")

    @pytest.mark.parametrize(
        ("value", "encoded"),
        [
            ("a&b=c", "a%26b%3Dc"),
            ("1+1", "1%2B1"),
            ("Kopie ñ", "Kopie%20%C3%B1"),
            ("5%20", "5%2520"),
        ],
    )
    async def test_query_values_are_encoded(self, value: str, encoded: str) -> None:
        call = CreateRun(
            endpoint="",
            pipeline_name="copy",
            parameters=b"",
            reference_run_id=REFERENCE,
            start_activity_name=value,
            client_request_id=RUN_ID,
        )

        arrived, _, _ = await sent(call)

        assert arrived.line.endswith(f"&startActivityName={encoded} HTTP/1.1")

    async def test_body_goes_as_given(self) -> None:
        """Not parsed, not written anew: white space and order are the caller's."""
        parameters = '{ "b":1.0,\n"a": "ü\\u00fc" }'.encode()

        arrived, _, _ = await sent(a_call("", parameters=parameters))

        assert arrived.body == parameters

    async def test_endpoint_may_end_in_a_slash(self) -> None:
        async with RawServer(answers(ACCEPTED)) as server, synapse() as pipelines:
            await pipelines.create_run(a_call(server.url + "/"))

        assert server.arrived[0].line.startswith("POST /pipelines/copy/")

    async def test_cookies_are_not_kept(self) -> None:
        first = answer(202, {"runId": RUN_ID}, {"set-cookie": "a=b; path=/"})

        async with RawServer(answers(first, ACCEPTED)) as server, synapse() as pipelines:
            for _ in range(2):
                await pipelines.create_run(a_call(server.url))

        assert "cookie" not in server.arrived[1].headers

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("location", ["/elsewhere", "http://[", "ftp://elsewhere", "\\\\"])
    async def test_redirect_is_refused_and_not_followed(self, status: int, location: str) -> None:
        text = answer(status, b"", {"location": location})

        async with RawServer(answers(text)) as server, synapse() as pipelines:
            reply = await pipelines.create_run(a_call(server.url))

        assert isinstance(reply, Refused)
        assert reply.wire.http_status == status
        assert len(server.arrived) == 1

    @pytest.mark.parametrize("body", [b"", b"<html>Welcome</html>", b"{}", b"\xff"])
    async def test_accepted_without_a_run_id_is_unknown(self, body: bytes) -> None:
        reply = await answered(answer(202, body))

        assert isinstance(reply, Unknown)
        assert reply.error.code == "UnreadableResponse"

    async def test_throttled_call_says_when_to_return(self) -> None:
        text = answer(
            429,
            {"code": "TooManyRequests", "message": "m"},
            {
                "Date": "Tue, 24 Nov 2026 08:00:00 GMT",
                "Retry-After": "Tue, 24 Nov 2026 08:00:17 GMT",
            },
        )

        reply = await answered(text)

        assert isinstance(reply, Throttled)
        assert (reply.error.code, reply.retry_after) == ("TooManyRequests", 17)

    async def test_compressed_answer_is_read(self) -> None:
        """Nobody asked for it, but a proxy may do it all the same."""
        body = gzip.compress(json.dumps({"runId": RUN_ID}).encode())

        assert isinstance(await answered(answer(202, body, {"content-encoding": "gzip"})), Started)

    async def test_answer_that_only_claims_to_be_compressed_is_unknown(self) -> None:
        reply = await answered(answer(202, {"runId": RUN_ID}, {"content-encoding": "gzip"}))

        assert isinstance(reply, Unknown)
        assert reply.wire.http_status == 202

    @pytest.mark.parametrize(
        "first", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hint\r\n\r\n"]
    )
    async def test_interim_answer_is_passed_over(self, first: bytes) -> None:
        assert isinstance(await answered(first + ACCEPTED), Started)

    async def test_chunked_answer_is_read(self) -> None:
        text = (
            b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n"
            b'b\r\n{"runId":"r\r\n4\r\n-1"}\r\n0\r\n\r\n'
        )

        reply = await answered(text)

        assert isinstance(reply, Started)
        assert (reply.run_id, reply.echoed) == ("r-1", False)

    async def test_synapses_own_ids_are_kept(self) -> None:
        headers = {"x-ms-request-id": "r-1", "x-ms-correlation-request-id": "c-1"}

        reply = await answered(answer(404, {"code": "PipelineNotFound", "message": "m"}, headers))

        assert isinstance(reply, Refused)
        assert (reply.wire.request_id, reply.wire.correlation_id) == ("r-1", "c-1")

    @pytest.mark.parametrize("client_request_id", ["a\r\nx-evil: 1", "\ud800"])
    async def test_id_that_is_no_header_is_never_sent(self, client_request_id: str) -> None:
        call = CreateRun(
            endpoint="", pipeline_name="copy", parameters=b"", client_request_id=client_request_id
        )
        async with RawServer(answers(ACCEPTED)) as server, synapse() as pipelines:
            reply = await pipelines.create_run(replace(call, endpoint=server.url))

        assert not isinstance(reply, Started)
        assert server.arrived == []


class TestLooks:
    """GET /pipelineruns/{runId} and POST /queryPipelineRuns."""

    async def test_run_is_asked_for_by_its_id(self) -> None:
        run = {"runId": RUN_ID, "pipelineName": "copy", "status": "Queued"}

        async with RawServer(answers(answer(200, run))) as server, synapse() as pipelines:
            look = await pipelines.find_run(server.url, RUN_ID)

        assert look == Found(run_id=RUN_ID, pipeline_name="copy", status="Queued")
        (arrived,) = server.arrived
        assert arrived.line == f"GET /pipelineruns/{RUN_ID}?api-version=2020-12-01 HTTP/1.1"
        assert arrived.headers["authorization"] == f"Bearer {TOKEN}"

    async def test_run_is_not_there(self) -> None:
        gone = answer(404, {"code": "NotFound", "message": "m"})
        async with RawServer(answers(gone)) as server, synapse() as pipelines:
            assert await pipelines.find_run(server.url, RUN_ID) == Absent()

    async def test_runs_are_asked_for_by_pipeline_and_time(self) -> None:
        """Without both bounds Synapse answers an empty list."""
        listed = {
            "value": [{"runId": RUN_ID, "status": "Failed", "runStart": "2026-11-24T08:00:01Z"}]
        }
        since = datetime(2026, 11, 24, 9, 0, tzinfo=timezone(timedelta(hours=1)))
        until = datetime(2026, 11, 24, 8, 5, 0, 250_000, tzinfo=UTC)

        async with RawServer(answers(answer(200, listed))) as server, synapse() as pipelines:
            seen = await pipelines.recent_runs(server.url, "köp", since, until)

        assert seen == (RunSeen(run_id=RUN_ID, status="Failed", run_start="2026-11-24T08:00:01Z"),)
        (arrived,) = server.arrived
        assert arrived.line == "POST /queryPipelineRuns?api-version=2020-12-01 HTTP/1.1"
        assert "köp".encode() in arrived.body
        assert json.loads(arrived.body) == {
            "lastUpdatedAfter": "2026-11-24T08:00:00.000000Z",
            "lastUpdatedBefore": "2026-11-24T08:05:00.250000Z",
            "filters": [{"operand": "PipelineName", "operator": "Equals", "values": ["köp"]}],
            "orderBy": [{"orderBy": "RunStart", "order": "DESC"}],
        }


@pytest.mark.parametrize(
    "text",
    [ACCEPTED, answer(400, {"code": "C", "message": "m"}), answer(401), b"", b"nonsense\r\n"],
)
async def test_no_token_and_no_parameter_is_logged(
    text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever comes of a call, at any level of any logger; nor is either in what is reported."""
    caplog.set_level(logging.DEBUG)

    _, reply, _ = await sent(a_call("", parameters=b'{"day": "planted-value"}'), text)

    said = repr(reply) + "".join(
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records
    )
    assert TOKEN not in said
    assert "planted-value" not in said


def test_import_of_the_adapter_is_light() -> None:
    """An app is indexed without calling Synapse: httpx, aiohttp and azure wait for the first call."""
    program = "import sys, shared.adapters.synapse; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded: set[Any] = {name.partition(".")[0] for name in done.stdout.split()}

    assert loaded.isdisjoint({"httpx", "aiohttp", "httpx_aiohttp", "azure", "msal"})
