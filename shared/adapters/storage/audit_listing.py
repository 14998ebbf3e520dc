"""Reads pages of the audit, newest first.

A day's four partitions are merged, each read in pieces that grow while few entries pass the filters. A gap of
days without entries costs its logarithm in queries: see `audit_days`.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

from shared.adapters.storage import columns
from shared.adapters.storage.audit_days import day_before, day_of
from shared.adapters.storage.audit_entity import (
    FIELDS,
    SCHEMA_VERSION,
    day,
    partitions,
    row_bound,
    time_of,
)
from shared.kernel import log_line
from shared.kernel.errors import RecordUnreadable
from shared.runs.audit_entry import AuditEntry, Event
from shared.runs.audit_merge import Merge
from shared.runs.audit_query import POSITION, Page, Wanted
from shared.runs.request import Content

if TYPE_CHECKING:  # aiohttp takes 0.1 s
    from shared.adapters.storage.table import Table

#: Rows that the service returns at once (learn, rest/api/storageservices/query-timeout-and-pagination).
LARGEST: Final = 1000
#: A day takes several queries, however empty it is: it counts as this many entries read.
_DAY_COST: Final = 20

_REQUIRED: Final = ("at", "delivery_id", "source", "status", "attempts", "duplicate", "duration_ms")
#: All but the parameters, which may be large and are shown with the record.
_LISTED: Final = tuple(name for name in FIELDS if name != "parameters")
_SELECT: Final = (
    *("PartitionKey", "RowKey", "schemaVersion", "error", "contentLength", "contentSha256"),
    *map(columns.name_of, _LISTED),
)

type _Row = Mapping[str, object]


class Listing:
    """The reading of one page."""

    def __init__(self, table: "Table", wanted: Wanted) -> None:
        self._table = table
        self._wanted = wanted
        self._entries: list[AuditEntry] = []
        self._end = wanted.after
        self._left = wanted.most_read
        self._piece = max(4, wanted.top // 2)

    async def read(self) -> Page:
        """Read from the end of the previous page until this one is full or enough was read."""
        oldest = day(self._wanted.since) if self._wanted.since else None
        first, begin = self._begin()
        if oldest and first < oldest:  # the span is empty
            return Page(entries=(), end=None)
        if self._wanted.after:
            of_day: str | None = first
        else:
            of_day = await day_of(self._table, first, oldest)
        while of_day:
            if not await self._read_day(of_day, begin if of_day == first else ""):
                return Page(entries=tuple(self._entries), end=self._end)
            self._left -= _DAY_COST
            of_day = await day_before(self._table, of_day, oldest)
        return Page(entries=tuple(self._entries), end=None)

    def _begin(self) -> tuple[str, str]:
        """Return the newest day that may have entries of the page, and the row that they follow."""
        until, after = self._wanted.until, self._wanted.after
        bound = f"{row_bound(until)}~"
        if after is None or after < bound:
            return day(until), bound
        return day(time_of(after)), after

    async def _read_day(self, of_day: str, after: str) -> bool:
        """Read a day; return whether it was read to its end and the page has room for more."""
        since = self._wanted.since
        last = f"{row_bound(since)}~" if since and day(since) == of_day else ""
        async with AsyncExitStack() as open_shards:
            shards = [_Shard(self._table, name, after, last) for name in partitions(of_day)]
            for shard in shards:
                open_shards.push_async_callback(shard.close)
            return await self._merge(shards)

    async def _merge(self, shards: Sequence["_Shard"]) -> bool:
        merge: Merge[_Row] = Merge(len(shards), key=lambda row: str(row["RowKey"]))
        while len(self._entries) < self._wanted.top:
            if needy := merge.needy():
                if self._left < len(needy):
                    return False
                await self._feed(merge, shards, needy)
                continue
            row = merge.take()
            if row is None:
                return True
            self._note(row)
        return False

    async def _feed(
        self, merge: Merge[_Row], shards: Sequence["_Shard"], needy: Sequence[int]
    ) -> None:
        size = min(self._piece, self._left // len(needy))
        pieces = await asyncio.gather(*(shards[shard].more(size) for shard in needy))
        for shard, rows in zip(needy, pieces, strict=True):
            merge.feed(shard, rows)
            self._left -= len(rows)
        self._piece = min(LARGEST, self._piece * 2)

    def _note(self, row: _Row) -> None:
        key = str(row["RowKey"])
        if not re.fullmatch(POSITION, key):
            return  # a row that is not ours
        self._end = key
        try:
            entry = decode(row)
        except RecordUnreadable as error:
            log_line.write(logging.WARNING, "audit_entry_unreadable", reason=error)
            return
        if self._wanted.matches(entry):
            self._entries.append(entry)


class _Shard:
    """One partition from a row on, read in pieces."""

    def __init__(self, table: "Table", partition: str, after: str, last: str) -> None:
        self._table = table
        self._query = f"PartitionKey eq '{partition}'"
        if last:
            self._query += f" and RowKey le '{last}'"
        self._after = after
        self._pages: AsyncGenerator[list[_Row]] | None = None
        self._asked = 0

    async def more(self, size: int) -> list[_Row]:
        """Read the next rows, at most `size` of them; empty at the end."""
        if self._pages is None:
            query = f"{self._query} and RowKey gt '{self._after}'"
            self._pages = self._table.pages(query, select=_SELECT, size=size)
            self._asked = size
        async for page in self._pages:
            if not page:
                continue  # an empty page that is not the last
            self._after = str(page[-1]["RowKey"])
            if len(page) == self._asked:
                await self.close()  # the next piece may have another size
            return page
        return []

    async def close(self) -> None:
        """End the query."""
        if self._pages is not None:
            await self._pages.aclose()
            self._pages = None


def decode(row: _Row) -> AuditEntry:
    """Read an entry without its parameters. Raises `RecordUnreadable`, naming the column."""
    if row.get("schemaVersion") != SCHEMA_VERSION:
        msg = "The column schemaVersion is missing, or another version of the gateway wrote it."
        raise RecordUnreadable(msg)
    # A selected column that a row lacks comes as null.
    fields = {
        name: columns.read(row, columns.name_of(name), FIELDS[name])
        for name in _LISTED
        if name in _REQUIRED or row.get(columns.name_of(name)) is not None
    }
    absent: dict[str, Any] = dict.fromkeys(name for name in FIELDS if name not in fields)
    error = row.get("error") and columns.read(row, "error", columns.ERROR)
    absent["event"] = Event.DELIVERY  # an earlier version wrote no other
    return AuditEntry(**(absent | fields), error=error or None, content=_content(row))


def _content(row: _Row) -> Content | None:
    if row.get("contentSha256") is None:
        return None
    return Content(
        length=columns.read(row, "contentLength", columns.LONG),
        sha256=columns.read(row, "contentSha256", columns.TEXT),
    )
