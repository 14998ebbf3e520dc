"""Visits of requests as spans, on the fakes."""

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from shared.adapters.telemetry import index, spans
from shared.adapters.telemetry.following import TracedFollower
from shared.adapters.telemetry.storage import (
    TracedAudit,
    TracedRecords,
    TracedRequests,
    TracedResults,
)
from shared.adapters.telemetry.synapse import TracedPipelines
from shared.adapters.telemetry.visits import TracedGateway
from shared.gateway.runner import Runner
from shared.kernel.errors import StorageUnavailable
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import Reply, Throttled, Unknown, Wire
from tests.scenarios.world import World
from tests.unit.adapters.telemetry.conftest import Seen
from tests.unit.builders import ERROR

PRODUCER = f"00-{'ab' * 16}-{'cd' * 8}-01"


def a_world(**environment: Any) -> World:
    """Return a world whose host is traced."""
    world = World(**environment)
    trace_host(world)
    return world


def trace_host(world: World) -> None:
    world.follow_ports = index.traced(world.follow_ports, world.settings)
    world.restart()
    records = TracedRecords(world.records, "runs")
    pipelines = TracedPipelines(world.synapse)
    policy = world.host.gateway._policy
    world.host.gateway = TracedGateway(
        clock=world.clock,
        records=records,
        results=TracedResults(world.results, "run-results"),
        audit=TracedAudit(world.audit, "runaudit", frozenset({"default"})),
        requests=TracedRequests(world.requests, "run-requests"),
        policy=policy,
        settings=world.settings,
        runner=Runner(
            clock=world.clock,
            records=records,
            pipelines=pipelines,
            policy=policy,
            settings=world.settings,
        ),
        tracking=world.host.tracking,
    )
    world.host.follower = TracedFollower(
        clock=world.clock,
        ports=world.follow_ports,
        requests=TracedRequests(world.requests, "run-requests"),
        audit=TracedAudit(world.audit, "runaudit", frozenset({"default"})),
        pipelines=pipelines,
        throttle=world.host.gateway._runner.throttle,
        tracking=world.host.tracking,
        retention=world.host.retention,
        settings=world.settings,
    )
    world.host.poison._gateway = world.host.gateway


def visits(seen: Seen) -> list[ReadableSpan]:
    return [span for span in seen.spans if span.kind is SpanKind.CONSUMER]


def trace_ids(seen: Seen) -> set[str]:
    return {f"{span.context.trace_id:032x}" for span in seen.spans if span.context}


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def links(span: ReadableSpan) -> dict[Any, int]:
    """Return the linked spans' ids by what links them."""
    return {(one.attributes or {})["run_gateway.link"]: one.context.span_id for one in span.links}


async def test_a_visit_is_in_the_producers_trace_and_says_what_came_of_it(seen: Seen) -> None:
    world = a_world()

    await world.deliver(traceparent=PRODUCER, tracestate="a=1")

    assert trace_ids(seen) == {"ab" * 16}
    (visit,) = visits(seen)
    found = attributes(visit)
    assert (found["run_gateway.status"], found["run_gateway.request_id"]) == ("Started", "order-17")
    assert visit.status.status_code is StatusCode.UNSET
    (call,) = world.pipelines.calls
    sent = seen.span("POST /pipelines/{pipelineName}/createRun")
    assert sent.context is not None
    assert call.traceparent == f"00-{'ab' * 16}-{sent.context.span_id:016x}-01"
    assert call.tracestate == "a=1"
    assert world.result.traceparent == PRODUCER


@pytest.mark.parametrize("tracestate", ["no equals sign", "a=1\r\nx: y", ""])
async def test_a_tracestate_that_breaks_the_rules_is_not_carried_on(
    seen: Seen, tracestate: str
) -> None:
    world = a_world()

    await world.deliver(traceparent=PRODUCER, tracestate=tracestate)

    (call,) = world.pipelines.calls
    assert call.tracestate is None


@pytest.mark.parametrize("invalid", [f"00-{'0' * 32}-{'cd' * 8}-01", None])
async def test_without_a_trace_one_is_begun_and_a_redelivery_is_in_it(
    seen: Seen, invalid: str | None
) -> None:
    world = a_world()
    fields = {} if invalid is None else {"traceparent": invalid}

    await world.deliver(**fields)
    await world.deliver(**fields)

    assert len(trace_ids(seen)) == 1
    first, second = visits(seen)
    assert first.context is not None
    assert first.parent is second.parent is None
    assert (world.results.published[0].traceparent or "").split("-")[1:3] == [
        f"{first.context.trace_id:032x}",
        f"{first.context.span_id:016x}",
    ]


async def test_another_workspace_makes_another_trace_of_the_same_id(seen: Seen) -> None:
    await a_world().deliver()
    await a_world(SYNAPSE_ENDPOINT="https://other.dev.azuresynapse.net").deliver()

    assert len(trace_ids(seen)) == 2


