"""What a collector gets from the running app: one trace for each request, through every visit of it."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient
from standardwebhooks import Webhook

from local import process, stack
from local.collector import Collector, Span, collecting
from local.faults import Cut, Hold
from local.synapse.faults import Answer
from tests.e2e.outside import Outside, outside

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENCE = 20.0
CONFIG = {
    "rules": [
        {
            "name": "order",
            "sources": ["/orders", "billing"],
            "pipelineName": "copyOrders",
            "parameters": {"day": {"expression": "type", "type": "string"}},
        }
    ],
    "hooks": {"billing": {"scheme": "standard-webhooks"}},
}
RUNS = "runstraced"  # a table of its own: the follower of the stack's host must not wait for this one's messages
START = [f"insert {RUNS}", "POST /pipelines/{pipelineName}/createRun", f"update {RUNS}"]
ANSWER = ["append runaudit", "send run-results", "insert open run"]
TAKE_UP = [f"get {RUNS}", f"update {RUNS}", START[1], f"update {RUNS}", *ANSWER]


@dataclass(slots=True, kw_only=True)
class Traced:
    """A host whose telemetry a collector takes, with a requests queue of its own."""

    collector: Collector
    world: Outside
    requests: QueueClient
    host: process.Child
    command: list[str]
    env: Mapping[str, str]

    async def put(self, **fields: Any) -> None:
        message = {"pipelineName": "copyOrders", "parameters": {"day": "x"}} | fields
        await self.requests.send_message(json.dumps(message))

    async def restart(self) -> None:
        """Kill the host, and start another."""
        self.host.kill()
        self.host = await process.start(self.command, env=self.env)

    async def trace(self, trace_id: str, spans: int) -> list[Span]:
        """Wait for so many spans of a trace."""

        def look() -> list[Span]:
            found = self.collector.trace(trace_id)
            return found if len(found) >= spans else []

        return await eventually(
            look, lambda: f"{spans} spans of {trace_id}: {shape(self.collector.trace(trace_id))}"
        )


async def eventually[T](look: Callable[[], T], what: Callable[[], object]) -> T:
    until = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < until, what()
        await asyncio.sleep(0.05)
    return found


def shape(spans: list[Span]) -> list[tuple[str, list[str]]]:
    """Return each visit with what it called, in the order in which the calls began."""
    return [
        (
            visit.name,
            [one.name for one in spans if one.parent_id == visit.span_id and not is_visit(one)],
        )
        for visit in spans
        if is_visit(visit)
    ]


def is_visit(span: Span) -> bool:
    return span.kind == "CONSUMER"


def same(found: list[tuple[str, list[str]]], *expected: tuple[str, list[str]]) -> None:
    """Compare shapes; result, audit entry and open run are written side by side."""
    ordered = [(name, [*calls[:-3], *sorted(calls[-3:])]) for name, calls in found]
    assert ordered == [(name, [*calls[:-3], *sorted(calls[-3:])]) for name, calls in expected]


def a_trace() -> tuple[str, str]:
    """Return a producer's trace id and its traceparent."""
    trace_id = secrets.token_hex(16)
    return trace_id, f"00-{trace_id}-{secrets.token_hex(8)}-01"


@asynccontextmanager
async def traced(running: stack.Stack, queue: str, **env: str) -> AsyncIterator[Traced]:
    async with AsyncExitStack() as everything:
        collector = await everything.enter_async_context(collecting())
        values = stack.settings(storage=running.storage, synapse=running.synapse.url) | {
            "RUN_TELEMETRY": "otel",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "PYTHON_ENABLE_OPENTELEMETRY": "true",
            "AzureFunctionsJobHost__telemetryMode": "OpenTelemetry",
            "RUN_REQUESTS_QUEUE": queue,
            "RUNS_TABLE": RUNS,
            **env,
        }
        requests = await everything.enter_async_context(
            QueueClient.from_connection_string(running.storage, queue)
        )
        with suppress(ResourceExistsError):
            await requests.create_queue()
        command = stack.host_command("--queue-lease", "3")
        one = Traced(
            collector=collector,
            world=await everything.enter_async_context(
                outside(url="http://unset", storage=running.storage, synapse=running.synapse.url)
            ),
            requests=requests,
            host=await process.start(command, env=values),
            command=command,
            env=values,
        )
        one.world.http.base_url = one.host.url
        try:
            yield one
        finally:
            await one.host.stop()


