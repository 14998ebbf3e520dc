"""A simulated year of requests: what is old goes, what is needed stays."""

from dataclasses import replace
from datetime import timedelta

from shared.gateway.retention import Retention
from shared.ports import AuditKey
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Status
from tests.scenarios.world import World

DAY = 86_400.0
BY_HTTP = Delivery(id="h-9", source=Source.HTTP)


def retention(world: World) -> Retention:
    return world.host.retention


async def test_over_a_year_the_tables_hold_what_is_younger_than_ninety_days() -> None:
    world = World(FOLLOW_RUNS="none")
    for day in range(365):
        await world.deliver(f"m-{day}", requestId=f"order-{day}")
        world.clock.advance(DAY)
        await retention(world).sweep(budget=60.0)

    assert {record.request_id for record in world.records.all()} == {
        f"order-{day}" for day in range(275, 365)
    }
    assert len(world.audit.entries) == 90


async def test_nothing_goes_where_all_is_kept() -> None:
    world = World(RETENTION_DAYS="0", FOLLOW_RUNS="none")
    await world.deliver()
    world.clock.advance(1000 * DAY)

    assert await retention(world).sweep(budget=60.0) == 0
    assert len(world.audit.entries) == 1


async def test_a_record_that_was_run_again_stays_until_that_is_old_too() -> None:
    world = World(FOLLOW_RUNS="none")
    await world.deliver()
    world.clock.advance(60 * DAY)
    await world.host.operations.rerun("order-17", 2, BY_HTTP, "key")

    world.clock.advance(40 * DAY)
    await retention(world).sweep(budget=60.0)
    assert world.record.generation == 2
    world.clock.advance(60 * DAY)
    await retention(world).sweep(budget=60.0)

    assert world.records.all() == []
    assert world.audit.entries == []


async def test_a_rerun_between_read_and_delete_keeps_the_record() -> None:
    world = World(FOLLOW_RUNS="none")
    await world.deliver()
    world.clock.advance(91 * DAY)

    async def meanwhile() -> None:
        await world.host.operations.rerun("order-17", 2, BY_HTTP, "key")

    world.records.mishaps.meanwhile("delete", meanwhile)
    await retention(world).sweep(budget=60.0)

    assert world.record.generation == 2
    assert [entry.generation for entry in world.audit.entries if entry.generation == 2] == [2]


async def test_a_record_goes_although_the_clock_of_who_audited_it_was_slow() -> None:
    """An entry is dated by a host, a record by the service: what names a record stays until that is old."""
    world = World(FOLLOW_RUNS="none")
    world.clock.wall_offset = timedelta(minutes=-10)
    await world.deliver()
    world.clock.wall_offset = timedelta()
    world.clock.advance(90 * DAY - 300)

    await retention(world).sweep(budget=60.0)
    assert len(world.records.all()) == 1
    world.clock.advance(600)
    await retention(world).sweep(budget=60.0)

    assert world.records.all() == []
    assert world.audit.entries == []


async def test_an_open_request_stays() -> None:
    world = World(FOLLOW_RUNS="none")
    await world.deliver()
    await world.host.gateway.publish(world.record, BY_HTTP, "key")
    stored = await world.records.get("order-17")
    assert stored is not None
    await world.records.update(stored, replace(stored.record, status=Status.UNKNOWN))
    world.clock.advance(91 * DAY)

    await retention(world).sweep(budget=60.0)

    assert len(world.records.all()) == 1


async def test_a_sweep_stops_when_its_time_is_up_and_goes_on_the_next_time() -> None:
    world = World(FOLLOW_RUNS="none")
    world.audit._page_size = 1
    for number in range(5):
        await world.deliver(f"m-{number}", requestId=f"order-{number}")
        world.clock.advance(1.0)
    world.clock.advance(91 * DAY)

    assert await retention(world).sweep(budget=0.0) == 1
    assert await retention(world).sweep(budget=60.0) == 4
    assert world.records.all() == []


async def test_a_record_that_can_not_be_read_is_left_to_a_person() -> None:
    world = World(FOLLOW_RUNS="none")
    await world.deliver()
    world.records.row("order-17")["schemaVersion"] = 99
    world.clock.advance(91 * DAY)

    await retention(world).sweep(budget=60.0)

    assert world.records.row("order-17")["requestId"] == "order-17"


async def test_keys_name_the_request() -> None:
    world = World(FOLLOW_RUNS="none")
    await world.deliver()
    world.clock.advance(91 * DAY)

    pages: list[list[AuditKey]] = [page async for page in world.audit.oldest(world.clock.now())]

    assert [kept.request_id for page in pages for kept in page] == ["order-17"]
