"""Lists the runs that are followed and have not ended, as pages of the audit list what has."""

import heapq
from collections.abc import AsyncIterator
from contextlib import aclosing

from shared.following_ports import OpenRuns
from shared.runs import audit_entry
from shared.runs.audit_entry import AuditEntry
from shared.runs.audit_query import Page, Wanted, position


class OpenRunList:
    """Reads the whole index for each page: a workspace has at most 10,000 runs at once (learn, synapse-analytics-limits)."""

    def __init__(self, open_runs: OpenRuns) -> None:
        self._open_runs = open_runs

    async def page(self, wanted: Wanted) -> Page:
        """Return one page, the runs started last coming first."""
        listed = [one async for one in self._entries(wanted)]
        # One more than the page takes shows whether another follows.
        found = heapq.nsmallest(wanted.top + 1, listed, key=lambda one: one[0])
        entries = tuple(entry for _, entry in found[: wanted.top])
        end = found[wanted.top - 1][0] if len(found) > wanted.top else None
        return Page(entries=entries, end=end)

    async def _entries(self, wanted: Wanted) -> AsyncIterator[tuple[str, AuditEntry]]:
        async with aclosing(self._open_runs.pages()) as pages:
            async for runs in pages:
                for run, added_at in runs:
                    entry = audit_entry.of_open_run(run, added_at)
                    at = position(entry.at, run.run_id)
                    is_in_span = entry.at < wanted.until and entry.at >= (wanted.since or entry.at)
                    if is_in_span and at > (wanted.after or "") and wanted.matches(entry):
                        yield at, entry
