"""The `runaudit` table: append-only, and read in time order only."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import override

from shared.adapters.storage.account import Account
from shared.adapters.storage.audit_entity import day, encode, partitions, row_bound, time_of
from shared.adapters.storage.audit_listing import Listing
from shared.adapters.storage.facts import Exists
from shared.ports import Audit, AuditKey
from shared.runs.audit_entry import AuditEntry, Event
from shared.runs.audit_query import Page, Wanted


class TableAudit(Audit):
    """Audit entries in Azure Table Storage."""

    def __init__(self, account: Account, table: str) -> None:
        self._account = account
        self._table = table

    @override
    async def append(self, entry: AuditEntry) -> None:
        try:
            await self._account.table(self._table).insert(encode(entry))
        except Exists:
            return  # the same entry: an earlier try of this write landed

    @override
    async def oldest(self, before: datetime) -> AsyncGenerator[list[AuditKey]]:
        last = day(before)
        after = ""
        while found := await self._first_partition(after, partitions(last)[-1]):
            of_day = found[:8]
            # Rows of a partition run from new to old: on the last day, those after the bound are older.
            bound = f" and RowKey gt '{row_bound(before)}~'" if of_day == last else ""
            for partition in partitions(of_day):
                async for page in self._pages(f"PartitionKey eq '{partition}'{bound}"):
                    yield page
            after = max(found, partitions(of_day)[-1])

    @override
    async def delete(self, entries: list[AuditKey]) -> None:
        rows: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for entry in entries:
            rows[entry.partition][entry.row] = None  # a transaction takes each row once
        for partition, of_partition in rows.items():
            await self._account.table(self._table).delete_all(partition, list(of_partition))

    @override
    async def page(self, wanted: Wanted) -> Page:
        return await Listing(self._account.table(self._table), wanted).read()

    async def _first_partition(self, after: str, last: str) -> str | None:
        """Return the first partition in a range; Azure keeps partitions in the order of their keys."""
        query = f"PartitionKey gt '{after}' and PartitionKey le '{last}'"
        table = self._account.table(self._table)
        async with aclosing(table.pages(query, select=("PartitionKey",), size=1)) as pages:
            async for page in pages:
                for row in page:
                    return str(row["PartitionKey"])
        return None

    async def _pages(self, query: str) -> AsyncGenerator[list[AuditKey]]:
        table = self._account.table(self._table)
        columns = ("PartitionKey", "RowKey", "requestId", "event")
        async for page in table.pages(query, select=columns):
            if kept := [entry for row in page if (entry := _kept(row))]:
                yield kept


def _kept(row: Mapping[str, object]) -> AuditKey | None:
    """Read an entry's keys; None for a row that is not ours."""
    key, request_id = str(row["RowKey"]), row.get("requestId")
    try:
        at = time_of(key)
    except (ArithmeticError, ValueError):
        return None
    return AuditKey(
        partition=str(row["PartitionKey"]),
        row=key,
        request_id=request_id if isinstance(request_id, str) else None,
        at=at,
        is_outcome=row.get("event") == Event.OUTCOME,
    )
