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
from shared.gateway.following import HISTORY
from shared.gateway.tracking import FollowPorts
from shared.kernel import log_line
from shared.kernel.errors import RecordUnreadable
from shared.ports import Audit, Clock, Records, VersionedRecord
from shared.runs.open_run import of_record
from shared.runs.record import FINAL, Record

DAY: Final = 86_400.0
AT_ONCE: Final = 16  # records that are read together


class Retention:
    """Deletes what is older than RETENTION_DAYS, in steps that may stop anywhere."""

    def __init__(
        self,
        *,
        clock: Clock,
        records: Records,
        ports: FollowPorts,
        audit: Audit,
        settings: Settings,
    ) -> None:
        self._clock = clock
        self._records = records
        self._outcomes = ports.outcomes
        self._open_runs = ports.open_runs
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
                ended = {entry.request_id for entry in page if entry.is_outcome}
                named = {entry.request_id for entry in page if entry.request_id}
                left = await self._forget({name: name in ended for name in named})
                old = [entry for entry in page if entry.request_id not in left]
                await self._audit.delete(old)
                deleted += len(old)
                if self._clock.monotonic() - started >= budget:
                    break
        log_line.write(logging.INFO, "retention_swept", deleted=deleted)
        return deleted

    async def forget_run(self, endpoint: str, run_id: str) -> None:
        """Delete an open run that no look shows any longer, and the record that was kept for it."""
        try:
            stored = await self._open_runs.get(endpoint, run_id)
            record = await self._records.get(stored.run.request_id) if stored else None
        except RecordUnreadable:
            return  # left for a person to look at
        if stored is None or stored.age < max(HISTORY, self._days) * DAY:
            return
        run = stored.run
        log_line.write(
            logging.ERROR,
            "open_run_forgotten",
            requestId=run.request_id,
            runId=run_id,
            days=round(stored.age / DAY),
        )
        if record is not None and record.record.generation == run.generation:
            await self._delete(record)
        await self._open_runs.remove(endpoint, [run_id])

    async def _forget(self, request_ids: dict[str, bool]) -> set[str]:
        """Delete expired records; return those that expire within a day and need their entry until then.

        A host dates an entry and the service a record, to the second: they may differ a little.

        Args:
            request_ids: each with whether an entry of an outcome names it.
        """
        left: set[str] = set()
        for some in batched(sorted(request_ids), AT_ONCE, strict=False):
            needed = await asyncio.gather(
                *(self._forget_one(one, has_outcome=request_ids[one]) for one in some)
            )
            left.update(compress(some, needed))
        return left

    async def _forget_one(self, request_id: str, *, has_outcome: bool) -> bool:
        """Delete a record if it has expired; return whether it expires within a day."""
        try:
            stored = await self._records.get(request_id)
        except RecordUnreadable:
            return False  # left for a person to look at
        if stored is None:
            if has_outcome:  # of a run that ended when its record was gone
                await self._outcomes.forget(request_id)
            return False
        if stored.record.status not in FINAL:
            return False
        if stored.age < self._days * DAY:
            return stored.age >= (self._days - 1) * DAY
        if not await self._is_awaited(stored.record):
            await self._delete(stored)
        return False

    async def _is_awaited(self, record: Record) -> bool:
        """Return whether a record is kept for its run: it has not ended, or not as long ago.

        The audit entry of its outcome, which is still to come or younger, will name the record again.
        """
        if of_record(record, self._clock.now()) is None:
            return False
        recorded = await self._outcomes.get(record.request_id, record.generation)
        oldest = self._clock.now() - timedelta(days=self._days)
        return recorded is None or recorded.recorded_at > oldest

    async def _delete(self, stored: VersionedRecord) -> None:
        """Delete a record, unless it was changed meanwhile, and then its outcomes."""
        record = stored.record
        may_have_outcomes = record.followed or record.generation > 1
        if await self._records.delete(stored) and may_have_outcomes:
            await self._outcomes.forget(record.request_id)