@pytest.fixture(scope="module")
async def host(
    running: stack.Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Traced]:
    config = tmp_path_factory.mktemp("telemetry") / "gateway.json"
    config.write_text(json.dumps(CONFIG))
    env = {"GATEWAY_CONFIG": str(config), "HOOK_BILLING_SECRETS": SECRET, "SETTLE_SECONDS": "2"}
    async with traced(running, "traced-requests", **env) as one:
        await one.put(requestId="t-first")  # its visit begins the chain that follows runs
        await one.world.results("t-first")
        yield one


async def sent_to_synapse(host: Traced, trace_id: str, calls: int = 1) -> list[str]:
    """Return the span ids that createRun carried in a trace."""

    async def look() -> list[str]:
        seen = await host.world.synapse.calls("createRun")
        given = [one.headers.get("traceparent", one.headers.get("Traceparent", "")) for one in seen]
        return [one.split("-")[2] for one in given if one.split("-")[1:2] == [trace_id]]

    until = time.monotonic() + PATIENCE
    while len(found := await look()) < calls:
        assert time.monotonic() < until, found
        await asyncio.sleep(0.05)
    return found


def creating(spans: list[Span]) -> list[str]:
    return [span.span_id for span in spans if span.name == START[1]]


async def test_a_queue_message_is_one_trace_from_its_producer_to_create_run(host: Traced) -> None:
    trace_id, traceparent = a_trace()

    await host.put(requestId="t-queue", traceparent=traceparent, tracestate="vendor=1")

    spans = await host.trace(trace_id, 7)
    same(shape(spans), ("process queue", [*START, *ANSWER]))
    (visit,) = filter(is_visit, spans)
    assert visit.parent_id == traceparent.split("-")[2]
    assert await sent_to_synapse(host, trace_id) == creating(spans)
    (result,) = await host.world.results("t-queue")
    assert result["traceparent"] == traceparent
    assert visit.attributes["run_gateway.run_id"] == result["runId"]
    assert [link.attributes["run_gateway.link"] for link in visit.links] == ["invocation"]
    assert visit.links[0].trace_id != trace_id  # the host's own trace


async def test_an_http_call_is_one_trace_and_its_parent_is_the_caller(host: Traced) -> None:
    trace_id, traceparent = a_trace()
    body = {"pipelineName": "copyOrders", "requestId": "t-http", "parameters": {"day": "x"}}

    # Not sampled by its caller: it is recorded all the same.
    headers = {"traceparent": traceparent[:-2] + "00"}
    answer = await host.world.http.post("/api/runs", json=body, headers=headers)

    assert answer.json()["traceparent"] == headers["traceparent"]
    spans = await host.trace(trace_id, 9)
    calls = ["send traced-requests", *START, *sorted(ANSWER), "settle traced-requests"]
    ((name, found),) = shape(spans)
    assert (name, sorted(found)) == ("process http", sorted(calls))
    assert await sent_to_synapse(host, trace_id) == creating(spans)


