"""The contract of the `Records` port, on the fake and on Azurite: what fits, and what can't be read."""

import json
import traceback
from dataclasses import replace

import pytest

from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import RecordUnreadable
from shared.runs.record import Entry, Record
from tests.contracts.using_records import everything, found, inserted, written
from tests.contracts.worlds import REMOVED, RecordsWorld
from tests.unit.builders import NOW, a_record

LARGEST = 512 * 1024

# Bounds.


def largest(filler: str) -> Record:
    """The largest request there may be, with everything else at its bound."""
    share = LARGEST // len(filler.encode())
    request = json.dumps({"parameters": {"a": filler * share}}, ensure_ascii=False).encode()
    details = tuple(CloudError(code="D" * 200, message=filler * 5_000) for _ in range(100))
    return replace(
        everything(),
        request=request,
        error=CloudError(code="C", message=filler * 2_000, details=details),
        history=tuple(Entry(at=NOW, event="e" * 200, detail=filler * 300) for _ in range(24)),
    )


@pytest.mark.parametrize("filler", ["a", "é", "複", "😀"], ids=["1 byte", "2", "3", "4"])
async def test_the_largest_request_fits(records_world: RecordsWorld, filler: str) -> None:
    """The request survives whole; of error and history what fits, at least the first and the last."""
    record = largest(filler)

    await inserted(records_world, record)
    read = (await found(records_world)).record

    assert read.request == record.request
    assert read.history[0] == record.history[0]
    assert read.history[-1] == record.history[-1]
    assert read.error is not None
    assert read.error.message.startswith(filler * 1_000)
    assert replace(read, error=None, history=()) == replace(record, error=None, history=())


async def test_of_a_redacted_request_nothing_is_left(records_world: RecordsWorld) -> None:
    """A shorter request overwrites all of the longer one."""
    secret = b"s3cr3t" * 40_000
    first = await inserted(records_world, replace(a_record(), request=b'["%s"]' % secret))

    redacted = replace(first.record, request=b"{}", redacted=True)
    await written(records_world, first, redacted)

    row = await records_world.row("order-17")
    assert (await found(records_world)).record == redacted
    assert not any(b"s3cr3t" in value for value in row.values() if isinstance(value, bytes))


async def test_a_request_may_grow_again(records_world: RecordsWorld) -> None:
    """As when a rerun brings the redacted values back."""
    long, short = b'"' + b"x" * 200_000 + b'"', b"{}"
    stored = await inserted(records_world, replace(a_record(), request=long))

    for request in (short, long, short, long):
        stored = await written(records_world, stored, replace(stored.record, request=request))
        stored = await found(records_world)
        assert stored.record.request == request


# Records that can't be read.


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("schemaVersion", 2),
        ("schemaVersion", "1"),
        ("schemaVersion", REMOVED),
        ("status", "Resting"),
        ("status", 5),
        ("status", REMOVED),
        ("pipelineName", 17),
        ("endpoint", REMOVED),
        ("generation", "one"),
        ("generation", True),
        ("attempts", 1.5),
        ("redacted", "no"),
        ("waitSeconds", "soon"),
        ("receivedAt", "yesterday"),
        ("finishedAt", "tomorrow"),
        ("history", "[{"),
        ("history", '[{"at":"2026-11-24T08:00:00+00:00"}]'),
        ("history", '[{"at":"2026-11-24T08:00:00","event":"naive","detail":""}]'),
        ("error", "{}"),
        ("error", '{"code":"C","message":"M","secret":"hunter2"}'),
        ("request0", "hunter2"),
        ("request0", REMOVED),
        ("runId", REMOVED),
        ("deliverySource", "pigeon"),
        ("deliveryId", "hunter2" * 100),
        ("deliveryDuplicate", "hunter2"),
        ("httpStatus", "hunter2"),
    ],
)
async def test_what_was_edited_by_hand_is_unreadable(
    records_world: RecordsWorld, column: str, value: object
) -> None:
    """The error names the column, and no value."""
    await inserted(records_world)
    await records_world.tamper("order-17", column, value)

    with pytest.raises(RecordUnreadable, match=f"column {column} ") as caught:
        await records_world.records.get("order-17")

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


async def test_an_unreadable_record_is_no_free_place(records_world: RecordsWorld) -> None:
    """Nothing may be started for it: an insert finds it there."""
    await inserted(records_world)
    await records_world.tamper("order-17", "status", "Resting")

    with pytest.raises(RecordUnreadable):
        await records_world.records.insert(a_record())


async def test_columns_of_others_are_no_fault(records_world: RecordsWorld) -> None:
    """A note that somebody made beside a record does not make it unreadable."""
    stored = await inserted(records_world)
    await records_world.tamper("order-17", "note", "look at this one")

    assert (await found(records_world)).record == stored.record
