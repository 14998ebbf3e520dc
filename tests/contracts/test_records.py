"""The contract of the `Records` port, on the fake and on Azurite: reading, writing, and whose write counts."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.ports import Conflict, VersionedRecord
from shared.runs import record as records
from shared.runs.record import Record
from tests.contracts.using_records import everything, found, inserted, written
from tests.contracts.worlds import RecordsWorld
from tests.unit.builders import DELIVERY, ERROR, NOW, a_record, a_request

# Reading and inserting.


async def test_no_record_is_none(records_world: RecordsWorld) -> None:
    """A request of which nothing is known has no record."""
    assert await records_world.records.get("order-17") is None


@pytest.mark.parametrize("record", [a_record(), everything()], ids=["fresh", "everything"])
async def test_a_record_comes_back_as_it_was_written(
    records_world: RecordsWorld, record: Record
) -> None:
    """Every field survives, and so does the version."""
    stored = await inserted(records_world, record)

    read = await found(records_world)

    assert stored == VersionedRecord(record=record, version=read.version, age=0.0)
    assert read.record == record


async def test_records_of_different_requests_stand_apart(records_world: RecordsWorld) -> None:
    """Ids that differ by case alone are two requests."""
    await inserted(records_world, a_record(a_request(requestId="a:B")))
    await inserted(records_world, a_record(a_request(requestId="a:b")))

    assert (await found(records_world, "a:B")).record.request_id == "a:B"


async def test_the_first_insert_wins(records_world: RecordsWorld) -> None:
    """Whoever inserts second is told what stands there."""
    first = await inserted(records_world)

    second = await records_world.another_process().insert(a_record(principal="another"))

    assert isinstance(second, Conflict)
    assert second.stored is not None
    assert (second.stored.record, second.stored.version) == (first.record, first.version)


@pytest.mark.slow
async def test_of_a_thousand_inserts_one_wins(records_world: RecordsWorld) -> None:
    """All others are told of the winner."""
    outcomes = await asyncio.gather(
        *(records_world.records.insert(a_record(principal=str(i))) for i in range(1000))
    )

    winners = {one.record.principal for one in outcomes if isinstance(one, VersionedRecord)}
    told = {
        one.stored.record.principal
        for one in outcomes
        if isinstance(one, Conflict) and one.stored is not None
    }
    assert len(winners) == 1
    assert told == winners
    assert len([one for one in outcomes if isinstance(one, Conflict)]) == 999


async def test_the_delivery_is_as_it_was(records_world: RecordsWorld) -> None:
    """Who is owed the answer is told by columns of their own."""
    await inserted(records_world)

    row = await records_world.row("order-17")

    assert (row["deliveryId"], row["deliverySource"]) == (DELIVERY.id, "queue")


# Updating.


async def test_an_update_writes_a_new_version(records_world: RecordsWorld) -> None:
    """The record that comes back is the one written, with the version to write on."""
    first = await inserted(records_world)
    started = records.start(first.record, "a-run", "202", NOW)

    second = await written(records_world, first, started)

    assert second.version != first.version
    assert second.age == 0
    assert await found(records_world) == replace(second, age=(await found(records_world)).age)


async def test_an_update_of_an_older_version_is_overtaken(records_world: RecordsWorld) -> None:
    """What the other one wrote stands, and comes back."""
    first = await inserted(records_world)
    theirs = await written(records_world, first, records.start(first.record, "r", "202", NOW))

    mine = await records_world.records.update(first, records.fail(first.record, ERROR, NOW))

    assert isinstance(mine, Conflict)
    assert mine.stored is not None
    assert (mine.stored.record, mine.stored.version) == (theirs.record, theirs.version)


async def test_of_concurrent_updates_one_wins(records_world: RecordsWorld) -> None:
    """The others are overtaken."""
    first = await inserted(records_world)

    outcomes = await asyncio.gather(
        *(
            records_world.records.update(first, replace(first.record, principal=str(i)))
            for i in range(20)
        )
    )

    assert len([one for one in outcomes if isinstance(one, VersionedRecord)]) == 1


async def test_an_update_of_a_deleted_record_is_overtaken_by_nothing(
    records_world: RecordsWorld,
) -> None:
    """A record that is gone is not written anew."""
    first = await inserted(records_world)
    await records_world.records.delete(first)

    outcome = await records_world.records.update(first, first.record)

    assert outcome == Conflict(stored=None)
    assert await records_world.records.get("order-17") is None


@pytest.mark.parametrize("turn", ["set", "clear"])
async def test_a_field_may_come_and_go(records_world: RecordsWorld, turn: str) -> None:
    """What becomes absent is absent when it is read again, although a merge removes no column."""
    before, after = everything(), a_record()
    if turn == "set":
        before, after = after, before
    first = await inserted(records_world, before)

    await written(records_world, first, after)

    assert (await found(records_world)).record == after


async def test_an_update_without_a_change_is_a_write(records_world: RecordsWorld) -> None:
    """It makes a new version and the record young again."""
    first = await inserted(records_world)

    second = await written(records_world, first, first.record)

    assert second.version != first.version


# Answers that got lost.


async def test_an_insert_whose_answer_was_lost_is_ones_own(records_world: RecordsWorld) -> None:
    """The second try meets the first one's entity, and knows it."""
    records_world.lose_answers()

    stored = await inserted(records_world)

    assert (await found(records_world)).version == stored.version


