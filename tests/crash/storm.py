"""A steady load far above what the workspace admits: it answers 429 with a Retry-After."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from local.synapse.settings import Admission
from tests.crash import load
from tests.crash.observed import Observed, history
from tests.crash.plan import draw
from tests.crash.play import Play, Reckoning

RETRY_AFTER = 3.0
PATIENCE = 900.0
#: No call is given up and no lease lapses here: the storm alone is the matter.
CALM = {"CALL_TIMEOUT_SECONDS": "10", "LEASE_SECONDS": "30"}
QUEUE_LEASE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What the workspace saw."""

    calls: int
    refused: int  #: with 429
    #: for each call that arrived after a 429 was read and before its time: how long after the reading. One that was on
    #: its way when the answer came arrives a moment after; one that was sent against the 429 may arrive at any time.
    early: tuple[float, ...]


async def run(
    play: Play, *, seed: int, requests: int, seconds: float, admission: Admission
) -> tuple[Weather, Reckoning]:
    """Send so many requests over so many seconds to a workspace that admits so few."""
    await play.ground.synapse.settings(admission=admission)
    await play.hosts.start()
    plan = draw(seed, requests=requests, waves=1)
    await load.steadily(play, plan.postings, seconds)
    reckoning = await play.reckon(patience=PATIENCE)
    return weather(reckoning.seen), reckoning


def weather(seen: Observed) -> Weather:
    """Measure the calls against the times at which the gateway says that it read a 429."""
    read = sorted(_readings(seen))
    arrivals = sorted(datetime.fromisoformat(call.time).timestamp() for call in seen.calls)
    return Weather(
        calls=len(arrivals),
        refused=sum(call.status == 429 for call in seen.calls),
        early=tuple(sorted(_early(read, arrivals))),
    )


def _readings(seen: Observed) -> Iterator[float]:
    """A record's history says when the answer was read; both clocks are this machine's."""
    for record in seen.records.values():
        for entry in history(record):
            if entry["detail"].startswith("throttled for"):
                yield datetime.fromisoformat(entry["at"]).timestamp()


def _early(read: list[float], arrivals: list[float]) -> Iterator[float]:
    for arrival in arrivals:
        since = [arrival - moment for moment in read if 0 < arrival - moment < RETRY_AFTER]
        if since:
            yield max(since)
