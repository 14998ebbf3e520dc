"""The contract of the `Audit` port's list, on the fake and on Azurite."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.kernel.cloud_error import CloudError
from shared.runs import audit_entry
from shared.runs.audit_entry import AuditEntry
from shared.runs.audit_query import Page, Wanted
from shared.runs.record import Status
from shared.runs.request import Content
from tests.contracts.worlds import AuditWorld, Storage, TableAuditWorld
from tests.unit.builders import DELIVERY, ERROR, NOW, a_record

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
SOON = NOW + timedelta(hours=1)


def an_entry(number: int = 0, at: datetime = NOW, **fields: object) -> AuditEntry:
    failed = replace(a_record(), request_id=f"order-{number}", status=Status.FAILED)
    delivery = DELIVERY.model_copy(update={"id": f"m-{number}"})
    entry = audit_entry.of_answer(failed, delivery, "queue", at, parameters=True)
    return replace(entry, **({"error": ERROR} | fields))  # type: ignore[arg-type] # a test's own fields


async def filled(world: AuditWorld, *entries: AuditEntry) -> None:
    for entry in entries:
        await world.audit.append(entry)


async def every_page(world: AuditWorld, wanted: Wanted) -> list[Page]:
    pages = [await world.audit.page(wanted)]
    while pages[-1].end is not None:
        assert len(pages) < 200
        pages.append(await world.audit.page(replace(wanted, after=pages[-1].end)))
    return pages


async def listed(world: AuditWorld, wanted: Wanted) -> list[str | None]:
    return [entry.request_id for page in await every_page(world, wanted) for entry in page.entries]


def wanted(top: int = 50, until: datetime = SOON, **others: object) -> Wanted:
    return Wanted(until=until, top=top, **others)  # type: ignore[arg-type] # a test's own fields


def is_order(number: int) -> Callable[[AuditEntry], bool]:
    return lambda entry: entry.request_id == f"order-{number}"


async def test_an_empty_audit_is_one_empty_page(audit_world: AuditWorld) -> None:
    """Also where there is no table yet."""
    assert await audit_world.audit.page(wanted()) == Page(entries=(), end=None)


async def test_an_entry_is_listed_with_all_but_its_parameters(audit_world: AuditWorld) -> None:
    full = an_entry(
        run_id="a-run",
        error=CloudError(code="C", message="M", details=(ERROR,)),
        http_status=400,
        service_request_id="s",
        traceparent="00-1",
        duration_ms=2**40,
        content=Content(length=3, sha256="ab"),
    )
    bare = replace(
        an_entry(1, NOW - SECOND),
        request_id=None,
        generation=None,
        principal=None,
        pipeline_name=None,
        error=None,
    )
    await filled(audit_world, full, bare)

    page = await audit_world.audit.page(wanted())

    assert page.entries == (replace(full, parameters=None), replace(bare, parameters=None))


async def test_the_newest_of_all_shards_come_first(audit_world: AuditWorld) -> None:
    """Over days and shards, to the microsecond."""
    moments = [timedelta(microseconds=n) for n in (3, 1, 2)] + [DAY, 400 * DAY, 3 * DAY, 2 * DAY]
    await filled(audit_world, *(an_entry(n, NOW - ago) for n, ago in enumerate(moments)))

    page = await audit_world.audit.page(wanted())

    assert [NOW - entry.at for entry in page.entries] == sorted(moments)
    assert page.end is None


@pytest.mark.parametrize("top", [1, 7, 50])
async def test_each_entry_is_on_one_page(audit_world: AuditWorld, top: int) -> None:
    """No page has more than was asked for."""
    await filled(audit_world, *(an_entry(n, NOW - n * timedelta(hours=5)) for n in range(23)))

    pages = await every_page(audit_world, wanted(top))

    found = [entry.request_id for page in pages for entry in page.entries]
    assert found == [f"order-{n}" for n in range(23)]
    assert max(len(page.entries) for page in pages) <= top


async def test_entries_of_one_moment_are_all_listed(audit_world: AuditWorld) -> None:
    """Whose they are orders them."""
    await filled(audit_world, *(an_entry(n) for n in range(11)))

    assert sorted(map(str, await listed(audit_world, wanted(2)))) == sorted(
        f"order-{n}" for n in range(11)
    )


async def test_pages_stay_what_they_are_while_new_entries_arrive(audit_world: AuditWorld) -> None:
    await filled(audit_world, *(an_entry(n, NOW - n * SECOND) for n in range(10)))
    first = await audit_world.audit.page(wanted(4))

    await filled(audit_world, *(an_entry(n, NOW + n * SECOND) for n in range(20, 30)))
    rest = await listed(audit_world, wanted(4, after=first.end))

    assert rest == [f"order-{n}" for n in range(4, 10)]


async def test_a_span_has_its_beginning_and_not_its_end(audit_world: AuditWorld) -> None:
    """To the microsecond, within a day and over days."""
    tick = timedelta(microseconds=1)
    await filled(
        audit_world,
        *(an_entry(n, NOW - DAY + n * tick) for n in (-1, 0, 1)),
        *(an_entry(n, NOW + (n - 10) * tick) for n in (9, 10, 11)),
    )

    span = wanted(until=NOW, since=NOW - DAY)

    assert await listed(audit_world, span) == ["order-9", "order-1", "order-0"]
    within = wanted(until=NOW - DAY + tick, since=NOW - DAY)
    assert await listed(audit_world, within) == ["order-0"]


async def test_a_span_before_all_entries_is_empty(audit_world: AuditWorld) -> None:
    """Also one that ends in the first year there is."""
    await filled(audit_world, an_entry())

    assert await listed(audit_world, wanted(until=NOW - 30 * DAY)) == []
    first = NOW.replace(year=1, month=1, day=1)
    assert await listed(audit_world, wanted(until=first + SECOND, since=first)) == []


@pytest.mark.parametrize("ahead", [timedelta(hours=2), DAY, 9000 * DAY])
async def test_a_span_that_has_not_begun_is_empty(
    audit_world: AuditWorld, ahead: timedelta
) -> None:
    """Also where its beginning is on a later day than the search's."""
    await filled(audit_world, an_entry(), an_entry(1, NOW - DAY))

    assert await listed(audit_world, wanted(since=NOW + ahead)) == []


