"""How a run's end shows in the trace of its request, on the fakes."""

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from tests.scenarios.world import World
from tests.unit.adapters.telemetry.conftest import Seen
from tests.unit.adapters.telemetry.test_visits import PRODUCER, a_world, attributes, links, visits

TELLING = ["get open run", "insert outcome", "send run-outcomes", "append runaudit"]


async def followed(**environment: str) -> World:
    """Return a world with a started run, 90 s later."""
    world = a_world(**environment)
    await world.deliver(traceparent=PRODUCER)
    world.clock.advance(90.0)
    return world


def called(seen: Seen, visit: ReadableSpan) -> list[str]:
    """Return what a visit called, in the order in which the calls ended."""
    assert visit.context
    within = visit.context.span_id
    return [span.name for span in seen.spans if span.parent and span.parent.span_id == within]


async def test_the_end_of_a_run_is_in_the_trace_of_its_request(seen: Seen) -> None:
    world = await followed()
    world.pipelines.end(world.run_id)

    await world.follow()

    told = seen.span("outcome queue")
    assert told.context
    assert told.parent
    assert (told.context.trace_id, told.parent.span_id) == (int("ab" * 16, 16), int("cd" * 8, 16))
    first, *_ = (span for span in visits(seen) if span.name == "follow queue")
    assert first.context
    assert first.parent is None
    assert links(told) == {"follower": first.context.span_id}
    assert called(seen, told) == TELLING[1:]
    assert {TELLING[0], "GET /pipelineruns/{runId}", "delete open run"} <= set(called(seen, first))
    found = attributes(told)
    assert found["run_gateway.outcome"] == "Succeeded"
    assert (found["run_gateway.request_id"], found["run_gateway.run_id"]) == (
        "order-17",
        world.run_id,
    )
    assert told.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(("outcome", "error"), [("Failed", "RunFailed"), ("Cancelled", None)])
async def test_a_failed_run_is_a_failed_span(seen: Seen, outcome: str, error: str | None) -> None:
    world = await followed()
    world.pipelines.end(world.run_id, outcome)

    await world.follow()

    told = seen.span("outcome queue")
    assert attributes(told)["run_gateway.outcome"] == outcome
    assert told.status.description == error


async def test_the_ends_of_runs_are_counted_apart_from_those_of_requests(seen: Seen) -> None:
    def points(name: str) -> dict[tuple[tuple[str, str], ...], float]:
        return {tuple(sorted(found.items())): value for found, value in seen.points(name)}

    world = await followed()
    world.pipelines.end(world.run_id)
    names = ("requests.ended", "time_to_started", "runs.ended", "run.duration")
    before = {name: points(f"run_gateway.{name}") for name in names}

    await world.follow()

    after = {name: points(f"run_gateway.{name}") for name in names}
    ended = (
        ("run_gateway.outcome", "Succeeded"),
        ("run_gateway.pipeline", "copy"),
        ("run_gateway.workspace", "default"),
    )
    assert after["requests.ended"] == before["requests.ended"]
    assert after["time_to_started"] == before["time_to_started"]
    assert after["runs.ended"][ended] == before["runs.ended"].get(ended, 0) + 1
    assert after["run.duration"][ended] == before["run.duration"].get(ended, 0) + 90


async def test_a_chain_that_the_timer_goes_on_with_is_a_visit(seen: Seen) -> None:
    world = await followed()
    world.requests.follows.clear()
    world.clock.advance(3600.0)
    world.pipelines.end(world.run_id)

    await world.host.follower.revive()

    assert links(seen.span("outcome queue")).keys() == {"follower"}
    assert seen.span("follow timer").parent is None
