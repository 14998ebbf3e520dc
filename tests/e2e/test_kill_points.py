"""Each step at which a host can die, with what becomes of its request: its state, its POSTs and its history.

Several deployments run side by side on one ground. Each plays some of the cases one after the other: what serves when a case is over is the next one's
victim. The tests look at what came of them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from local.process import Child
from tests.crash import report
from tests.crash.ground import Ground, ground, names
from tests.crash.hosts import UNFOLLOWED, Hosts
from tests.crash.observed import Entity, history
from tests.crash.plan import Entry, Posting, Request
from tests.crash.play import Play, Reckoning, playing
from tests.crash.steps import STEPS, Trap
from tests.kill_points import CLEAN, FOUND, KILL_POINTS, SENT_AGAIN, End

DEPLOYMENTS = 8
PATIENCE = 40.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One death, or several in a row."""

    entry: Entry
    steps: tuple[str, ...]
    end: End
    asks_again: bool = False  #: a caller over HTTP for whom nothing was claimed has to


#: Over HTTP nothing is claimed before the recovery message is on the queue.
UNCLAIMED = ("before its message", "after its message", "before the claim")
#: Whoever takes it up dies, too.
TWICE: Mapping[tuple[str, ...], End] = {
    ("while waiting for the answer", "while looking for the run"): End(1, FOUND),
    ("after the claim", "before taking it up again"): End(1, SENT_AGAIN),
    ("after the claim", "after taking it up again"): End(
        1,
        (*SENT_AGAIN[:-1], "answer lost", "sendAgain", "taken", "createRun"),
    ),
}


def _cases() -> dict[str, Case]:
    cases = {}
    for step, end in KILL_POINTS.items():
        for entry in (Entry.PLAIN, Entry.HTTP):
            cases[f"{entry}: {step}"] = Case(
                entry=entry,
                steps=(step,),
                end=end,
                asks_again=step in UNCLAIMED,
            )
    for step in UNCLAIMED[:2]:
        cases[f"{Entry.HTTP}: {step}"] = Case(
            entry=Entry.HTTP, steps=(step,), end=End(1, CLEAN), asks_again=True
        )
    for steps, end in TWICE.items():
        cases[f"{Entry.PLAIN}: {', then '.join(steps)}"] = Case(
            entry=Entry.PLAIN, steps=steps, end=end
        )
    return cases


CASES = _cases()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a case."""

    reckoning: Reckoning  #: its deployment's
    record: Entity
    posts: int


@pytest.fixture(scope="module")
async def outcomes() -> AsyncIterator[Mapping[str, Outcome | BaseException]]:
    """Play all cases."""
    shares = [list(CASES)[number::DEPLOYMENTS] for number in range(DEPLOYMENTS)]
    async with ground() as base:
        played = await asyncio.gather(
            *(play_share(number, share, base) for number, share in enumerate(shares)),
            return_exceptions=True,
        )
        found: dict[str, Outcome | BaseException] = {}
        for share, came in zip(shares, played, strict=True):
            found |= dict.fromkeys(share, came) if isinstance(came, BaseException) else came
        yield found


async def play_share(number: int, share: Sequence[str], base: Ground) -> Mapping[str, Outcome]:
    """Play some of the cases with one deployment."""
    hosts = Hosts(base, names=names(number), env=UNFOLLOWED)
    async with playing(f"share{number}", base, hosts, alone=False) as one:
        host = await hosts.start()
        await one.warm_up()
        assert await one.observer.quiet(PATIENCE)  # else its end would be met as the first case's
        requests = {
            name: Request(
                number=turn, pipeline="copyOrders", parameters={"day": f"day{number}-{turn}"}
            )
            for turn, name in enumerate(share)
        }
        for name, request in requests.items():
            host = await play_case(one, host, CASES[name], request)
        reckoning = await one.reckon(patience=PATIENCE)
    return {
        name: Outcome(
            reckoning=reckoning,
            record=reckoning.seen.records[one.request_id(request)],
            posts=sum(
                f'"{request.parameters["day"]}"' in (c.body or "") for c in reckoning.seen.calls
            ),
        )
        for name, request in requests.items()
    }


async def play_case(one: Play, host: Child, case: Case, request: Request) -> Child:
    """Let hosts die at the steps of a case, and wait until its request is done; return the host that serves then."""
    day, request_id = request.parameters["day"], one.request_id(request)
    posting = Posting(
        request=request,
        entry=case.entry,
        wave=0,
        correlation_id=f"c-{request_id}",
        asks_again=case.asks_again,
    )
    for step in case.steps:
        trap = Trap(one.ground, one.hosts.names, STEPS[step])
        await trap.lay(day=day, run_id=await _sent_as(one, request_id))
        if step == case.steps[0]:
            one.send(posting)
        else:
            host = await one.hosts.start()
        assert await trap.sprung(20.0), f"{step} was not reached"
        one.hosts.kill(host)
        await trap.open(cut=True)
    host = await one.hosts.start()
    await one.sent()
    assert await one.observer.quiet(PATIENCE), f"{request_id} is not done"
    return host


async def _sent_as(play: Play, request_id: str) -> str | None:
    """The id of the request's run, as its record has it; None while there is none."""
    record = (await play.observer.look()).records.get(request_id)
    return None if record is None else str(record["clientRequestId"])


@pytest.mark.parametrize("name", CASES)
async def test_whoever_dies_leaves_one_run(
    name: str, outcomes: Mapping[str, Outcome | BaseException]
) -> None:
    case, outcome = CASES[name], outcomes[name]
    if isinstance(outcome, BaseException):
        raise outcome
    told: list[dict[str, Any]] = [
        result
        for result in outcome.reckoning.seen.results
        if result["requestId"] == outcome.record["requestId"]
    ]

    assert tuple(entry["event"] for entry in history(outcome.record)) == case.end.history
    assert outcome.posts == case.end.posts
    assert (outcome.record["status"], outcome.record["runId"]) == (
        "Started",
        outcome.record["clientRequestId"],
    )
    assert {result["runId"] for result in told} == {outcome.record["runId"]}
    assert outcome.reckoning.books.balanced, "\n".join(report.offenders(outcome.reckoning))


async def test_no_run_was_started_beside_them(
    outcomes: Mapping[str, Outcome | BaseException],
) -> None:
    """Each case has one, and each deployment the one that shows that the workspace echoes."""
    last = max(
        (one.reckoning.seen.runs for one in outcomes.values() if isinstance(one, Outcome)), key=len
    )

    assert len(last) <= len(CASES) + DEPLOYMENTS
    assert len({run.client_request_id for run in last}) == len(last)
