"""The form of a record in the `runs` table: one entity, with columns readable in Storage Explorer."""

import hashlib
from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any, Final

from pydantic import ValidationError

from shared.adapters.storage import columns
from shared.adapters.storage.columns import Column, Entity
from shared.kernel.errors import RecordUnreadable
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Record, Status

ROW_KEY: Final = "record"
LEASE_OWNER: Final = "leaseOwner"
SCHEMA_VERSION: Final = 1

#: Every field of a record but its request and its delivery; the column's name is the field's in camelCase.
FIELDS: Final[Mapping[str, Column]] = {
    "request_id": columns.TEXT,
    "generation": columns.INT,
    "status": columns.member(Status),
    "pipeline_name": columns.TEXT,
    "workspace": columns.TEXT,
    "endpoint": columns.TEXT,
    "redacted": columns.FLAG,
    "fingerprint": columns.TEXT,
    "client_request_id": columns.TEXT,
    "nonce": columns.added(columns.optional(columns.TEXT), absent=""),
    "principal": columns.TEXT,
    "followed": columns.added(columns.FLAG, absent=False),
    "received_at": columns.TIME,
    "changed_at": columns.TIME,
    "finished_at": columns.optional(columns.TIME),
    "first_sent_at": columns.optional(columns.TIME),
    "sent_seconds": columns.added(columns.FLOAT, absent=0.0),
    "may_run": columns.added(columns.FLAG, absent=False),
    "attempts": columns.INT,
    "wait_seconds": columns.FLOAT,
    "waits": columns.added(columns.INT, absent=0),
    "retry_after": columns.added(columns.optional(columns.FLOAT), absent=""),
    "run_id": columns.optional(columns.TEXT),
    "error": columns.optional(columns.ERROR),
    "http_status": columns.optional(columns.INT),
    "service_request_id": columns.optional(columns.TEXT),
    "service_correlation_id": columns.optional(columns.TEXT),
    "history": columns.HISTORY,
}
#: Every field of a record's delivery; the column's name is prefixed with `delivery`.
DELIVERY_FIELDS: Final[Mapping[str, Column]] = {
    "id": columns.TEXT,
    "source": columns.member(Source),
    "correlation_id": columns.optional(columns.TEXT),
    "traceparent": columns.optional(columns.TEXT),
    "duplicate": columns.FLAG,
}


def partition_key(name: str) -> str:
    """Return a valid key for any name, one that spreads entities over all partitions."""
    return hashlib.sha256(name.encode()).hexdigest()


def encode(record: Record) -> Entity:
    """Write a record as its entity's properties."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        **columns.write_fields(record, FIELDS),
        **columns.write_fields(record.delivery, DELIVERY_FIELDS, "delivery_"),
        **_chunks(record.request),
    }


def changes(before: Record, after: Record) -> Entity:
    """Return the properties to merge. Chunks left over from a longer request are overwritten as empty."""
    return {
        **_changed(before, after, FIELDS),
        **_changed(before.delivery, after.delivery, DELIVERY_FIELDS, "delivery_"),
        **_changed_chunks(before.request, after.request),
    }


def decode(row: Mapping[str, object]) -> Record:
    """Read a record. Raises `RecordUnreadable`, naming the column and no value."""
    if row.get("schemaVersion") != SCHEMA_VERSION:
        msg = "The column schemaVersion is missing, or another version of the gateway wrote it."
        raise RecordUnreadable(msg)
    fields = columns.read_fields(row, FIELDS)
    fields["retry_after"] = _retry_after(fields)
    return Record(**fields, delivery=read_delivery(row), request=_joined(row))


def _retry_after(fields: Mapping[str, Any]) -> float | None:
    """Return when the caller of a withdrawn request may ask again; None for any other record.

    Version 0.1.0, which may run beside this one, keeps a withdrawal in the last line of the history and in
    waitSeconds. It neither sets nor clears retryAfter, so that column alone says nothing.
    """
    history = fields["history"]
    if fields["status"] is not Status.FAILED or not history or history[-1].event != "withdrawn":
        return None
    return float(fields["wait_seconds"] or fields["retry_after"] or 0.0)


def _changed(
    before: object, after: object, fields: Mapping[str, Column], prefix: str = ""
) -> Entity:
    return {
        columns.name_of(prefix + name): column.write(value)
        for name, column in fields.items()
        if (value := getattr(after, name)) != getattr(before, name)
    }


def read_delivery(row: Mapping[str, object]) -> Delivery:
    """Read a delivery. Raises `RecordUnreadable`, naming the column and no value."""
    try:
        return Delivery(**columns.read_fields(row, DELIVERY_FIELDS, "delivery_"))
    except ValidationError as error:
        name = columns.name_of(f"delivery_{error.errors()[0]['loc'][0]}")
        msg = f"The column {name} contains what this version can't read."
        raise RecordUnreadable(msg) from None


def _chunks(request: bytes) -> Entity:
    size = columns.MAX_BINARY
    starts = range(0, max(1, len(request)), size)
    return {f"request{i}": request[start : start + size] for i, start in enumerate(starts)}


def _changed_chunks(before: bytes, after: bytes) -> Entity:
    if before == after:
        return {}
    old, new = _chunks(before), _chunks(after)
    left_behind: Entity = dict.fromkeys(old.keys() - new.keys(), b"")
    return {name: value for name, value in (new | left_behind).items() if old.get(name) != value}


def _joined(row: Mapping[str, object]) -> bytes:
    names = takewhile(row.__contains__, (f"request{i}" for i in count()))
    parts = [columns.read(row, name, columns.BYTES) for name in names]
    if not parts:
        msg = "The column request0 is missing."
        raise RecordUnreadable(msg)
    return b"".join(parts)