@pytest.mark.parametrize("way", ["event", "hook"])
async def test_an_event_is_one_trace_over_both_of_its_visits(host: Traced, way: str) -> None:
    trace_id, traceparent = a_trace()
    if way == "event":
        event = {"specversion": "1.0", "id": "t-event", "source": "/orders", "type": "t"}
        assert await host.world.post_event(event | {"traceparent": traceparent}) == 202
    else:
        body, now = json.dumps({"type": "t"}), datetime.fromtimestamp(int(time.time()), UTC)
        headers = {
            "webhook-id": "t-hook",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("t-hook", now, body),
            "traceparent": traceparent,
        }
        answer = await host.world.http.post("/api/hooks/billing", content=body, headers=headers)
        assert answer.status_code == 202

    spans = await host.trace(trace_id, 12)

    taken = ["send traced-requests", f"insert {RUNS}", "postpone traced-requests"]
    first, second = shape(spans)
    assert first == (f"accept {way}", taken)
    same([second], (f"resume {way}", TAKE_UP))
    accepted, resumed = filter(is_visit, spans)
    assert {accepted.parent_id, resumed.parent_id} == {traceparent.split("-")[2]}
    assert (trace_id, accepted.span_id) in {(link.trace_id, link.span_id) for link in resumed.links}
    assert await sent_to_synapse(host, trace_id) == creating(spans)


async def test_a_request_without_a_trace_gets_one_that_its_result_names(host: Traced) -> None:
    await host.put(requestId="t-begun")

    (result,) = await host.world.results("t-begun")
    spans = await host.trace(result["traceparent"].split("-")[1], 7)
    (visit,) = filter(is_visit, spans)
    assert (visit.parent_id, visit.span_id) == ("", result["traceparent"].split("-")[2])


async def test_a_throttled_request_is_one_trace(host: Traced) -> None:
    trace_id, traceparent = a_trace()
    act = Answer(status=429, headers={"Retry-After": "1"})
    await host.world.synapse.fault(act, operation="createRun", parameters={"day": "throttled"})

    await host.put(requestId="t-429", parameters={"day": "throttled"}, traceparent=traceparent)

    await host.world.results("t-429")
    spans = await host.trace(trace_id, 12)
    first, second, *_ = shape(spans)
    assert first == ("process queue", [*START, "send traced-requests"])
    assert second[0] == "resume queue"
    failed, sent = (span for span in spans if span.name == START[1])
    assert (failed.error, sent.error) == (failed.attributes["run_gateway.error"], None)
    assert failed.attributes["run_gateway.outcome"] == "Throttled"
    assert await sent_to_synapse(host, trace_id, 2) == creating(spans)
    await eventually(lambda: points(host, "run_gateway.throttled"), lambda: "no throttled seconds")


async def test_a_lost_answer_is_one_trace(host: Traced) -> None:
    trace_id, traceparent = a_trace()
    await host.world.synapse.fault(
        Cut(), at="created", operation="createRun", parameters={"day": "lost"}
    )

    await host.put(requestId="t-lost", parameters={"day": "lost"}, traceparent=traceparent)

    await host.world.results("t-lost")
    spans = await host.trace(trace_id, 7)
    lost, *_ = (span for span in spans if span.name == START[1])
    assert lost.attributes["run_gateway.outcome"] == "Unknown"
    looks = [span for span in spans if span.name == "GET /pipelineruns/{runId}"]
    assert looks[-1].attributes["run_gateway.outcome"] == "Found"
    settled = await eventually(
        lambda: points(host, "run_gateway.answers.settled"), lambda: "no settled answer"
    )
    assert settled[0]["run_gateway.settled"] == "found"


def points(host: Traced, name: str) -> list[Mapping[str, Any]]:
    return [point.attributes for point in host.collector.points if point.name == name]


async def test_a_visit_after_a_crash_is_in_the_same_trace(running: stack.Stack) -> None:
    short = {"LEASE_SECONDS": "3", "CALL_TIMEOUT_SECONDS": "1", "SETTLE_SECONDS": "1"}
    async with traced(running, "killed-requests", **short) as host:
        await host.world.synapse.fault(Hold(), operation="createRun", parameters={"day": "killed"})
        await host.put(requestId="t-killed", parameters={"day": "killed"})
        await host.world.synapse.held(1)
        await host.restart()
        await host.world.synapse.release(cut=True)

        (result,) = await host.world.results("t-killed")

        trace_id = result["traceparent"].split("-")[1]
        lost, *_, last = await sent_to_synapse(host, trace_id, 2)
        # The host that died sent no span, but its call named the trace.
        await eventually(
            lambda: last in creating(host.collector.trace(trace_id)),
            lambda: shape(host.collector.trace(trace_id)),
        )
        assert lost not in creating(host.collector.trace(trace_id))


