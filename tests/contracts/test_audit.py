"""The contract of the `Audit` port, on the fake and on Azurite."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.kernel.cloud_error import CloudError
from shared.ports import AuditKey
from shared.runs import audit_entry
from shared.runs.audit_entry import AuditEntry
from shared.runs.record import Status
from shared.runs.request import Content
from tests.contracts.worlds import AuditWorld, Storage, TableAuditWorld, all_pages
from tests.unit.builders import DELIVERY, ERROR, NOW, a_record

DAY = timedelta(days=1)


def an_entry(number: int = 0, at: datetime = NOW, request_id: str | None = None) -> AuditEntry:
    failed = replace(a_record(), request_id=request_id or f"order-{number}", status=Status.FAILED)
    delivery = DELIVERY.model_copy(update={"id": f"m-{number}"})
    entry = audit_entry.of_answer(failed, delivery, "queue", at, parameters=True)
    return replace(entry, error=ERROR)


async def append_all(world: AuditWorld, *entries: AuditEntry) -> None:
    for entry in entries:
        await world.audit.append(entry)


def times(pages: list[list[AuditKey]]) -> list[datetime]:
    return [kept.at for page in pages for kept in page]


# Appending.


async def test_an_entry_is_kept_with_all_its_fields(audit_world: AuditWorld) -> None:
    """Each as a column that people can read; absent ones are no columns."""
    full = replace(
        an_entry(),
        run_id="a-run",
        error=CloudError(code="C", message="M", details=(ERROR,)),
        http_status=400,
        service_request_id="s",
        service_correlation_id="x",
        traceparent="00-1",
        duration_ms=2**40,
        content=Content(length=3, sha256="ab"),
    )
    await append_all(audit_world, full, replace(an_entry(1, NOW + DAY), workspace=None))

    row, bare = await audit_world.rows()

    assert row["requestId"] == "order-0"
    assert (row["pipelineName"], row["workspace"]) == ("copy", "default")
    assert (row["parameters"], row["status"]) == ('{"day": 1}', "Failed")
    assert (row["errorCode"], row["httpStatus"], row["contentLength"]) == (
        "C",
        400,
        (3, "Edm.Int64"),
    )
    assert row["durationMs"] == (2**40, "Edm.Int64")
    assert "workspace" not in bare


async def test_the_newest_of_a_partition_come_first(audit_world: AuditWorld) -> None:
    """To the microsecond: so the list reads no more than it shows."""
    moments = [NOW, NOW + timedelta(microseconds=1), NOW + timedelta(hours=3), NOW - DAY]
    for moment in moments:
        await audit_world.audit.append(an_entry(at=moment))

    rows = await audit_world.rows()

    assert [row["at"] for row in rows] == [moments[3], moments[2], moments[1], moments[0]]


async def test_the_same_entry_twice_is_one(audit_world: AuditWorld) -> None:
    """An entry has its keys from what it is."""
    await append_all(audit_world, an_entry(), an_entry())

    assert len(await audit_world.rows()) == 1


async def test_ends_of_other_deliveries_stand_apart(audit_world: AuditWorld) -> None:
    """Also those of one request in the same microsecond."""
    await append_all(audit_world, an_entry(1, request_id="r"), an_entry(2, request_id="r"))

    assert len(await audit_world.rows()) == 2


async def test_an_entry_whose_answer_was_lost_is_kept_once(audit_world: AuditWorld) -> None:
    """The second try meets the first one's row, and that is success."""
    audit_world.lose_answers()
    await audit_world.audit.append(an_entry())

    assert len(await audit_world.rows()) == 1


async def test_long_texts_are_cut_between_characters(audit_world: AuditWorld) -> None:
    """32,768 UTF-16 units are what a column holds; a surrogate pair is never halved."""
    entry = replace(an_entry(), parameters="a" + "😀" * 20_000, principal="😀" * 20_000)
    await audit_world.audit.append(entry)

    (row,) = await audit_world.rows()

    assert row["parameters"] == "a" + "😀" * 16_383
    assert row["principal"] == "😀" * 16_384


# Reading the oldest.


async def test_an_empty_audit_has_no_pages(audit_world: AuditWorld) -> None:
    """Also where there is no table yet."""
    assert await all_pages(audit_world.audit, NOW) == []


