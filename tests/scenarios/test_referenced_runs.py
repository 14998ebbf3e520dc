"""A request that refers to a run gets that run's parameters: its caller must be allowed to start what it runs."""

import pytest

from shared.runs.record import Status
from shared.runs.result import RunResult
from shared.synapse.reply import Unreachable
from tests.scenarios.wire import Wire
from tests.scenarios.world import World
from tests.unit.builders import ERROR


def the_last(world: World) -> RunResult:
    return world.results.published[-1]


async def a_run(world: World, pipeline: str = "copy") -> str:
    """Start a run to refer to, of a pipeline that was permitted then."""
    await world.deliver("m-0", requestId="first", pipelineName=pipeline)
    return world.pipelines.runs[-1].run_id


async def refer(world: World, run_id: str) -> None:
    await world.deliver(parameters=None, referencePipelineRunId=run_id)


async def test_a_run_of_a_pipeline_that_the_caller_may_start_is_referred_to() -> None:
    world = World()
    run_id = await a_run(world)
    world.barred.add("secret")

    await refer(world, run_id)

    assert the_last(world).status == "Started"
    assert world.pipelines.looks == [run_id]


async def test_nobody_is_looked_for_where_nothing_is_barred() -> None:
    world = World()
    run_id = await a_run(world)

    await refer(world, run_id)

    assert the_last(world).status == "Started"
    assert world.pipelines.looks == []


@pytest.mark.parametrize("may_look", [True, False])
async def test_another_pipeline_s_run_is_refused_and_a_run_nobody_sees_as_well(
    *, may_look: bool
) -> None:
    world = World()
    run_id = await a_run(world, "secret")
    world.barred.add("secret")
    world.pipelines.may_look = may_look

    await refer(world, run_id)

    assert (the_last(world).status, the_last(world).run_id) == ("Rejected", None)
    error = the_last(world).error
    assert error is not None
    assert (error.code, error.target) == ("NotPermitted", "$.referencePipelineRunId")
    assert ("Monitoring Operator" in error.message) is not may_look
    assert len(world.pipelines.calls) == 1


async def test_a_run_that_is_not_there_is_refused_in_the_same_words() -> None:
    world = World()
    hidden = await a_run(world, "secret")
    world.barred.add("secret")
    await refer(world, hidden)
    first = the_last(world).error

    await world.deliver("m-2", requestId="b", parameters=None, referencePipelineRunId="none")

    assert the_last(world).error == first


@pytest.mark.parametrize("retry_after", [None, 30.0])
async def test_the_request_waits_while_nobody_can_look(retry_after: float | None) -> None:
    world = World()
    run_id = await a_run(world)
    world.barred.add("secret")
    world.pipelines.unreachable = Unreachable(error=ERROR, retry_after=retry_after)

    await refer(world, run_id)
    assert world.records.all()[-1].status is Status.WAITING
    assert len(world.pipelines.calls) == 1
    world.pipelines.unreachable = None
    await world.drain()

    assert the_last(world).status == "Started"


async def test_permission_is_judged_when_it_is_sent() -> None:
    world = World()
    run_id = await a_run(world, "secret")
    world.barred.add("other")
    world.pipelines.unreachable = Unreachable(error=ERROR, retry_after=30.0)
    await refer(world, run_id)
    world.pipelines.unreachable = None
    world.barred.add("secret")
    await world.drain()

    error = the_last(world).error
    assert error is not None
    assert error.code == "NotPermitted"


@pytest.mark.parametrize(("retry_after", "status"), [(None, 503), (30.0, 429)])
async def test_a_client_of_synapse_is_told_to_come_again(
    retry_after: float | None, status: int
) -> None:
    world = World()
    run_id = await a_run(world)
    world.barred.add("secret")
    world.pipelines.unreachable = Unreachable(error=ERROR, retry_after=retry_after)
    wire, query = Wire(world), {"api-version": "2020-12-01", "referencePipelineRunId": run_id}

    answer = await wire.create(query=query)

    assert answer.status == status
    assert int(answer.headers["Retry-After"]) >= 1
    world.pipelines.unreachable = None
    world.clock.advance(30.0)
    assert (await wire.create(query=query)).status == 202


@pytest.mark.parametrize("retry_after", [None, 600.0])
async def test_a_run_that_can_never_be_looked_at_ends_the_request(
    retry_after: float | None,
) -> None:
    world = World()
    world.barred.add("secret")
    world.pipelines.unreachable = Unreachable(error=ERROR, retry_after=retry_after)

    await refer(world, "0f8fad5b-d9cb-469f-a165-70867728950e")
    await world.drain(for_seconds=2 * 24 * 3600.0)

    assert the_last(world).error is not None
    assert len(world.pipelines.looks) == world.settings.max_attempts