async def test_no_secret_leaves_by_telemetry(host: Traced) -> None:
    secret, token = "hunter2-0xPLANTED", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4UExBTlRFRCJ9.c2lnbmF0dXJl"
    said = {"error": {"code": "BadRequest", "message": f"Bad value {secret} for password {token}"}}
    act = Answer(status=400, content=said)
    await host.world.synapse.fault(act, operation="createRun", parameters={"password": secret})
    parameters = {"password": secret, "day": f"value-{secret}"}
    headers = {"authorization": f"Bearer {token}", "baggage": f"k={secret}"}

    trace_id, traceparent = a_trace()
    headers |= {"traceparent": traceparent, "tracestate": f"v={secret}"}
    body = {"pipelineName": "copyOrders", "requestId": "t-secret", "parameters": parameters}
    await host.world.http.post("/api/runs", json=body, headers=headers)
    await host.put(requestId="t-bad", pipelineName=f"copy?{secret}", parameters=parameters)
    await host.requests.send_message(f"no JSON {secret}")

    spans = await host.trace(trace_id, 8)
    (visit,) = filter(is_visit, spans)
    assert visit.error == "BadRequest"
    await host.world.results("t-bad")
    await asyncio.sleep(2.5)  # what was written is sent after a quiet second
    assert host.collector.raw
    for body_sent in host.collector.raw:
        assert b"PLANTED" not in body_sent
        assert token.encode() not in body_sent


async def test_each_metric_has_a_unit_and_no_id_among_its_dimensions(host: Traced) -> None:
    await host.put(requestId="t-metrics", pipelineName="noSuchPipeline", workspace="nowhere")
    (result,) = await host.world.results("t-metrics")
    ended = await eventually(
        lambda: [
            one
            for one in points(host, "run_gateway.requests.ended")
            if one["run_gateway.code"] == "UnknownWorkspace"
        ],
        lambda: "the request's end was not counted",
    )
    assert ended[0]["run_gateway.workspace"] == "None"  # a stranger's text is no dimension

    assert all(point.unit for point in host.collector.points)
    values = {str(value) for point in host.collector.points for value in point.attributes.values()}
    assert not {value for value in values if value.startswith("t-") or value == result["resultId"]}


async def test_log_lines_are_sent_once_each_with_their_trace(host: Traced) -> None:
    trace_id, traceparent = a_trace()
    await host.put(requestId="t-line", traceparent=traceparent)
    await host.world.results("t-line")

    def ended() -> list[str]:
        return [one.body for one in host.collector.lines if one.trace_id == trace_id]

    await eventually(ended, lambda: "no line came")
    (line,) = ended()
    assert line.startswith("run_gateway.delivery_ended requestId=t-line")


@pytest.mark.parametrize("collector", ["away", "slow", "500"])
async def test_a_collector_that_fails_delays_and_loses_no_request(
    running: stack.Stack, collector: str
) -> None:
    small = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "200"}
    if collector == "away":
        small["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{process.free_port()}"
    async with traced(running, f"{collector}-collector", **small) as host:
        host.collector.status = 500 if collector == "500" else 200
        host.collector.delay = 3600.0 if collector == "slow" else 0.0

        for number in range(40):
            await host.put(requestId=f"{collector}-{number}")

        for number in range(40):
            (result,) = await host.world.results(f"{collector}-{number}")
            assert result["status"] == "Started"
        assert not host.collector.spans
