"""How an audit entry lies in its table: shared/adapters/storage/audit_entity.py."""

import dataclasses
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from shared.adapters.storage import columns
from shared.adapters.storage.audit_entity import (
    FIELDS,
    day,
    encode,
    keys,
    partitions,
    row_bound,
    time_of,
)
from shared.kernel.cloud_error import CloudError
from shared.runs import audit_entry
from shared.runs.audit_entry import AuditEntry
from shared.runs.record import Status
from tests.contracts.test_following import a_run, an_outcome
from tests.unit.builders import DELIVERY, NOW, a_record

TIMES = st.datetimes(timezones=st.just(UTC))


def an_entry(at: datetime = NOW, delivery_id: str = "m-1") -> AuditEntry:
    started = a_record(status=Status.STARTED, run_id="r", finished_at=NOW)
    delivery = DELIVERY.model_copy(update={"id": delivery_id})
    return audit_entry.of_answer(started, delivery, "queue", at, parameters=True)


def test_every_field_has_a_column() -> None:
    """A field that is added to an entry must not be forgotten here."""
    fields = {field.name for field in dataclasses.fields(AuditEntry)}

    assert fields == set(FIELDS) | {"error", "content"}


def test_keys_are_fixed_for_good() -> None:
    """A day in UTC, a shard, the microseconds left, and whose entry it is."""
    at = datetime(2026, 11, 24, 0, 30, tzinfo=timezone(timedelta(hours=1)))

    partition, row = keys(an_entry(at))

    assert partition.startswith("20261123-")
    assert row.startswith("251607601800000000-") or row[18] == "-"
    assert len(row) == 18 + 1 + 16


@given(TIMES, TIMES)
def test_later_entries_come_first(one: datetime, other: datetime) -> None:
    """In the order of their keys, which is the order in which a table gives its rows."""
    first, second = keys(an_entry(one))[1], keys(an_entry(other))[1]

    assert (first < second) == (one > other)


@given(TIMES)
def test_a_key_tells_its_time(at: datetime) -> None:
    """To the microsecond, so that no column has to be read for it."""
    assert time_of(keys(an_entry(at))[1]) == at


@given(TIMES, st.integers(-2, 2))
def test_a_bound_parts_old_from_young(at: datetime, microseconds: int) -> None:
    """Rows after it (and `~`, which follows every key of its time) are older than the time."""
    try:
        other = at + timedelta(microseconds=microseconds)
    except OverflowError:
        return
    row = keys(an_entry(other))[1]

    assert (row > row_bound(at) + "~") == (other < at)
    assert (row >= row_bound(at)) == (other <= at)


@pytest.mark.parametrize("row", ["", "x", "-", "1-x", "9" * 18, "9" * 18 + "-x", "a" * 18 + "-x"])
def test_a_foreign_key_tells_no_time(row: str) -> None:
    """It is another's."""
    with pytest.raises((ValueError, OverflowError)):
        time_of(row)


def test_entries_spread_over_four_partitions() -> None:
    """Evenly enough: one partition takes 2,000 entries a second, and the account has 5,000 to give."""
    found = [keys(an_entry(delivery_id=str(i)))[0] for i in range(2_000)]

    assert set(found) == set(partitions(day(NOW)))
    assert max(found.count(one) for one in set(found)) < 600


def test_the_same_entry_has_the_same_keys() -> None:
    """So that it is written once, however often it is sent."""
    assert keys(an_entry()) == keys(replace(an_entry(), attempts=5))


@pytest.mark.parametrize(
    "other", [an_entry(delivery_id="m-2"), replace(an_entry(), request_id="x")]
)
def test_other_deliveries_have_other_keys(other: AuditEntry) -> None:
    """Also at the same microsecond."""
    assert keys(other)[1] != keys(an_entry())[1]


def test_absent_fields_are_no_columns() -> None:
    """An entry is never merged, so nothing has to be overwritten."""
    bare = replace(an_entry(), error=None, run_id=None, traceparent=None)

    assert {"error", "errorCode", "runId", "traceparent", "contentLength"}.isdisjoint(encode(bare))


def test_a_long_entry_fits() -> None:
    """Each text is cut to what a column holds: half a MiB for all of them at the very most."""
    text = "😀" * 40_000
    long = replace(
        an_entry(),
        parameters=text,
        principal=text,
        error=CloudError(code=text, message=text),
    )

    entity = encode(long)

    assert all(
        columns.units(value) <= 32_768 for value in entity.values() if isinstance(value, str)
    )
    assert sum(columns.units(value) for value in entity.values() if isinstance(value, str)) < 2**18


def test_the_entry_of_an_outcome_is_the_same_each_time_and_none_of_its_deliverys() -> None:
    recorded = an_outcome()
    first, second = (keys(audit_entry.of_outcome(recorded, a_run())) for _ in range(2))
    delivery = an_entry(recorded.recorded_at, recorded.delivery_id)
    later = audit_entry.of_outcome(an_outcome(2), a_run())

    assert first == second
    assert len({first, keys(delivery), keys(later)}) == 3
    assert encode(audit_entry.of_outcome(recorded, a_run()))["event"] == "outcome"
    assert encode(delivery)["event"] == "delivery"
