"""The `runaudit` table in memory."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from itertools import batched, groupby
from operator import itemgetter
from typing import override

from shared.adapters.storage.audit_entity import day, keys
from shared.ports import Audit, AuditKey
from shared.runs.audit_entry import AuditEntry, Event
from shared.runs.audit_query import Page, Wanted
from tests.fakes.mishaps import Mishaps


class FakeAudit(Audit):
    """`entries` has what was appended, in that order; pages have at most `page_size` entries."""

    def __init__(self, *, page_size: int = 1000) -> None:
        self._page_size = page_size
        self._rows: dict[tuple[str, str], AuditEntry] = {}
        self.mishaps = Mishaps()

    @property
    def entries(self) -> list[AuditEntry]:
        return list(self._rows.values())

    @override
    async def append(self, entry: AuditEntry) -> None:
        async with self.mishaps.around("append"):
            self._rows[keys(entry)] = entry

    @override
    async def oldest(self, before: datetime) -> AsyncGenerator[list[AuditKey]]:
        found = sorted(
            (
                AuditKey(
                    partition=partition,
                    row=row,
                    request_id=entry.request_id,
                    at=entry.at,
                    is_outcome=entry.event is Event.OUTCOME,
                )
                for (partition, row), entry in self._rows.items()
                if entry.at < before
            ),
            key=lambda kept: (day(kept.at), kept.partition, kept.row),
        )
        for _, partition in groupby(found, key=lambda kept: kept.partition):
            for page in batched(partition, self._page_size, strict=False):
                async with self.mishaps.around("oldest"):
                    kept = list(page)
                yield kept

    @override
    async def delete(self, entries: list[AuditKey]) -> None:
        async with self.mishaps.around("delete"):
            for entry in entries:
                self._rows.pop((entry.partition, entry.row), None)

    @override
    async def page(self, wanted: Wanted) -> Page:
        async with self.mishaps.around("page"):
            rows = sorted(
                ((row, entry) for (_, row), entry in self._rows.items()), key=itemgetter(0)
            )
            return _page(wanted, [one for one in rows if _in_span(wanted, *one)])


def _in_span(wanted: Wanted, row: str, entry: AuditEntry) -> bool:
    begun = wanted.since is None or entry.at >= wanted.since
    return begun and entry.at < wanted.until and row > (wanted.after or "")


def _page(wanted: Wanted, rows: list[tuple[str, AuditEntry]]) -> Page:
    entries: list[AuditEntry] = []
    end = wanted.after
    for row, entry in rows[: wanted.most_read]:
        if len(entries) == wanted.top:
            return Page(entries=tuple(entries), end=end)
        end = row
        if wanted.matches(entry):
            entries.append(replace(entry, parameters=None))
    full = len(entries) == wanted.top or len(rows) > wanted.most_read
    return Page(entries=tuple(entries), end=end if full else None)
