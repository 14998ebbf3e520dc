"""Retention and followed runs: a record is kept for its run, and an outcome goes with its record."""

import pytest

from shared.runs.audit_entry import Event
from tests.scenarios.world import World

DAY = 86_400.0


async def sweep(world: World) -> None:
    await world.host.retention.sweep(budget=60.0)


async def test_a_record_is_kept_while_its_run_goes_on_and_goes_after_its_outcome() -> None:
    world = World(RETENTION_DAYS="3")
    await world.deliver()
    await world.follow(for_seconds=4 * DAY)
    await sweep(world)
    kept = [record.request_id for record in world.records.all()]
    entries = len(world.audit.entries)
    world.pipelines.end(world.run_id)
    await world.follow(for_seconds=1_000.0)
    world.clock.advance(2 * DAY)
    await sweep(world)
    still_kept = [record.request_id for record in world.records.all()]
    world.clock.advance(1.1 * DAY)

    await sweep(world)

    assert (kept, still_kept, entries) == (["order-17"], ["order-17"], 0)
    assert world.records.all() == []
    assert world.outcomes.standing == []
    assert world.audit.entries == []


async def test_an_outcome_goes_with_its_record() -> None:
    world = World()
    await world.deliver()
    world.clock.advance(20.0)
    world.pipelines.end(world.run_id)
    await world.follow()
    world.clock.advance(91 * DAY)

    await sweep(world)

    assert (world.records.all(), world.outcomes.standing) == ([], [])


async def test_the_outcomes_of_all_generations_go() -> None:
    world = World()
    await world.deliver()
    for generation in (2, 3):
        world.clock.advance(20.0)
        world.pipelines.end(world.run_id, "Failed")
        await world.follow()
        delivery = world.record.delivery.model_copy(update={"id": f"h-{generation}"})
        await world.host.operations.rerun("order-17", generation, delivery, "key")
    world.clock.advance(20.0)
    world.pipelines.end(world.run_id)
    await world.follow()
    assert len(world.outcomes.standing) == 3
    world.clock.advance(91 * DAY)

    await sweep(world)

    assert (world.records.all(), world.outcomes.standing) == ([], [])


async def test_an_outcome_that_came_when_its_record_was_gone_goes_with_its_audit_entry() -> None:
    """The run of an earlier generation outlived the record."""
    world = World()
    await world.deliver()
    stored = await world.records.get("order-17")
    assert stored is not None
    world.pipelines.end(world.run_id)
    await world.records.delete(stored)
    await world.follow()
    assert [entry.event for entry in world.audit.entries] == [Event.DELIVERY, Event.OUTCOME]
    world.clock.advance(91 * DAY)

    await sweep(world)

    assert world.outcomes.standing == []
    assert world.audit.entries == []


@pytest.mark.parametrize("days", [30, 90])
async def test_a_run_that_no_look_shows_is_forgotten_with_its_record(
    days: int, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(RETENTION_DAYS=str(days))
    world.pipelines.may_look = False
    await world.deliver()
    limit = max(45, days)
    await world.follow(for_seconds=(limit - 1) * DAY)
    await sweep(world)
    before = len(world.open_runs.standing), len(world.records.all())

    await world.follow(for_seconds=2 * DAY)

    assert before == (1, 1)
    assert "run_gateway.open_run_forgotten requestId=order-17" in caplog.text
    assert (world.open_runs.standing, world.records.all()) == ([], [])
    assert world.requests.follows == []


async def test_where_all_is_kept_no_run_is_forgotten() -> None:
    world = World(RETENTION_DAYS="0")
    world.pipelines.may_look = False
    await world.deliver()

    await world.follow(for_seconds=100 * DAY)

    assert len(world.open_runs.standing) == 1


async def test_a_host_whose_clock_is_years_ahead_forgets_nothing() -> None:
    world = World()
    world.pipelines.may_look = False
    await world.deliver()
    world.clock.wall_offset = world.clock.now() - world.clock.now().replace(year=2000)

    await world.follow(for_seconds=DAY)

    assert len(world.open_runs.standing) == 1


async def test_a_run_whose_record_can_not_be_read_is_left_to_a_person() -> None:
    world = World()
    await world.deliver()
    world.pipelines.may_look = False
    world.records.row("order-17")["schemaVersion"] = 99

    await world.follow(for_seconds=100 * DAY)

    assert len(world.open_runs.standing) == 1
    assert len(world.requests.follows) == 1


async def test_a_forgotten_run_leaves_the_record_of_a_later_generation() -> None:
    world = World()
    await world.deliver()
    world.pipelines.may_look = False
    delivery = world.record.delivery.model_copy(update={"id": "h-2"})
    await world.host.operations.rerun("order-17", 2, delivery, "key")
    (first, second) = sorted(world.open_runs.standing, key=lambda run: run.generation)
    world.clock.advance(91 * DAY)

    await world.host.retention.forget_run(world.endpoint, first.run_id)

    assert [run.run_id for run in world.open_runs.standing] == [second.run_id]
    assert [record.generation for record in world.records.all()] == [2]
