"""Followers that die, come twice or are refused: each run is told, in one way, and nothing circles."""

import asyncio
from datetime import timedelta

import pytest

from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import StorageUnavailable
from shared.runs.outcome import End
from shared.runs.request import Follow
from shared.synapse.reply import Unreachable
from tests.fakes.mishaps import Mishaps
from tests.scenarios.world import World

AWAY = Unreachable(error=CloudError(code="ConnectError", message="Nobody listens there."))


async def ended(count: int = 1, *, status: str = "Succeeded") -> World:
    """Return a world whose runs have all ended, and whose follower is due."""
    world = World()
    for number in range(count):
        await world.deliver(f"m-{number}", requestId=f"order-{number}")
    world.clock.advance(20.0)
    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id, status)
    return world


def ports(world: World) -> dict[str, Mishaps]:
    return {
        "chains": world.chains.mishaps,
        "open_runs": world.open_runs.mishaps,
        "outcomes": world.outcomes.mishaps,
        "outcome_messages": world.outcome_messages.mishaps,
        "audit": world.audit.mishaps,
        "requests": world.requests.mishaps,
    }


def told(world: World) -> set[tuple[str, str]]:
    return {(one.request_id, one.outcome.value) for one in world.outcome_messages.published}


def calls_of_a_visit() -> list[tuple[str, str]]:
    """List each call of storage that a visit makes which tells two runs, and the next, which ends the chain."""

    async def play() -> list[tuple[str, str]]:
        world = await ended(2, status="Failed")
        for mishaps in ports(world).values():
            mishaps.calls.clear()
        await world.follow()
        return [(name, call) for name, mishaps in ports(world).items() for call in mishaps.calls]

    return sorted(set(asyncio.run(play())))


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize(("port", "call"), calls_of_a_visit())
async def test_a_follower_that_dies_at_any_call_leaves_nothing_untold(
    port: str, call: str, *, landed: bool
) -> None:
    world = await ended(2)
    ports(world)[port].fail(call, landed=landed)

    await world.follow()
    await world.host.follower.revive()
    await world.follow()

    assert told(world) == {("order-0", "Succeeded"), ("order-1", "Succeeded")}
    assert len({one.outcome_id for one in world.outcome_messages.published}) == 2
    assert sum(entry.outcome is End.SUCCEEDED for entry in world.audit.entries) == 2
    assert world.open_runs.standing == []
    assert world.requests.follows == []


async def test_a_follower_that_dies_is_made_up_for_without_the_timer() -> None:
    world = await ended()
    world.outcomes.mishaps.fail("record", times=2)

    await world.follow(for_seconds=400.0)

    assert told(world) == {("order-0", "Succeeded")}


async def test_a_message_that_comes_twice_at_once_is_one_visit() -> None:
    world = await ended(3)
    message = world.requests.take_follow()
    assert message is not None
    other = world.restart()

    await asyncio.gather(
        world.host.follower.visit(message.follow), other.follower.visit(message.follow)
    )
    await world.follow()

    assert len(world.outcome_messages.published) == 3
    assert world.requests.follows == []


async def test_two_followers_tell_a_run_in_one_way() -> None:
    """One of them was frozen, and has another view of how the run ended."""
    world = await ended(status="Failed")
    follower = world.host.follower

    async def other() -> None:
        world.pipelines.end(world.run_id, "Succeeded")
        chain = world.chains.standing[0]
        world.clock.advance(150.0)
        await follower.visit(Follow(follow=chain.key, token=chain.token))

    world.outcomes.mishaps.meanwhile("record", other)
    await world.follow()

    assert told(world) == {("order-0", "Succeeded")}
    assert len(world.outcomes.standing) == 1
    assert len(world.audit.entries) == 2


async def test_an_old_message_is_dropped() -> None:
    world = await ended()
    message = world.requests.take_follow()
    assert message is not None
    await world.host.follower.visit(message.follow)
    calls = len(world.pipelines.looks)

    await world.host.follower.visit(message.follow)
    await world.host.follower.visit(Follow(follow="0" * 64, token="unheard-of"))
    await world.host.follower.visit(Follow(follow=message.follow.follow, token="unheard-of"))

    assert len(world.pipelines.looks) == calls


async def test_the_message_of_a_chain_that_has_ended_is_dropped() -> None:
    world = await ended()
    await world.follow()

    await world.host.follower.visit(Follow(follow=world.chains.standing[0].key, token="unheard-of"))

    assert world.requests.follows == []


async def test_a_lost_message_is_made_up_for_by_the_hourly_timer() -> None:
    world = await ended()
    world.requests.follows.clear()
    await world.host.follower.revive()
    early = told(world)
    world.clock.advance(3_600.0)

    await world.host.follower.revive()

    assert early == set()
    assert told(world) == {("order-0", "Succeeded")}


