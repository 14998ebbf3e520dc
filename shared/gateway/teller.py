"""Tells how runs ended: outcome → message → audit → out of the index.

The outcome is inserted if its generation has none; if one stands, that is the news. A process that dies in between leaves
the run in the index, and it is told again: with the same id, and the same entry in the audit.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Final

from shared.gateway import outcome_log
from shared.gateway.run_looks import Budget, RunLooks, Seen
from shared.gateway.tracking import FollowPorts
from shared.kernel import log_line
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import RecordUnreadable
from shared.ports import Audit, Clock
from shared.redaction import redact as redaction
from shared.runs import audit_entry, outcome as outcomes
from shared.runs.open_run import OpenRun
from shared.runs.outcome import End, RecordedOutcome, RunEnd, RunOutcome
from shared.synapse import run_row

AT_ONCE: Final = 16
#: Seconds after its end for which a failed run may not show its failed activities yet.
_SETTLES: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run of the index that has ended, as a look showed it, or as it is to be told."""

    run_id: str
    what: Seen | RunEnd


class Teller:
    """Tells the ends of runs, and takes them out of the index."""

    def __init__(
        self,
        *,
        clock: Clock,
        ports: FollowPorts,
        audit: Audit,
        looks: RunLooks,
    ) -> None:
        self._clock = clock
        self._open_runs = ports.open_runs
        self._outcomes = ports.outcomes
        self._messages = ports.messages
        self._audit = audit
        self._looks = looks

    async def tell(self, endpoint: str, ended: Sequence[Ended], budget: Budget) -> set[str]:
        """Tell how runs ended; return those that are told, or can't be. The others are left to the next visit."""
        told: set[str] = set()
        for some in batched(ended, AT_ONCE, strict=False):
            done = await asyncio.gather(
                *(self._tell_one(endpoint, one, budget) for one in some), return_exceptions=True
            )
            new = {one.run_id for one, result in zip(some, done, strict=True) if result is True}
            if new:
                await self._open_runs.remove(endpoint, sorted(new))
            # A row that can't be read stays in the index, and holds no other back.
            told |= {one.run_id for one, result in zip(some, done, strict=True) if result is None}
            told |= new
            for result in done:
                if isinstance(result, BaseException):
                    raise result
        return told

    async def _tell_one(self, endpoint: str, ended: Ended, budget: Budget) -> bool | None:
        try:
            return await self._tell_run(endpoint, ended, budget)
        except RecordUnreadable as error:  # left for a newer version, or for a person to look at
            log_line.write(logging.ERROR, "open_run_unreadable", runId=ended.run_id, reason=error)
            return None

    async def _tell_run(self, endpoint: str, ended: Ended, budget: Budget) -> bool:
        stored = await self._open_runs.get(endpoint, ended.run_id)
        if stored is None:
            return True  # another follower has told it
        run, what = stored.run, ended.what
        end = await self._end(run, what, budget) if isinstance(what, Seen) else what
        if end is None:
            return False
        await self.tell_end(run, end)
        return True

    async def tell_end(self, run: OpenRun, end: RunEnd) -> RunOutcome:
        """Tell how one run ended; return what stands."""
        now = self._clock.now()
        recorded = await self._outcomes.record(
            RecordedOutcome(
                outcome=outcomes.of_run(run, end), delivery_id=run.delivery.id, recorded_at=now
            )
        )
        await asyncio.gather(
            self._publish(recorded), self._audit.append(audit_entry.of_outcome(recorded, run))
        )
        outcome_log.ended(recorded.outcome, now)
        return recorded.outcome

    async def _publish(self, recorded: RecordedOutcome) -> None:
        if self._messages is not None:
            await self._messages.publish(recorded.outcome)

    async def _end(self, run: OpenRun, seen: Seen, budget: Budget) -> RunEnd | None:
        """Return how a run ended; None if what failed in it does not show yet."""
        row, end = seen.row, End(seen.row.status)
        details: tuple[CloudError, ...] = ()
        if end is End.FAILED and budget.spend_on_details():
            found = await self._looks.failed_activities(run.endpoint, row, seen.at)
            if found == () and _has_just_ended(seen):
                return None
            details = found or ()
        return RunEnd(
            end=end,
            error=await _error(seen, end, details),
            run_group_id=row.group_id,
            run_start=row.run_start,
            run_end=row.run_end,
            duration_ms=row.duration_ms,
            monitor_url=run_row.monitor_url(row, run.endpoint),
        )


async def _error(seen: Seen, end: End, details: tuple[CloudError, ...]) -> CloudError | None:
    """Return why a run did not succeed, without the secrets among its parameters."""
    match end:
        case End.FAILED:
            code, unsaid = Code.RUN_FAILED, "The run failed. Synapse gives no reason."
        case End.CANCELLED:
            code, unsaid = Code.RUN_CANCELLED, "The run was cancelled."
        case _:
            return None
    error = CloudError(code=code, message=seen.row.message or unsaid, details=details)
    kept = await redaction.redact(seen.row.parameters)
    return await redaction.cut_error(error, kept.secrets)


def _has_just_ended(seen: Seen) -> bool:
    ended: datetime | None = seen.row.run_end
    return ended is not None and (seen.at - ended).total_seconds() < _SETTLES
