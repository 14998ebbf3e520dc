"""What a follower asks of a workspace, what the answers mean, and when it looks again.

A handful of open runs are looked at one by one. Otherwise one query lists what ended since the last look; what it can't show
is looked at by itself: runs that came late into the index, and each run once an hour or so.

Everything here is pure. Windows are in Synapse's time, as its answers give it; no host's clock decides anything but when a
row is too old to keep.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.following_ports import Chain
from shared.gateway import chain as chains
from shared.gateway.throttle import NotAsked
from shared.kernel import cloud_error
from shared.kernel.cloud_error import CloudError, Code
from shared.runs.open_run import Listed
from shared.runs.outcome import End, RunEnd
from shared.synapse import retry
from shared.synapse.reply import Answer, Lost
from shared.synapse.run_row import OPEN_STATUSES, RunRow

FEW: Final = 5  #: open runs, or late ones, that are looked at one by one
MOST_NAMES: Final = (
    20  #: pipelines that a query names; the longest list that Synapse takes is not known
)
#: Seconds of the last window that are read again: Synapse's own clocks differ, and a run shows late under load. Once in
#: LONG_EVERY, many more: at ten ends a second those would be forty pages each time.
OVERLAP: Final = 60.0
LONG_OVERLAP: Final = 400.0
LONG_EVERY: Final = 240.0
#: Seconds between the list of open runs and the first page's answer at which a run that came in between is still found.
UNSEEN: Final = 45.0
SHORTEST_SPAN: Final = 1.0
#: Of 1,000 monitoring queries a minute that a workspace allows (azure-docs, synapse-analytics-limits.md).
CALLS_A_MINUTE: Final = 200
FEWEST_CALLS: Final = 20
#: Seconds whose calls one visit may make at most.
SAVED: Final = 60.0
#: Seconds within which each open run is looked at by itself, and at least one for each of them.
SINGLE_EVERY: Final = 3_600.0
DAY: Final = 86_400.0
LONG_RUN: Final = (
    8 * DAY
)  #: from here on a run is reported as still open, once a day: runs may take weeks

REFUSED: Final = 3_600.0  #: seconds for which looks rest that are refused
THROTTLED: Final = 60.0  #: if the answer names no time: the limit is one of a minute
LOST_LOOKS: Final = 4  #: looks that find no such run, before it counts as lost
LOST_AFTER: Final = 6 * 3_600.0
#: Days for which Synapse keeps a run's history (azure-docs, monitor-programmatically.md).
HISTORY: Final = 45
_APART: Final = 1.5 * 3_600.0  #: seconds between two looks that count
_FAR: Final = "9999-12-31T23:59:59Z"


# What to ask.


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A query for the runs that ended within a time."""

    mark: datetime  #: all that ended before is told, but for what overlaps
    lower: datetime
    upper: datetime | None  #: None: up to the present
    names: tuple[str, ...]  #: of pipelines; empty: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one visit asks."""

    window: Window | None  #: None: every run is looked at by itself
    must: tuple[Listed, ...]  #: looked at by themselves, or the mark stays
    may: tuple[Listed, ...]  #: looked at by themselves, because it is their turn


def plan(runs: Sequence[Listed], chain: Chain, elapsed: float) -> Plan:
    """Decide what to ask.

    Args:
        runs: all open runs; at least one.
        chain: as it was before the visit.
        elapsed: seconds since the last visit.
    """
    if len(runs) <= FEW:
        return Plan(window=None, must=tuple(runs), may=())
    is_long = chain.mark is None or is_turn(chain.lived, elapsed, LONG_EVERY)
    overlap = LONG_OVERLAP if is_long else OVERLAP
    mark = min(run.first_sent_at for run in runs) if chain.mark is None else chain.mark
    lower = mark - timedelta(seconds=overlap)
    seen_by = mark - timedelta(seconds=UNSEEN)
    late = [run for run in runs if run.first_sent_at < lower and run.added_at > seen_by]
    if len(late) > FEW:
        mark, late = min(run.first_sent_at for run in late), []
        lower = mark - timedelta(seconds=LONG_OVERLAP)
    upper = None
    if chain.span is not None:
        lower = max(lower, mark - timedelta(seconds=chain.span))
        upper = mark + timedelta(seconds=chain.span)
    names = sorted({run.pipeline_name for run in runs})
    window = Window(
        mark=mark,
        lower=lower,
        upper=upper,
        names=tuple(names) if len(names) <= MOST_NAMES else (),
    )
    every = max(SINGLE_EVERY, float(len(runs)))
    turn = (run for run in runs if is_turn(chain.lived, elapsed, every, run.run_id))
    return Plan(window=window, must=tuple(late), may=tuple(run for run in turn if run not in late))


def is_turn(lived: float, elapsed: float, every: float, name: str = "") -> bool:
    """Return whether a point in time that comes once in `every` seconds lies within the last `elapsed`.

    Args:
        lived: seconds from the chain's begin to its last visit.
        elapsed: seconds since then.
        every: the period.
        name: shifts the points, so that those of many names are spread.
    """
    shift = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 0x1_0000_0000 * every
    return (lived + elapsed + shift) // every > (lived + shift) // every


