"""The forms of open runs, chains and outcomes in the `runs` table.

PartitionKey                             RowKey                  holds
open-<workspace key, cut>-<shard of 4>   the run's id            an open run
follow                                   the workspace's key     the chain of its follower
<SHA-256 of the request's id>            outcome-<generation>    how a run ended, beside its record
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from shared.adapters.storage import columns
from shared.adapters.storage.columns import Column, Entity
from shared.adapters.storage.record_entity import (
    DELIVERY_FIELDS,
    partition_key,
    read_delivery,
)
from shared.following_ports import Chain
from shared.kernel.errors import RecordUnreadable
from shared.runs.delivery import Source
from shared.runs.identity import workspace_key
from shared.runs.open_run import Listed, OpenRun
from shared.runs.outcome import End, RecordedOutcome, RunOutcome

SCHEMA_VERSION: Final = 1
SHARDS: Final = 4
LONGEST: Final = 366 * 86_400.0  #: seconds that a run may have been sent before its row was written
CHAINS: Final = "follow"
OPEN: Final = "open-"
BEYOND_OPEN: Final = "open."  #: sorts after every partition of open runs
OUTCOME: Final = "outcome-"
BEYOND_OUTCOME: Final = "outcome."

_KEY: Final = re.compile(r"[A-Za-z0-9._~-]{1,200}")

_LISTED: Final[Mapping[str, Column]] = {
    "run_id": columns.TEXT,
    "pipeline_name": columns.TEXT,
    "missing": columns.INT,
    "missing_since": columns.optional(columns.TIME),
}
#: Every field of an open run but its delivery; the counts of `Listed` stand beside them.
_RUN: Final[Mapping[str, Column]] = {
    "run_id": columns.TEXT,
    "request_id": columns.TEXT,
    "generation": columns.INT,
    "pipeline_name": columns.TEXT,
    "workspace": columns.TEXT,
    "endpoint": columns.TEXT,
    "principal": columns.TEXT,
    "sent_before": columns.FLOAT,
}
_CHAIN: Final[Mapping[str, Column]] = {
    "endpoint": columns.TEXT,
    "token": columns.TEXT,
    "delay": columns.FLOAT,
    "waited": columns.FLOAT,
    "lived": columns.FLOAT,
    "mark": columns.optional(columns.TIME),
    "span": columns.optional(columns.FLOAT),
    "idle": columns.FLOAT,
    "refused_since": columns.optional(columns.TIME),
}
_OUTCOME: Final[Mapping[str, Column]] = {
    "outcome_id": columns.TEXT,
    "request_id": columns.TEXT,
    "generation": columns.INT,
    "run_id": columns.TEXT,
    "run_group_id": columns.optional(columns.TEXT),
    "outcome": columns.member(End),
    "error": columns.optional(columns.ERROR),
    "pipeline_name": columns.TEXT,
    "workspace": columns.TEXT,
    "run_start": columns.optional(columns.TIME),
    "run_end": columns.optional(columns.TIME),
    "duration_ms": columns.optional(columns.LONG),
    "source": columns.member(Source),
    "correlation_id": columns.optional(columns.TEXT),
    "traceparent": columns.optional(columns.TEXT),
    "monitor_url": columns.optional(columns.TEXT),
}
_RECORDED: Final[Mapping[str, Column]] = {
    "delivery_id": columns.TEXT,
    "recorded_at": columns.TIME,
}

#: The columns that `read_listed`, `read_run` and `read_outcome` read.
SELECT_LISTED: Final = ("sentBefore", *map(columns.name_of, _LISTED))
SELECT_RUN: Final = (
    "schemaVersion",
    *map(columns.name_of, _RUN),
    *(columns.name_of(f"delivery_{name}") for name in DELIVERY_FIELDS),
)
SELECT_OUTCOME: Final = (
    "schemaVersion",
    *map(columns.name_of, _OUTCOME),
    *map(columns.name_of, _RECORDED),
)


def partition_of(endpoint: str, run_id: str) -> str:
    """Return the partition of an open run."""
    shard = int(hashlib.sha256(run_id.encode()).hexdigest()[:8], 16) % SHARDS
    return f"{_prefix(endpoint)}{shard}"


def bounds(endpoint: str) -> tuple[str, str]:
    """Return the first and the last partition of a workspace's open runs."""
    return f"{_prefix(endpoint)}0", f"{_prefix(endpoint)}{SHARDS - 1}"


