"""The process dies at each step of the sequence; another takes the request up, and one run comes of it."""

from collections.abc import Callable, Mapping

import pytest

from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import StorageUnavailable
from shared.ports import Echo
from shared.runs.record import Status
from shared.runs.request import RunRequest
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import Reply, Started, Throttled
from tests.kill_points import KILL_POINTS
from tests.scenarios.world import ENDPOINT, World, a_request


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


def kill_before_sending(world: World) -> None:
    def die(_: CreateRun) -> Reply:
        raise Killed

    world.pipelines.script(die)


def kill_while_waiting(world: World) -> None:
    def die(call: CreateRun) -> Reply:
        world.pipelines.start(call)
        raise Killed

    world.pipelines.script(die)


def at(port: str, operation: str, *, landed: bool) -> Callable[[World], None]:
    return lambda world: getattr(world, port).mishaps.fail(operation, landed=landed)


#: How it dies at a step. The others need a connection or a platform, which only tests/e2e has.
KILLS: Mapping[str, Callable[[World], None]] = {
    "before the claim": at("records", "insert", landed=False),
    "after the claim": at("records", "insert", landed=True),
    "before sending": kill_before_sending,
    "while waiting for the answer": kill_while_waiting,
    "after the answer": at("records", "update", landed=False),
    "after settling": at("records", "update", landed=True),
    "before publishing": at("results", "publish", landed=False),
    "after publishing": at("results", "publish", landed=True),
    "before auditing": at("audit", "append", landed=False),
    "after auditing": at("audit", "append", landed=True),
}


async def send(world: World, entry: str, request: RunRequest) -> None:
    if entry == "http":
        await world.host.call(request)
    else:
        await world.host.deliver(request.to_json(), "m-1")


@pytest.mark.parametrize("entry", ["queue", "http"])
@pytest.mark.parametrize("point", KILLS)
async def test_whoever_dies_leaves_one_run(point: str, entry: str) -> None:
    end = KILL_POINTS[point]
    world = World()
    world.records.echoes[ENDPOINT] = Echo.CONFIRMED
    KILLS[point](world)

    with pytest.raises((Killed, StorageUnavailable)):
        await send(world, entry, a_request())
    world.restart()
    if entry == "queue":
        world.clock.advance(600.0)  # the platform's lease of the message
        await send(world, "queue", a_request())
    elif point == "before the claim":
        await world.drain()  # the recovery message finds no record; the caller got an error
        await send(world, "http", a_request())
    await world.drain()

    assert len(world.pipelines.runs) == 1
    assert len(world.pipelines.calls) == end.posts
    assert tuple(world.events) == end.history
    assert (world.record.status, world.record.run_id) == (
        Status.STARTED,
        world.pipelines.runs[0].run_id,
    )
    assert {result.run_id for result in world.results.published} == {world.record.run_id}
    assert any(entry.run_id == world.record.run_id for entry in world.audit.entries)
    assert world.requests.messages == []


@pytest.mark.parametrize(
    "point", ["after the claim", "before sending", "while waiting for the answer"]
)
async def test_where_the_workspace_does_not_echo_no_second_run_is_risked(point: str) -> None:
    world = World(echoes=False)
    KILLS[point](world)

    with pytest.raises((Killed, StorageUnavailable)):
        await send(world, "queue", a_request())
    world.clock.advance(600.0)
    world.restart()
    await send(world, "queue", a_request())
    await world.drain()

    assert len(world.pipelines.runs) <= 1
    assert world.result.error is not None
    assert world.result.error.code == "OutcomeUnknown"


async def test_a_holder_that_was_stopped_follows_the_record() -> None:
    """It wakes after its lease has lapsed and another has sent the request: same id, same run."""
    world = World()
    world.records.echoes[ENDPOINT] = Echo.CONFIRMED

    async def sleep_through_the_lease(call: CreateRun) -> Reply:
        world.clock.advance(135.0)
        other = world.restart()
        await other.deliver(a_request().to_json(), "m-1")
        await world.drain()
        run_id = world.pipelines.start(call).run_id
        return Started(run_id=run_id, echoed=True)

    world.pipelines.script(sleep_through_the_lease)

    await world.host.deliver(a_request().to_json(), "m-1")

    assert len(world.pipelines.runs) == 1
    assert {result.run_id for result in world.results.published} == {world.record.run_id}
    assert world.record.status is Status.STARTED


async def test_a_late_answer_settles_what_is_still_unknown() -> None:
    world = World(echoes=False)

    async def sleep_through_the_lease(call: CreateRun) -> Reply:
        world.clock.advance(135.0)
        other = world.restart()
        await other.deliver(a_request().to_json(), "m-1")
        assert world.record.status is Status.UNKNOWN
        run_id = world.pipelines.start(call).run_id
        return Started(run_id=run_id, echoed=False)

    world.pipelines.script(sleep_through_the_lease)

    await world.host.deliver(a_request().to_json(), "m-1")
    await world.drain()

    assert world.record.run_id == world.pipelines.runs[0].run_id
    assert world.events[-1] == "late answer"


async def test_a_late_answer_also_settles_what_waits_to_be_sent_again() -> None:
    """Else a second run would be started although the first one is known by now."""
    world = World(echoes=False, UNKNOWN_OUTCOME="resend")
    late = CloudError(code="Busy", message="Later.")

    async def sleep_through_the_lease(call: CreateRun) -> Reply:
        run_id = world.pipelines.start(call).run_id
        world.clock.advance(135.0)
        other = world.restart()
        await other.deliver(a_request().to_json(), "m-1")
        await world.drain(for_seconds=120.0)
        assert world.record.status is Status.WAITING
        return Started(run_id=run_id, echoed=False)

    world.pipelines.script(sleep_through_the_lease, Throttled(error=late, retry_after=600.0))

    await world.host.deliver(a_request().to_json(), "m-1")
    await world.drain()

    assert len(world.pipelines.runs) == 1
    assert {result.run_id for result in world.results.published} == {world.record.run_id}
    assert world.events[-1] == "late answer"


async def test_a_write_whose_answer_was_lost_is_known_as_ones_own() -> None:
    world = World()
    world.records.lose_answers(2)

    await world.deliver()

    assert world.events == ["claimed", "createRun"]
    assert (world.result.duplicate, len(world.pipelines.calls)) == (False, 1)
