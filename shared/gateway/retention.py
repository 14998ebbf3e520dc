"""Deletes expired audit entries and records.

The audit is in time order, so no table is ever scanned. A record is deleted with the audit entry that names
it, unless it is open or was changed since: then a later entry names it again.
"""

import asyncio
import logging
from contextlib import aclosing
from datetime import timedelta
from itertools import batched, compress
from typing import Final

from shared.config.settings import Settings
from shared.kernel import log_line
from shared.kernel.errors import RecordUnreadable
from shared.ports import Audit, Clock, Records
from shared.runs.record import FINAL

DAY: Final = 86_400.0
AT_ONCE: Final = 16  # records that are read together


class Retention:
    """Deletes what is older than RETENTION_DAYS, in steps that may stop anywhere."""

    def __init__(self, *, clock: Clock, records: Records, audit: Audit, settings: Settings) -> None:
        self._clock = clock
        self._records = records
        self._audit = audit
        self._days = settings.retention_days

    async def sweep(self, budget: float) -> int:
        """Delete for about `budget` seconds at most; return how many audit entries were deleted."""
        if self._days == 0:
            return 0
        started, deleted = self._clock.monotonic(), 0
        before = self._clock.now() - timedelta(days=self._days)
        async with aclosing(self._audit.oldest(before)) as pages:
            async for page in pages:
                left = await self._forget({entry.request_id for entry in page if entry.request_id})
                old = [entry for entry in page if entry.request_id not in left]
                await self._audit.delete(old)
                deleted += len(old)
                if self._clock.monotonic() - started >= budget:
                    break
        log_line.write(logging.INFO, "retention_swept", deleted=deleted)
        return deleted

    async def _forget(self, request_ids: set[str]) -> set[str]:
        """Delete expired records; return those that expire within a day and need their entry until then.

        A host dates an entry and the service a record, to the second: they may differ a little.
        """
        left: set[str] = set()
        for some in batched(sorted(request_ids), AT_ONCE, strict=False):
            needed = await asyncio.gather(*map(self._forget_one, some))
            left.update(compress(some, needed))
        return left

    async def _forget_one(self, request_id: str) -> bool:
        """Delete a record if it has expired; return whether it expires within a day."""
        try:
            stored = await self._records.get(request_id)
        except RecordUnreadable:
            return False  # left for a person to look at
        if stored is None or stored.record.status not in FINAL:
            return False
        if stored.age >= self._days * DAY:
            await self._records.delete(stored)
            return False
        return stored.age >= (self._days - 1) * DAY
