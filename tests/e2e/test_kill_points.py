"""Each step at which a host can die, with what becomes of its request: its state, its POSTs and its history.

The cases run side by side on one ground, each as a deployment of its own; the tests look at what came of them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.crash import report
from tests.crash.ground import Ground, ground, names
from tests.crash.hosts import UNFOLLOWED, Hosts
from tests.crash.observed import Entity, history
from tests.crash.plan import Entry, Posting, Request
from tests.crash.play import Play, Reckoning, playing
from tests.crash.steps import STEPS, Trap
from tests.kill_points import CLEAN, FOUND, KILL_POINTS, SENT_AGAIN, End

AT_ONCE = 8


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

    reckoning: Reckoning
    record: Entity
    posts: int


@pytest.fixture(scope="module")
async def outcomes() -> AsyncIterator[Mapping[str, Outcome | BaseException]]:
    """Play all cases."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, case: Case, base: Ground) -> Outcome:
        async with places:
            return await play_case(number, case, base)

    async with ground() as base:
        played = await asyncio.gather(
            *(one(number, case, base) for number, case in enumerate(CASES.values())),
            return_exceptions=True,
        )
        yield dict(zip(CASES, played, strict=True))


async def play_case(number: int, case: Case, base: Ground) -> Outcome:
    hosts = Hosts(base, names=names(number), env=UNFOLLOWED)
    name = f"case{number}"
    posting = Posting(
        request=Request(number=0, pipeline="copyOrders", parameters={"day": name}),
        entry=case.entry,
        wave=0,
        correlation_id=f"c-{number}",
        asks_again=case.asks_again,
    )
    async with playing(name, base, hosts, alone=False) as one:
        host = await hosts.start()
        await one.warm_up()
        for step in case.steps:
            trap = Trap(base, hosts.names, STEPS[step])
            await trap.lay(day=name, run_id=await _sent_as(one, name))
            if step == case.steps[0]:
                one.send(posting)
            else:
                host = await hosts.start()
            assert await trap.sprung(20.0), f"{step} was not reached"
            hosts.kill(host)
            await trap.open(cut=True)
        await hosts.start()
        reckoning = await one.reckon(patience=40.0)
    calls = [call for call in reckoning.seen.calls if f'"{name}"' in (call.body or "")]
    record = reckoning.seen.records[f"{name}-0"]
    return Outcome(reckoning=reckoning, record=record, posts=len(calls))


async def _sent_as(play: Play, name: str) -> str | None:
    """The id of the case's run, as its record has it; None while there is none."""
    record = (await play.observer.look()).records.get(f"{name}-0")
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
    """Each case has two: the one that shows that the workspace echoes, and the one that is watched."""
    last = max(
        (one.reckoning.seen.runs for one in outcomes.values() if isinstance(one, Outcome)), key=len
    )

    assert len(last) <= 2 * len(CASES)
    assert len({run.client_request_id for run in last}) == len(last)