async def test_a_page_has_what_matches(audit_world: AuditWorld) -> None:
    await filled(audit_world, *(an_entry(n, NOW - n * SECOND) for n in range(40)))

    assert await listed(audit_world, wanted(matches=is_order(33))) == ["order-33"]


async def test_a_page_that_has_read_enough_comes_back_short(audit_world: AuditWorld) -> None:
    """The next one goes on where it ended, until there are no more."""
    await filled(audit_world, *(an_entry(n, NOW - n * SECOND) for n in range(40)))
    rare = wanted(matches=is_order(33), most_read=16)

    pages = await every_page(audit_world, rare)

    assert len(pages) > 2
    assert [len(page.entries) for page in pages].count(1) == 1


async def test_gaps_of_any_length_are_passed(audit_world: AuditWorld) -> None:
    days = [0, 1, 3, 4, 9, 40, 41, 300, 1500]
    await filled(audit_world, *(an_entry(n, NOW - n * DAY) for n in days))

    assert await listed(audit_world, wanted(2)) == [f"order-{n}" for n in days]
    assert await listed(audit_world, wanted(since=NOW - 41 * DAY)) == [
        f"order-{n}" for n in days if n <= 41
    ]


# What only the table can show.


def questions(storage: Storage) -> int:
    return [call.operation.operation for call in storage.proxy.proxy.calls].count("queryAudit")


async def test_a_page_reads_little_more_than_it_shows(
    storage: Storage, audit_table: TableAuditWorld
) -> None:
    """One question for the day, four for its shards."""
    await filled(audit_table, *(an_entry(n, NOW - n * SECOND) for n in range(60)))
    storage.proxy.proxy.calls.clear()

    await audit_table.audit.page(wanted(20))

    assert questions(storage) <= 1 + 4 + 2


async def test_a_gap_costs_its_logarithm(storage: Storage, audit_table: TableAuditWorld) -> None:
    await filled(audit_table, an_entry(0, NOW - 4000 * DAY), an_entry(1, NOW))
    storage.proxy.proxy.calls.clear()

    assert await listed(audit_table, wanted()) == ["order-1", "order-0"]

    assert questions(storage) < 45


async def test_a_foreign_row_is_passed_over(storage: Storage, audit_table: TableAuditWorld) -> None:
    """So is one that a newer version wrote: it stops nobody."""
    await filled(audit_table, an_entry(0, NOW - 2 * DAY), an_entry(1, NOW - DAY))
    (_, newest) = sorted(
        (str(row["PartitionKey"]), str(row["RowKey"])) for row in await audit_table.rows()
    )
    foreign = [
        ("20261122", "x"),
        ("20261123-9", "x"),
        ("2026112x-1", "x"),
        ("0", "-"),
        ("99999999-1", "x"),
        (newest[0], "x-y"),
        (newest[0], newest[1][:-1] + "z"),
        (newest[0], newest[1][:-2] + "00"),
    ]
    for partition, row in foreign:
        await audit_table.put({"PartitionKey": partition, "RowKey": row})

    assert await listed(audit_table, wanted(1)) == ["order-1", "order-0"]
