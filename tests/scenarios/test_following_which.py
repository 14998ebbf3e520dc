"""Which runs are followed, and that settings and clocks which change later do not matter."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.runs.outcome import End
from tests.scenarios.world import World


def told(world: World) -> list[tuple[str, int, str]]:
    published = world.outcome_messages.published
    return [(one.request_id, one.generation, one.outcome.value) for one in published]


@pytest.mark.parametrize(
    ("which", "default", "asked", "followed"),
    [
        ("all", None, None, True),
        ("all", None, False, False),
        ("all", False, None, False),
        ("all", False, True, True),
        ("asked", None, None, False),
        ("asked", None, True, True),
        ("asked", True, None, True),
        ("asked", True, False, False),
        ("none", True, True, False),
        ("none", None, None, False),
    ],
)
async def test_who_says_which_runs_are_followed(
    which: str, default: bool | None, asked: bool | None, *, followed: bool
) -> None:
    world = World(FOLLOW_RUNS=which)
    world.follow_default = default
    world.restart()
    await world.deliver("m-1", **({} if asked is None else {"follow": asked}))

    assert world.record.followed is followed
    assert bool(world.open_runs.standing) is followed
    assert bool(world.requests.follows) is followed


async def test_later_settings_and_another_configuration_do_not_matter() -> None:
    """The endpoint comes from the index: the workspace may be gone from gateway.json."""
    world = World()
    world.workspaces["sales"] = "https://sales.dev.azuresynapse.net"
    world.restart()
    await world.deliver(workspace="sales")
    world.workspaces.clear()
    world.settings = world.settings.model_copy(
        update={"follow_runs": "none", "follow_seconds": 60.0}
    )
    world.restart()
    world.clock.advance(20.0)
    world.pipelines.end(world.run_id)

    await world.follow()

    assert told(world) == [("order-17", 1, "Succeeded")]


async def test_where_no_outcome_is_sent_it_is_kept_all_the_same() -> None:
    world = World()
    world.follow_ports = replace(world.follow_ports, messages=None)
    world.restart()
    await world.deliver()
    world.clock.advance(20.0)
    world.pipelines.end(world.run_id)

    await world.follow()

    assert world.outcome_messages.published == []
    assert [one.outcome.outcome for one in world.outcomes.standing] == [End.SUCCEEDED]


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_hosts_clock_that_is_wrong_changes_nothing(hours: int) -> None:
    world = World()
    world.clock.wall_offset = timedelta(hours=hours)
    for number in range(8):
        await world.deliver(f"m-{number}", requestId=f"order-{number}")
    await world.follow(for_seconds=120.0)
    world.clock.wall_offset = timedelta(hours=-hours)
    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id)

    await world.follow(for_seconds=120.0)

    assert len(told(world)) == 8
    windows = [json.loads(body)["lastUpdatedAfter"] for body in world.pipelines.queries]
    earliest = datetime.fromisoformat(min(windows))
    assert (world.clock.service_time() - earliest).total_seconds() < 1_000.0
