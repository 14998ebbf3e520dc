"""The form of an audit entry in the `runaudit` table: newest first, and read without a scan.

    PartitionKey  20261124-2          the day in UTC, and one of four shards
    RowKey        251622…-5f0e9a53…   microseconds left until the year 10000, and a hash of its request and delivery

Azure returns rows in the order of their keys: within a partition the newest are first.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.adapters.storage import columns
from shared.adapters.storage.columns import Column, Entity
from shared.runs.audit_entry import AuditEntry, Event
from shared.runs.delivery import Source
from shared.runs.outcome import End
from shared.runs.result import ResultStatus

# One account's 20,000 operations a second are 5,000 audit entries a second, and a partition takes 2,000.
SHARDS: Final = 4
SCHEMA_VERSION: Final = 1
_END: Final = datetime.max.replace(tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

#: Every field of an entry but its error and its content; fields without a value are left out.
FIELDS: Final[Mapping[str, Column]] = {
    "at": columns.TIME,
    "event": columns.member(Event),
    "outcome": columns.member(End),
    "request_id": columns.TEXT,
    "generation": columns.INT,
    "delivery_id": columns.TEXT,
    "source": columns.member(Source),
    "principal": columns.TEXT,
    "object_id": columns.TEXT,
    "application_id": columns.TEXT,
    "caller_name": columns.TEXT,
    "pipeline_name": columns.TEXT,
    "workspace": columns.TEXT,
    "parameters": columns.TEXT,
    "fingerprint": columns.TEXT,
    "status": columns.member(ResultStatus),
    "run_id": columns.TEXT,
    "http_status": columns.INT,
    "service_request_id": columns.TEXT,
    "service_correlation_id": columns.TEXT,
    "client_request_id": columns.TEXT,
    "attempts": columns.INT,
    "duplicate": columns.FLAG,
    "duration_ms": columns.LONG,
    "correlation_id": columns.TEXT,
    "traceparent": columns.TEXT,
}


def day(at: datetime) -> str:
    """Return the day of a time, in UTC, as YYYYMMDD."""
    # Not strftime, which writes the year 1 as "1".
    return at.astimezone(UTC).date().isoformat().replace("-", "")


def partitions(of_day: str) -> tuple[str, ...]:
    """Return the names of a day's partitions."""
    return tuple(f"{of_day}-{shard}" for shard in range(SHARDS))


def row_bound(at: datetime) -> str:
    """Return the row key that sorts before those of a time and after those of any later one."""
    return f"{(_END - at.astimezone(UTC)) // _MICROSECOND:018d}"


def time_of(row: str) -> datetime:
    """Read the time from a RowKey. Raises ValueError or OverflowError for a foreign one."""
    left, _, owner = row.partition("-")
    if len(left) != 18 or not owner:
        msg = "Not the key of an audit entry."
        raise ValueError(msg)
    return _END - int(left) * _MICROSECOND


def keys(entry: AuditEntry) -> tuple[str, str]:
    """Return the partition and the row of an entry: the same each time it is written."""
    names: list[object] = [entry.request_id, entry.delivery_id]
    if entry.event is Event.OUTCOME:
        names += [entry.event, entry.generation]
    owner = hashlib.sha256(json.dumps(names).encode()).hexdigest()
    shard = int(owner[:8], 16) % SHARDS
    return f"{day(entry.at)}-{shard}", f"{row_bound(entry.at)}-{owner[:16]}"


def encode(entry: AuditEntry) -> Entity:
    """Write an entry as its entity."""
    partition, row = keys(entry)
    present = {name: getattr(entry, name) for name in FIELDS}
    entity: Entity = {
        "PartitionKey": partition,
        "RowKey": row,
        "schemaVersion": SCHEMA_VERSION,
        **{
            columns.name_of(name): FIELDS[name].write(value)
            for name, value in present.items()
            if value is not None
        },
    }
    if entry.error is not None:
        entity["errorCode"] = columns.fit(entry.error.code)
        entity["error"] = columns.ERROR.write(entry.error)
    if entry.content is not None:
        entity["contentLength"] = columns.LONG.write(entry.content.length)
        entity["contentSha256"] = entry.content.sha256
    return entity