async def test_an_update_whose_answer_was_lost_is_ones_own(records_world: RecordsWorld) -> None:
    """The version that comes back is the one to write on."""
    first = await inserted(records_world)
    records_world.lose_answers()

    second = await written(records_world, first, records.start(first.record, "r", "202", NOW))
    third = await written(records_world, second, replace(second.record, principal="x"))

    assert (await found(records_world)).record == third.record


async def test_losing_every_other_answer_loses_no_write(records_world: RecordsWorld) -> None:
    """A chain of updates goes on through lost answers."""
    stored = await inserted(records_world)

    for number in range(4):
        records_world.lose_answers()
        stored = await written(records_world, stored, replace(stored.record, principal=str(number)))

    assert (await found(records_world)).record.principal == "3"


async def test_a_lost_answer_to_a_refused_write_is_no_write(records_world: RecordsWorld) -> None:
    """Another's record is not taken for one's own."""
    await inserted(records_world, a_record(principal="theirs"))
    records_world.lose_answers()

    outcome = await records_world.records.insert(a_record(principal="mine"))

    assert isinstance(outcome, Conflict)
    assert (await found(records_world)).record.principal == "theirs"


# Deleting.


async def test_an_unchanged_record_is_deleted(records_world: RecordsWorld) -> None:
    """It is gone, and deleting it again says so too."""
    stored = await inserted(records_world)

    assert await records_world.records.delete(stored)
    assert await records_world.records.get("order-17") is None
    assert await records_world.records.delete(stored)


async def test_a_changed_record_is_not_deleted(records_world: RecordsWorld) -> None:
    """Somebody has use for it."""
    stored = await inserted(records_world)
    await written(records_world, stored, replace(stored.record, principal="x"))

    assert not await records_world.records.delete(stored)
    assert (await found(records_world)).record.principal == "x"


# Ages.


@pytest.mark.slow
async def test_an_age_grows_by_storage_time(records_world: RecordsWorld) -> None:
    """The service tells time in whole seconds, so an age may be a second short and never too long."""
    await inserted(records_world)
    await records_world.pass_time(2.2)

    assert 1.1 <= (await found(records_world)).age < 3


@pytest.mark.slow
@pytest.mark.parametrize("by", [timedelta(minutes=-14), timedelta(minutes=14)], ids=str)
async def test_an_age_ignores_the_hosts_clock(records_world: RecordsWorld, by: timedelta) -> None:
    """A wall clock that jumps makes nothing older or younger."""
    await inserted(records_world)
    await records_world.pass_time(2.2)
    records_world.jump(by)

    assert 1.1 <= (await found(records_world)).age < 3


@pytest.mark.slow
async def test_a_write_makes_a_record_young_again(records_world: RecordsWorld) -> None:
    """A lease runs from the last write."""
    stored = await inserted(records_world)
    await records_world.pass_time(2.2)

    await written(records_world, stored, stored.record)

    assert (await found(records_world)).age < 1


async def test_an_age_is_never_negative(records_world: RecordsWorld) -> None:
    """Also within the second in which the record was written."""
    stored = await inserted(records_world)

    for _ in range(5):
        stored = await written(records_world, stored, stored.record)
        assert (await found(records_world)).age >= 0
