"""How a record lies in its table: shared/adapters/storage/record_entity.py."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, strategies as st
from pydantic.alias_generators import to_camel

from shared.adapters.storage import columns
from shared.adapters.storage.record_entity import (
    DELIVERY_FIELDS,
    FIELDS,
    LEASE_OWNER,
    changes,
    decode,
    encode,
    partition_key,
)
from shared.kernel.cloud_error import CloudError
from shared.runs import record as records
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Entry, Record, Status
from tests.unit.builders import DELIVERY, ERROR, NOW, a_record, a_request

LARGEST = 512 * 1024
MIB = 1024 * 1024
OPTIONAL = {
    "nonce": "n",
    "finished_at": NOW,
    "retry_after": 7.5,
    "first_sent_at": NOW,
    "run_id": "r",
    "error": CloudError(code="C", message="M"),
    "http_status": 400,
    "service_request_id": "s",
    "service_correlation_id": "x",
}


def entity_size(entity: Mapping[str, object], row_key: str) -> int:
    """Azure's own formula.

    4 + (PartitionKey + RowKey) * 2, and for each property 8 + name * 2 + its value (Microsoft's Windows Azure
    Storage team blog, "How to calculate Table storage entity sizes"; learn, tables/scalability-targets: 1 MiB).
    """
    size = 4 + (64 + len(row_key)) * 2
    for name, value in {**entity, "Timestamp": NOW}.items():
        size += 8 + len(name) * 2 + _value_size(value)
    return size


def _value_size(value: object) -> int:
    match value:
        case str():
            return columns.units(value) * 2 + 4
        case bytes():
            return len(value) + 4
        case bool():
            return 1
        case int():
            return 4
        case float() | datetime() | tuple():
            return 8
        case _:
            raise AssertionError(value)


def test_every_field_has_a_column() -> None:
    """A field that is added to a record must not be forgotten here."""
    fields = {field.name for field in dataclasses.fields(Record)}

    assert fields == set(FIELDS) | {"request", "delivery"}
    assert set(Delivery.model_fields) == set(DELIVERY_FIELDS)


def test_columns_are_named_as_people_read_them() -> None:
    """In camelCase, with nothing that a table refuses."""
    names = set(encode(a_record()))

    assert {"schemaVersion", "requestId", "firstSentAt", "deliverySource", "request0"} <= names
    assert all(name.isalnum() and name.isascii() for name in names)
    assert len(names) + len({LEASE_OWNER, "PartitionKey", "RowKey", "Timestamp"}) < 100


@pytest.mark.parametrize("name", ["a", "a/b\\c#d?e", "é😀", "x" * 200, ""])
def test_every_id_makes_a_key(name: str) -> None:
    """Keys take neither slashes nor more than 1 KiB."""
    key = partition_key(name)

    assert len(key) == 64
    assert key.isalnum()


def test_keys_are_fixed_for_good() -> None:
    """Another hash would lose every record there is."""
    assert partition_key("order-17") == (
        "72a90ea3da8b5dd01bde2f27314e02e217f935182ea573a7ff9b5f5060ef996b"
    )


TEXT = st.text(min_size=1, max_size=30)
NOT_WITHDRAWN = st.builds(
    Record,
    request_id=TEXT,
    generation=st.integers(1, 2**40),
    status=st.sampled_from(Status),
    pipeline_name=TEXT,
    workspace=TEXT,
    endpoint=TEXT,
    request=st.binary(max_size=200_000),
    redacted=st.booleans(),
    fingerprint=TEXT,
    client_request_id=TEXT,
    nonce=st.none() | TEXT,
    delivery=st.builds(
        Delivery,
        id=st.text(max_size=400),
        source=st.sampled_from(Source),
        correlation_id=st.none() | TEXT,
        traceparent=st.none() | TEXT,
        duplicate=st.booleans(),
    ),
    principal=TEXT,
    received_at=st.just(NOW),
    changed_at=st.datetimes(timezones=st.just(NOW.tzinfo)),
    finished_at=st.none() | st.just(NOW),
    first_sent_at=st.none() | st.just(NOW),
    sent_seconds=st.floats(0, 1e9),
    attempts=st.integers(0, 2**31),
    wait_seconds=st.floats(0, 1e9),
    waits=st.integers(0, 2**31),
    run_id=st.none() | TEXT,
    error=st.none() | st.builds(CloudError, code=TEXT, message=st.text()),
    http_status=st.none() | st.integers(100, 599),
    service_request_id=st.none() | TEXT,
    service_correlation_id=st.none() | TEXT,
    history=st.lists(st.builds(Entry, at=st.just(NOW), event=TEXT), max_size=24).map(tuple),
)
RECORDS = NOT_WITHDRAWN | st.builds(
    records.withdraw, NOT_WITHDRAWN, st.just(ERROR), st.floats(0, 1e9), st.just(NOW)
)


@given(RECORDS)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    """Whatever it holds."""
    assert decode(encode(record)) == record


def test_a_record_of_the_version_before_is_read() -> None:
    """It has no nonce; its client request id is the one that was recorded."""
    entity = encode(a_record())
    del entity["nonce"], entity["sentSeconds"], entity["waits"], entity["retryAfter"]

    assert decode(entity) == replace(a_record(), nonce=None)


def as_before(entity: Mapping[str, object], record: Record) -> dict[str, object]:
    """Return what version 0.1.0 stores: a withdrawal stands in the last line of the history, its wait in waitSeconds.

    It leaves columns that it does not know as they are.
    """
    wait_seconds = record.wait_seconds if record.retry_after is None else record.retry_after
    written = {name: value for name, value in encode(record).items() if name not in NEW}
    return {**entity, **written, "waitSeconds": wait_seconds}


NEW = {"waits", "retryAfter"}
WAITING = a_record(status=Status.WAITING)
WITHDRAWN = records.withdraw(WAITING, ERROR, 7.5, NOW)


def test_a_withdrawal_of_the_version_before_is_read() -> None:
    found = decode(as_before({}, WITHDRAWN))

    assert found == replace(WITHDRAWN, wait_seconds=7.5)
    assert records.is_withdrawn(found)


def test_a_withdrawal_of_the_version_before_is_opened_again() -> None:
    """Nothing of its wait is left, where it would delay the request."""
    entity = as_before({}, WITHDRAWN)
    stored = decode(entity)
    again = records.reopen(stored, a_request(), DELIVERY, "key", NOW)

    assert decode(entity | changes(stored, again)) == again


def test_the_version_before_withdraws_a_record_of_this_one() -> None:
    """Its column retryAfter stays empty, or keeps the wait of an earlier withdrawal."""
    for stored in (WAITING, replace(WITHDRAWN, retry_after=60.0)):
        assert decode(as_before(encode(stored), WITHDRAWN)).retry_after == 7.5


def test_the_version_before_ends_a_request_that_this_one_withdrew() -> None:
    """It opened it again and sent it; the column that it does not clear would have it sent once more."""
    failed = records.fail(records.take(WAITING, NOW), ERROR, NOW)

    assert not records.is_withdrawn(decode(as_before(encode(WITHDRAWN), failed)))


def test_a_record_of_the_version_after_is_read() -> None:
    """Two releases work side by side: a new column is left alone."""
    assert decode({**encode(a_record()), "aColumnToCome": "x"}) == a_record()


@given(RECORDS, RECORDS)
def test_merging_the_changes_makes_the_other_record(before: Record, after: Record) -> None:
    """And what did not change is not sent."""
    merged = changes(before, after)

    assert decode(encode(before) | merged) == after
    assert changes(after, after) == {}
    assert all(encode(before).get(name) != value for name, value in merged.items())


@pytest.mark.parametrize("name", OPTIONAL)
def test_what_becomes_absent_is_overwritten(name: str) -> None:
    """By an empty text: a merge can't remove a property."""
    present = replace(a_record(nonce=None), **{name: OPTIONAL[name]})  # type: ignore[arg-type]  # by name

    assert changes(present, a_record(nonce=None)) == {to_camel(name): ""}