def query(window: Window, token: str | None) -> bytes:
    """Return the body of queryPipelineRuns for a page of a window.

    The window and the filters go with every page's token: alone it gives an empty page (azure-rest-api-specs #18369).
    """
    filters = [{"operand": "Status", "operator": "NotIn", "values": list(OPEN_STATUSES)}]
    if window.names:
        names = list(window.names)
        filters.append({"operand": "PipelineName", "operator": "In", "values": names})
    body: dict[str, object] = {
        "lastUpdatedAfter": _instant(window.lower),
        "lastUpdatedBefore": _FAR if window.upper is None else _instant(window.upper),
        "filters": filters,
    }
    if token is not None:
        body["continuationToken"] = token
    return json.dumps(body, ensure_ascii=False).encode()


def activities_query(row: RunRow, now: datetime) -> bytes:
    """Return the body of queryActivityruns for what failed in a run; outside its window the list would be empty."""
    begin = (row.run_start or now) - timedelta(days=1)
    body = {
        "lastUpdatedAfter": _instant(begin),
        "lastUpdatedBefore": _instant(now + timedelta(days=1)),
        "filters": [{"operand": "Status", "operator": "Equals", "values": ["Failed"]}],
    }
    return json.dumps(body).encode()


def calls(elapsed: float) -> int:
    """Return how many calls a visit may make."""
    return max(FEWEST_CALLS, int(min(elapsed, SAVED) * CALLS_A_MINUTE / 60))


def _instant(time: datetime) -> str:
    # With Z: a naive time would be read as another (azure-cli #22733).
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


# What an answer means.


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """Synapse, or the gateway's own throttle, asks to wait."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """The workspace gives no answer that says anything."""

    error: CloudError


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The identity may not look: it lacks Synapse Monitoring Operator, or its token is refused."""

    error: CloudError


Trouble = Throttled | Away | Refused


def trouble(outcome: Answer | Lost | NotAsked, now: datetime) -> Trouble | Answer:
    """Return what keeps a look, and all others at this workspace, from showing anything; else the answer."""
    match outcome:
        case NotAsked(seconds=seconds):
            return Throttled(seconds=seconds)
        case Lost(error=error):
            return Away(error=error)
        case Answer(status=429, headers=headers):
            return Throttled(seconds=retry.retry_after(headers, now) or THROTTLED)
        case Answer(status=401 | 403):
            return Refused(error=_error(outcome))
        case Answer(status=status) if status >= 500 or status == 408:
            return Away(error=_error(outcome))
        case _:
            return outcome


def _error(answer: Answer) -> CloudError:
    return cloud_error.read(answer.body, http_status=answer.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """Synapse knows no such run, for good."""

    end: RunEnd


def missed(run: Listed, at: datetime) -> Listed | Gone | None:
    """Decide what it means that a look found no such run.

    Args:
        run: as the index has it.
        at: when, by Synapse's clock.

    Returns:
        What the index is to keep; None for no change.
    """
    since = run.missing_since or at
    seconds = (at - since).total_seconds()
    if run.missing + 1 >= LOST_LOOKS and seconds >= LOST_AFTER:
        hours = seconds / 3_600
        message = f"For {hours:.0f} hours Synapse has answered that it knows no such run."
        return Gone(end=RunEnd(end=End.LOST, error=CloudError(code=Code.RUN_LOST, message=message)))
    if run.missing == 0 or seconds >= run.missing * _APART:
        return replace(run, missing=run.missing + 1, missing_since=since)
    return None


def is_too_old(run: Listed, now: datetime, retention_days: int) -> bool:
    """Return whether a run that no look shows may be forgotten."""
    return retention_days > 0 and now - run.first_sent_at >= timedelta(
        days=max(HISTORY, retention_days)
    )


# When to look again.


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What came of a visit's looks."""

    mark: datetime | None
    span: float | None
    ended: bool = False  #: whether a run ended
    behind: bool = False  #: whether more is known to be there
    trouble: Trouble | None = None


def moved(window: Window, span: float | None, answered_at: datetime) -> Looked:
    """Return the mark after every page of a window was read and told.

    Args:
        window: what was asked.
        span: the chain's.
        answered_at: when the first page was given, by Synapse's clock.
    """
    if span is None or window.upper is None or window.upper >= answered_at:
        return Looked(mark=answered_at, span=None)
    return Looked(mark=window.upper, span=span * 2, behind=True)


def stayed(window: Window, span: float | None, answered_at: datetime) -> Looked:
    """Return the mark after a window that was too wide: it stays, and the next window is half as wide."""
    width = span or (answered_at - window.mark).total_seconds()
    return Looked(mark=window.mark, span=max(SHORTEST_SPAN, width / 2), behind=True)


def after(chain: Chain, looked: Looked, elapsed: float, base: float, now: datetime) -> Chain:
    """Return a chain after a visit.

    Args:
        chain: as it was taken.
        looked: what came of it.
        elapsed: seconds between this visit and the last.
        base: FOLLOW_SECONDS.
        now: for people.
    """
    idle = 0.0 if looked.ended else chain.idle
    pace = base if looked.behind else chains.pace(idle, base)
    if looked.behind and looked.span == SHORTEST_SPAN:
        pace = max(pace, SAVED)  # no window is narrower: only more calls can reach its end
    refused_since = None
    match looked.trouble:
        case Throttled(seconds=seconds):
            pace = max(pace, seconds)
        case Away():
            pace = max(pace, min(chains.SLOWEST, 2 * elapsed))
        case Refused():
            pace = max(pace, REFUSED)
            refused_since = chain.refused_since or now
        case None:
            pass
    return replace(
        chain,
        delay=pace,
        waited=0.0,
        mark=looked.mark,
        span=looked.span,
        idle=idle,
        refused_since=refused_since,
    )