async def test_old_entries_come_day_by_day(audit_world: AuditWorld) -> None:
    """Every one before the time, the oldest day first, and no younger one."""
    days = [0, 3, 3, 1, 400, 2]
    entries = [an_entry(number, NOW - DAY * day) for number, day in enumerate(days)]
    await append_all(audit_world, *entries)

    pages = await all_pages(audit_world.audit, NOW - DAY)

    assert [at.date() for at in times(pages)] == [
        (NOW - DAY * day).date() for day in (400, 3, 3, 2)
    ]


async def test_the_bound_itself_is_young(audit_world: AuditWorld) -> None:
    """To the microsecond, within one day."""
    moment = timedelta(microseconds=1)
    await append_all(
        audit_world, an_entry(1, NOW - moment), an_entry(1, NOW), an_entry(1, NOW + moment)
    )

    assert times(await all_pages(audit_world.audit, NOW)) == [NOW - moment]


async def test_a_page_names_its_entries(audit_world: AuditWorld) -> None:
    """By keys and request, so that both can be deleted."""
    nameless = replace(an_entry(1, NOW - DAY), request_id=None)
    await append_all(audit_world, an_entry(0, NOW - 2 * DAY), nameless)

    pages = await all_pages(audit_world.audit, NOW)
    rows = await audit_world.rows()

    kept = [entry for page in pages for entry in page]
    assert [entry.request_id for entry in kept] == ["order-0", None]
    assert [(entry.partition, entry.row) for entry in kept] == [
        (row["PartitionKey"], row["RowKey"]) for row in rows
    ]


# Deleting.


@pytest.mark.slow
async def test_old_entries_are_deleted_page_by_page(audit_world: AuditWorld) -> None:
    """While they are read, more than a transaction takes, and nothing younger."""
    old = [an_entry(0, NOW - DAY - timedelta(seconds=i), "same") for i in range(230)]
    await append_all(audit_world, *old, an_entry())

    deleted = 0
    async for page in audit_world.audit.oldest(NOW):
        await audit_world.audit.delete(page)
        deleted += len(page)

    assert deleted == 230
    assert [row["at"] for row in await audit_world.rows()] == [NOW]


async def test_deleting_what_is_gone_is_no_fault(audit_world: AuditWorld) -> None:
    """What is still there of the same batch is deleted all the same."""
    await append_all(
        audit_world, *(an_entry(0, NOW - timedelta(seconds=i), "same") for i in range(5))
    )
    (page,) = await all_pages(audit_world.audit, NOW + DAY)

    await audit_world.audit.delete(page[1:3])
    await audit_world.audit.delete(page)
    await audit_world.audit.delete(page * 2)
    await audit_world.audit.delete([])

    assert await audit_world.rows() == []


async def test_entries_of_many_partitions_are_deleted_together(audit_world: AuditWorld) -> None:
    """Whatever days and shards they are of."""
    await append_all(audit_world, *(an_entry(number, NOW - number * DAY) for number in range(9)))
    pages = await all_pages(audit_world.audit, NOW + DAY)

    await audit_world.audit.delete([kept for page in pages for kept in reversed(page)])

    assert await audit_world.rows() == []


# What only the table can show.


async def test_reading_the_oldest_is_no_scan(
    storage: Storage, audit_table: TableAuditWorld
) -> None:
    """One question finds a day that has entries, and four read it: the days between cost nothing."""
    await append_all(audit_table, an_entry(0, NOW - 4000 * DAY), an_entry(1, NOW - 5 * DAY))
    storage.proxy.proxy.calls.clear()

    await all_pages(audit_table.audit, NOW)

    asked = [call.operation.operation for call in storage.proxy.proxy.calls]
    assert asked == ["queryAudit"] * (1 + 4 + 1 + 4 + 1)


async def test_a_foreign_row_is_left_alone(storage: Storage, audit_table: TableAuditWorld) -> None:
    """It neither stops the reading nor is it deleted."""
    await append_all(audit_table, an_entry(0, NOW - 2 * DAY))
    foreign = [("20200101", "x"), ("20200102-9", "x"), ("0", "-"), ("20200103-1", "x-y")]
    for partition, row in foreign:
        await audit_table.put({"PartitionKey": partition, "RowKey": row})

    pages = await all_pages(audit_table.audit, NOW)

    assert times(pages) == [NOW - 2 * DAY]