def test_a_settled_record_sends_little() -> None:
    """Half a MiB of request is not sent again with each change of its state."""
    large = replace(a_record(), request=b"x" * LARGEST)
    started = replace(large, status=Status.STARTED, run_id="r", finished_at=NOW)

    assert set(changes(large, started)) == {"status", "runId", "finishedAt"}


@pytest.mark.parametrize(
    ("length", "sizes"),
    [
        (0, [0]),
        (1, [1]),
        (65_536, [65_536]),
        (65_537, [65_536, 1]),
        (LARGEST, [65_536] * 8),
    ],
)
def test_a_request_lies_in_pieces_of_64_kib(length: int, sizes: list[int]) -> None:
    """That is what a binary property holds."""
    entity = encode(replace(a_record(), request=b"x" * length))
    pieces = [
        value for name, value in entity.items() if name.startswith("request") and name[7:].isdigit()
    ]

    assert [len(piece) for piece in pieces if isinstance(piece, bytes)] == sizes


def test_a_shorter_request_leaves_no_piece_of_a_longer_one() -> None:
    """Each piece that was there is overwritten: a secret may stand in it."""
    long = replace(a_record(), request=b"s" * 200_000)
    merged = encode(long) | changes(long, replace(long, request=b"{}"))

    pieces = {name: value for name, value in merged.items() if isinstance(value, bytes)}
    assert pieces == {"request0": b"{}", "request1": b"", "request2": b"", "request3": b""}


@pytest.mark.parametrize("filler", ["a", "é", "複", "😀", '"', "\x01"])
def test_the_largest_record_fits_into_an_entity(filler: str) -> None:
    """By Azure's own formula, with every field at its bound; Azurite would not tell."""
    text = filler * (2**15)
    error = CloudError(
        code="C", message=text[:8_000], details=(CloudError(code="D", message=text),) * 99
    )
    record = Record(
        request_id="r" * 200,
        generation=2**40,
        status=Status.REJECTED,
        pipeline_name=filler * 260,
        workspace=filler * 260,
        endpoint="https://" + "e" * 250,
        request=json.dumps({"parameters": filler * LARGEST}, ensure_ascii=False).encode()[:LARGEST],
        redacted=True,
        fingerprint="f" * 64,
        client_request_id="c" * 36,
        delivery=Delivery(
            id=filler * 400,
            source=Source.POISON,
            correlation_id=filler * 200,
            traceparent="t" * 200,
            duplicate=True,
        ),
        principal=filler * 300,
        received_at=NOW,
        changed_at=NOW,
        finished_at=NOW,
        first_sent_at=NOW,
        attempts=2**40,
        wait_seconds=1.5,
        run_id=filler * 400,
        error=error,
        http_status=400,
        service_request_id=text,
        service_correlation_id=text,
        history=tuple(
            Entry(at=NOW + timedelta(microseconds=1), event=filler * 300, detail=filler * 300)
            for _ in range(24)
        ),
    )

    entity = {**encode(record), LEASE_OWNER: "o" * 32}
    size = entity_size(entity, "record")

    assert size < MIB * 0.9
    assert all(
        columns.units(value) <= 32_768 for value in entity.values() if isinstance(value, str)
    )
