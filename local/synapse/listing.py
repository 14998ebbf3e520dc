"""The runs as queryPipelineRuns sees them: later than they are, if it lags, and found without a look at all of them.

For each status there is a shelf of the runs that have it, in the order of lastUpdated. Nothing runs in between: a query
first makes up for what has changed since the last one. A run is shown as of a moment of its own (Run.shown), so that its
row, its status and its place always fit together.

The real lag was never measured under load; light load shows none (TestQueryRuns.json, Azure/azure-sdk-for-net).
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
from operator import itemgetter

from local.synapse.runs import Run, Status, last_updated, next_change, status
from local.synapse.wire import NEVER

#: so few idle places on a shelf are not worth a cleaning
IDLE = 100

type Place = tuple[int, Run]  # lastUpdated as shown, and the run

_UPDATED = itemgetter(0)


class _Shelf:
    """The runs of one status. A place whose run has gone elsewhere stays, idle, until there are many."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._taken = 0

    def put(self, place: Place) -> None:
        insort(self._places, place, key=_UPDATED)
        self._taken += 1

    def leave(self) -> None:
        self._taken -= 1
        if len(self._places) > 2 * self._taken + IDLE:
            self._places = [place for place in self._places if place[1].place is place]

    def between(self, first: int, last: int) -> Iterator[Run]:
        """Yield those last updated in this span, both ends included."""
        low = bisect_left(self._places, first, key=_UPDATED)
        high = bisect_right(self._places, last, key=_UPDATED)
        for place in self._places[low:high]:
            if place[1].place is place:
                yield place[1]


class Listing:
    """All shelves, and what is still to be shown."""

    def __init__(self) -> None:
        self._shelves: defaultdict[Status, _Shelf] = defaultdict(_Shelf)
        #: (when to show it, order of coming, the run, whether its plan is new)
        self._due: list[tuple[int, int, Run, bool]] = []
        self._count = count()
        self._until = 0

    def plan(self, run: Run, now: int) -> None:
        """Take up a run, or what has been decided about it now."""
        self._push(max(now, run.visible), run, new=True)

    def show(self, until: int) -> None:
        """Show what has changed until then. It never goes back, should the lag have grown."""
        self._until = max(self._until, until)
        while self._due and self._due[0][0] <= self._until:
            when, _, run, new = heappop(self._due)
            moment = when - run.lag
            # An earlier plan's changes come as well, and move nothing.
            if run.shown is not None and moment < run.shown:
                continue
            if self._move(run, moment) or new:
                self._push(next_change(run, moment), run, new=False)

    def drop(self, run: Run) -> None:
        """Forget a run."""
        run.place, run.shown = None, NEVER
        if run.seen_as is not None:
            self._shelves[run.seen_as].leave()

    def between(self, spans: Mapping[Status, tuple[int, int]]) -> list[Run]:
        """Give the runs of each status that were last updated in its span, all in the order of their start."""
        found = [run for one, span in spans.items() for run in self._shelves[one].between(*span)]
        found.sort(key=_serial)
        return found

    def _push(self, moment: int, run: Run, *, new: bool) -> None:
        if moment < NEVER:
            heappush(self._due, (moment + run.lag, next(self._count), run, new))

    def _move(self, run: Run, moment: int) -> bool:
        """Show a run as it is at this moment. False if its status has not changed."""
        now = status(run, moment)
        before, run.shown, run.seen_as = run.seen_as, moment, now
        if now is before:
            return False
        run.place = (last_updated(run, moment), run)
        if before is not None:
            self._shelves[before].leave()
        self._shelves[now].put(run.place)
        return True


def _serial(run: Run) -> int:
    return run.serial