def row_of(run_id: str) -> str:
    """Return the row key of an open run: its id, which is a GUID wherever Synapse has been seen."""
    return run_id if _KEY.fullmatch(run_id) else hashlib.sha256(run_id.encode()).hexdigest()


def outcome_row(generation: int) -> str:
    """Return the row key of an outcome."""
    return f"{OUTCOME}{generation}"


def write_run(run: OpenRun) -> Entity:
    """Write an open run."""
    return {
        "PartitionKey": partition_of(run.endpoint, run.run_id),
        "RowKey": row_of(run.run_id),
        "schemaVersion": SCHEMA_VERSION,
        **columns.write_fields(run, _RUN),
        **columns.write_fields(run.delivery, DELIVERY_FIELDS, "delivery_"),
        "missing": 0,
        "missingSince": "",
    }


def write_missing(endpoint: str, run: Listed) -> Entity:
    """Write how many looks found no such run."""
    kept = {name: _LISTED[name] for name in ("missing", "missing_since")}
    return {
        "PartitionKey": partition_of(endpoint, run.run_id),
        "RowKey": row_of(run.run_id),
        **columns.write_fields(run, kept),
    }


def read_run(row: Mapping[str, object]) -> OpenRun:
    """Read an open run. Raises `RecordUnreadable`."""
    _check(row)
    return OpenRun(**columns.read_fields(row, _RUN), delivery=read_delivery(row))


def read_listed(row: Mapping[str, object], timestamp: object) -> Listed:
    """Read what a list shows of an open run. Raises `RecordUnreadable`."""
    added_at = written_at(timestamp)
    seconds = columns.read(row, "sentBefore", columns.FLOAT)
    first_sent_at = added_at - timedelta(seconds=min(seconds, LONGEST))
    fields = columns.read_fields(row, _LISTED)
    return Listed(**fields, first_sent_at=first_sent_at, added_at=added_at)


def written_at(timestamp: object) -> datetime:
    """Read an entity's Timestamp. Raises `RecordUnreadable`."""
    at: datetime = columns.read({"Timestamp": timestamp}, "Timestamp", columns.TIME)
    return at


def write_chain(chain: Chain) -> Entity:
    """Write a chain."""
    return {
        "PartitionKey": CHAINS,
        "RowKey": workspace_key(chain.endpoint),
        "schemaVersion": SCHEMA_VERSION,
        **columns.write_fields(chain, _CHAIN),
    }


def read_chain(row: Mapping[str, object]) -> Chain:
    """Read a chain; one that can't be read counts as ended, and begins again."""
    try:
        _check(row)
        return Chain(**columns.read_fields(row, _CHAIN))
    except RecordUnreadable:
        return Chain(endpoint="", token="", delay=0.0)


def write_outcome(recorded: RecordedOutcome) -> Entity:
    """Write an outcome."""
    outcome = recorded.outcome
    return {
        "PartitionKey": partition_key(outcome.request_id),
        "RowKey": outcome_row(outcome.generation),
        "schemaVersion": SCHEMA_VERSION,
        **columns.write_fields(outcome, _OUTCOME),
        **columns.write_fields(recorded, _RECORDED),
    }


def read_outcome(row: Mapping[str, object]) -> RecordedOutcome:
    """Read an outcome. Raises `RecordUnreadable`."""
    _check(row)
    outcome = RunOutcome(**columns.read_fields(row, _OUTCOME))
    return RecordedOutcome(outcome=outcome, **columns.read_fields(row, _RECORDED))


def _prefix(endpoint: str) -> str:
    return f"{OPEN}{workspace_key(endpoint)[:32]}-"


def _check(row: Mapping[str, object]) -> None:
    if row.get("schemaVersion") != SCHEMA_VERSION:
        msg = "The column schemaVersion is missing, or another version of the gateway wrote it."
        raise RecordUnreadable(msg)
