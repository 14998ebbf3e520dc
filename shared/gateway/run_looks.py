"""The follower's looks at a workspace, through a lane of their own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.gateway import following
from shared.gateway.following import Trouble, Window
from shared.gateway.throttle import Throttle
from shared.kernel import cloud_error, strict_json
from shared.kernel.cloud_error import CloudError
from shared.ports import Clock, Pipelines
from shared.synapse import activity_row, retry, run_row
from shared.synapse.reply import Answer, Lost, is_absent, is_same_id
from shared.synapse.run_list import RunList
from shared.synapse.run_row import RunRow

#: Seconds that a visit may take: its next message is hidden for twice as long.
LONGEST_VISIT: Final = 60.0


class Budget:
    """What is left to a visit: calls, and time."""

    def __init__(self, clock: Clock, calls: int) -> None:
        self._clock = clock
        self._until = clock.monotonic() + LONGEST_VISIT
        self._left = calls
        self._half = calls // 2

    def spend(self) -> bool:
        """Take one call; False if none is left, or the time is up."""
        if self._left <= 0 or self._clock.monotonic() >= self._until:
            return False
        self._left -= 1
        return True

    def spend_on_details(self) -> bool:
        """Take one call for what is only good to know: half of them are kept for what must be known."""
        return self._left > self._half and self.spend()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A run as a look showed it."""

    row: RunRow
    at: datetime  #: when, by Synapse's clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Synapse answered that it knows no such run."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """An answer that says nothing about this run, nor about others."""

    error: CloudError


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of runs that ended."""

    rows: tuple[RunRow, ...]
    token: str | None  #: continues the list
    at: datetime  #: when it was given, by Synapse's clock


class RunLooks:
    """Looks at runs on behalf of nobody: what it sees is told by `teller.py`."""

    def __init__(self, *, clock: Clock, pipelines: Pipelines, throttle: Throttle) -> None:
        self._clock = clock
        self._pipelines = pipelines
        self._throttle = throttle

    async def run(
        self, endpoint: str, run_id: str, pipeline_name: str
    ) -> Seen | Unseen | Odd | Trouble:
        """Look at one run; one of another pipeline is not the one that was asked for."""
        answer = await self._ask(endpoint, lambda: self._pipelines.get_run(endpoint, run_id))
        if not isinstance(answer, Answer):
            return answer
        at = self._time(answer)
        if is_absent(answer):
            return Unseen(at=at)
        row = run_row.read(_content(answer)) if answer.status == 200 else None
        if row is None or not is_same_id(row.run_id, run_id):
            return Odd(error=cloud_error.read(answer.body, http_status=answer.status))
        is_ours = row.pipeline_name.casefold() == pipeline_name.casefold()
        return Seen(row=row, at=at) if is_ours else Unseen(at=at)

    async def page(self, endpoint: str, window: Window, token: str | None) -> Page | Odd | Trouble:
        """Read one page of the runs that ended."""
        body = following.query(window, token)
        answer = await self._ask(endpoint, lambda: self._pipelines.query_runs(endpoint, body))
        if not isinstance(answer, Answer):
            return answer
        if answer.status != 200:
            return Odd(error=cloud_error.read(answer.body, http_status=answer.status))
        listed = RunList(answer.body)
        try:
            rows = [row async for item in listed if (row := run_row.read(item))]
        except strict_json.Unreadable as error:
            return Odd(
                error=CloudError(code=cloud_error.Code.UNREADABLE_RESPONSE, message=str(error))
            )
        more = listed.fields.get("continuationToken")
        return Page(
            rows=tuple(rows),
            token=more if isinstance(more, str) and more else None,
            at=self._time(answer),
        )

    async def failed_activities(
        self, endpoint: str, row: RunRow, at: datetime
    ) -> tuple[CloudError, ...] | None:
        """Return what failed in a run; None if that can't be found out now."""
        body = following.activities_query(row, at)
        answer = await self._ask(
            endpoint,
            lambda: self._pipelines.query_activities(endpoint, row.pipeline_name, row.run_id, body),
        )
        if not isinstance(answer, Answer) or answer.status != 200:
            return None
        rows = (_content(answer) or {}).get("value")
        return activity_row.read(rows) if isinstance(rows, list) else None

    async def _ask(
        self, endpoint: str, send: Callable[[], Awaitable[Answer | Lost]]
    ) -> Answer | Trouble:
        outcome = await self._throttle.follows(endpoint).ask(send)
        return following.trouble(outcome, self._clock.now())

    def _time(self, answer: Answer) -> datetime:
        return retry.answered_at(answer.headers) or self._clock.now()


def _content(answer: Answer) -> dict[str, Any] | None:
    try:
        return strict_json.parse(answer.body)
    except strict_json.Unreadable:
        return None