async def test_a_throttled_request_is_one_trace_whose_visits_are_linked(seen: Seen) -> None:
    world = a_world()
    throttled = Throttled(error=ERROR, retry_after=7.0, wire=Wire(http_status=429))
    world.pipelines.script(throttled)

    await world.deliver(traceparent=PRODUCER)
    (message,) = world.requests.messages
    await world.drain()

    assert trace_ids(seen) == {"ab" * 16}
    first, *_, last = visits(seen)
    assert first.context is not None
    assert message.resume.deferred_by == f"00-{'ab' * 16}-{first.context.span_id:016x}-01"
    assert links(visits(seen)[1]) == {"deferred_by": first.context.span_id}
    assert attributes(first)["run_gateway.wait_seconds"] > 0
    assert attributes(last)["run_gateway.status"] == "Started"
    assert first.end_time is not None
    assert [point for point, _ in seen.points("run_gateway.throttled")] == [
        {"run_gateway.workspace": "default"}
    ]


async def test_a_lost_answer_is_counted_and_how_it_was_settled(seen: Seen) -> None:
    world = a_world()

    async def lose(call: CreateRun) -> Reply:
        world.pipelines.start(call)
        return Unknown(error=ERROR)

    world.pipelines.script(lose)
    await world.deliver(traceparent=PRODUCER)
    await world.drain()

    sent = seen.span("POST /pipelines/{pipelineName}/createRun")
    assert attributes(sent)["run_gateway.outcome"] == "Unknown"
    assert (sent.status.status_code, sent.status.description) == (StatusCode.ERROR, "BadThing")
    assert ({"run_gateway.settled": "found", "run_gateway.workspace": "default"}, 1) in [
        (dict(found), value) for found, value in seen.points("run_gateway.answers.settled")
    ]
    assert seen.points("run_gateway.answers.lost")


async def test_an_operators_message_continues_the_trace_of_its_request(seen: Seen) -> None:
    world = a_world()
    world.pipelines.script(Throttled(error=ERROR, retry_after=7.0))
    await world.deliver(traceparent=PRODUCER)
    world.clock.advance(60.0)

    await world.host.deliver({"resume": "order-17"}, "by-hand")

    assert trace_ids(seen) == {"ab" * 16}
    assert world.result.traceparent == PRODUCER


async def test_a_message_for_nothing_is_turned_away_within_its_visit(seen: Seen) -> None:
    await a_world().host.deliver({"resume": "nobody"}, "by-hand")

    (visit,) = visits(seen)
    assert visit.name == "resume queue"


async def test_another_producers_duplicate_is_linked_to_the_first_trace(seen: Seen) -> None:
    world = a_world()
    await world.deliver("m-1", traceparent=PRODUCER)

    await world.deliver("m-2", traceparent=f"00-{'12' * 16}-{'34' * 8}-01")

    assert links(visits(seen)[-1]) == {"request": int("cd" * 8, 16)}


async def test_what_cannot_be_read_is_a_failed_visit(seen: Seen) -> None:
    await a_world().host.deliver(b"secret", "m-9")

    (visit,) = visits(seen)
    assert visit.name == "turn away queue"
    assert (visit.status.status_code, visit.status.description) == (
        StatusCode.ERROR,
        "InvalidJson",
    )
    assert b"secret" not in json.dumps(attributes(visit)).encode()


async def test_a_storage_that_is_away_fails_the_visit_by_its_type(seen: Seen) -> None:
    world = a_world()

    async def away(_: object) -> None:
        msg = "with a secret"
        raise StorageUnavailable(msg)

    world.records.insert = away  # type: ignore[method-assign, assignment]  # a fake that fails
    with pytest.raises(StorageUnavailable):
        await world.deliver(traceparent=PRODUCER)

    for name in ("process queue", "insert runs"):
        span = seen.span(name)
        assert span.status.description == "StorageUnavailable"
        assert not span.events


async def test_an_event_that_no_longer_fits_and_a_poison_message_are_visits(seen: Seen) -> None:
    world = a_world()
    body = json.dumps({"pipelineName": "copy", "requestId": "p-1"}).encode()

    await world.host.poison.receive(body, "poison-1")

    (visit,) = visits(seen)
    assert visit.name == "exhaust poison"
    assert attributes(visit)["run_gateway.code"] == "DeliveryExhausted"


async def test_outside_a_visit_calls_are_measured_without_a_span(seen: Seen) -> None:
    world = a_world()

    assert await TracedRecords(world.records, "runs").get("nobody") is None

    assert not seen.spans
    assert any(
        found["db.operation.name"] == "get"
        for found, _ in seen.points("db.client.operation.duration")
    )


def test_a_span_that_is_not_sampled_still_has_a_traceparent() -> None:
    context = spans.remote(f"00-{'ab' * 16}-{'cd' * 8}-00")

    assert context is not None
    assert not context.trace_flags.sampled
    assert spans.remote("nonsense") is spans.remote(None) is None


async def test_the_time_to_a_run_is_measured_for_the_first_answer_alone(seen: Seen) -> None:
    world = a_world()

    def count() -> int:
        data = seen.reader.get_metrics_data()
        return sum(
            getattr(point, "count", 0)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == "run_gateway.time_to_started"
            for point in metric.data.data_points
        )

    before = count()
    await world.deliver("m-1")
    await world.deliver("m-2")

    assert len(world.audit.entries) == 2
    assert count() == before + 1