async def test_a_lost_message_is_made_up_for_by_starts_that_go_on() -> None:
    """They keep the row young, but what it has waited is kept: one of them begins another chain."""
    world = await ended()
    world.requests.follows.clear()
    for number in range(100, 170):
        await world.deliver(f"m-{number}", requestId=f"order-{number}", follow=number % 2 == 0)
        world.clock.advance(10.0)

    await world.follow(for_seconds=20.0)

    assert ("order-0", "Succeeded") in told(world)


async def test_a_chain_begins_where_runs_are_open_and_there_is_none() -> None:
    """The process died after it had put a run into the index."""
    world = await ended()
    world.requests.follows.clear()
    world.chains._cells.clear()

    await world.host.follower.revive()
    await world.follow()

    assert told(world) == {("order-0", "Succeeded")}


async def test_a_chain_that_can_not_be_read_begins_again() -> None:
    world = await ended()
    (cell,) = world.chains._cells.values()
    cell.entity["schemaVersion"] = 99
    world.clock.advance(3_600.0)

    await world.host.follower.revive()
    await world.follow()

    assert told(world) == {("order-0", "Succeeded")}


async def test_a_poisoned_message_goes_on_with_its_chain() -> None:
    world = await ended()
    message = world.requests.take_follow()
    assert message is not None

    await world.host.poison.receive(message.follow.to_json().encode(), "p-1")
    await world.follow()

    assert told(world) == {("order-0", "Succeeded")}


async def test_a_storage_answer_that_was_lost_is_no_other_follower() -> None:
    world = await ended()
    world.chains.lose_answers(10)

    await world.follow()

    assert len(world.outcome_messages.published) == 1
    assert world.requests.follows == []


async def test_a_visit_to_a_chain_that_others_keep_changing_raises() -> None:
    world = await ended()
    (chain,) = world.chains.standing

    async def touch() -> None:
        world.chains._write(chain)
        world.chains.mishaps.meanwhile("update", touch)

    world.chains.mishaps.meanwhile("update", touch)
    message = world.requests.take_follow()
    assert message is not None

    with pytest.raises(StorageUnavailable):
        await world.host.follower.visit(message.follow)


async def test_monitoring_that_is_throttled_rests_and_is_told_afterwards() -> None:
    world = await ended()
    error = CloudError(code="TooManyPipelineRunQueryRequests", message="1000")
    world.pipelines.unreachable = Unreachable(error=error, retry_after=90.0)
    await world.follow(for_seconds=1.0)
    looks = len(world.pipelines.looks)
    await world.follow(for_seconds=85.0)
    during = len(world.pipelines.looks) - looks
    world.pipelines.unreachable = None

    await world.follow()

    assert during == 0
    assert told(world) == {("order-0", "Succeeded")}


async def test_a_workspace_that_is_away_is_asked_more_and_more_rarely() -> None:
    world = await ended()
    world.pipelines.unreachable = AWAY
    await world.follow(for_seconds=3_600.0)
    looks = len(world.pipelines.looks)
    world.pipelines.unreachable = None

    await world.follow(for_seconds=300.0)

    assert looks < 25
    assert told(world) == {("order-0", "Succeeded")}


async def test_without_the_role_requests_start_and_looks_rest_for_an_hour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.pipelines.may_look = False
    for number in range(30):
        await world.deliver(f"m-{number}", requestId=f"order-{number}")
        await world.follow(for_seconds=120.0)
        world.clock.advance(120.0)

    assert [result.status for result in world.results.published] == ["Started"] * 30
    assert len(world.pipelines.looks) + len(world.pipelines.queries) == 2
    assert caplog.text.count("run_gateway.looks_refused") == 2
    assert world.chains.standing[0].refused_since is not None
    assert len(world.requests.follows) == 1


async def test_a_role_that_is_given_back_is_found_within_the_hour() -> None:
    world = await ended(7)
    world.pipelines.may_look = False
    await world.follow(for_seconds=1_800.0)
    world.pipelines.may_look = True

    await world.follow(for_seconds=3_700.0)

    assert len(told(world)) == 7
    assert world.requests.follows == []


async def test_a_workspace_that_is_away_does_not_hold_up_another() -> None:
    world = World()
    world.workspaces["sales"] = "https://sales.dev.azuresynapse.net"
    world.restart()
    await world.deliver("m-0", requestId="order-0")
    await world.deliver("m-1", requestId="order-1", workspace="sales")
    world.clock.advance(20.0)

    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id)
    world.pipelines.unreachable = AWAY
    message = world.requests.take_follow()
    assert message is not None
    await world.host.follower.visit(message.follow)
    world.pipelines.unreachable = None

    await world.follow(for_seconds=10.0)

    assert told(world) == {("order-1", "Succeeded")}


async def test_a_host_that_begins_with_another_clock_goes_on_with_the_chain() -> None:
    world = await ended(8)
    world.clock.wall_offset = timedelta(days=400)
    world.restart()

    await world.follow()

    assert len(told(world)) == 8
