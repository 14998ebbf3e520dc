"""The crash harness as a smoke test: hosts that die among many requests, and books that balance. `make soak` is the long form."""

from tests.crash import kills, report
from tests.crash.monitoring import Monitoring
from tests.crash.play import play


async def test_where_the_workspace_echoes_nothing_is_lost_doubled_or_contradictory() -> None:
    async with play("k", seed=17) as one:
        harm, reckoning = await kills.run(one, seed=17, requests=60, kills=8, stops=1)

    assert reckoning.books.balanced, "\n".join(report.offenders(reckoning))
    assert set(reckoning.books.states) == {"Started"}
    assert reckoning.books.runs == reckoning.books.requests == reckoning.books.outcomes.total()
    assert harm.kills.total() == 8


async def test_where_it_does_not_an_operator_settles_what_is_unknown_and_nothing_is_doubled() -> (
    None
):
    async with play("k", seed=18) as one:
        _, reckoning = await kills.run(one, seed=18, requests=30, kills=4, stops=0, echo=False)

    assert reckoning.books.balanced, "\n".join(report.offenders(reckoning))
    assert set(reckoning.books.states) == {"Started"}
    assert reckoning.books.lost_answers > 0
    assert reckoning.books.outcomes.total() == reckoning.books.requests


async def test_ends_that_come_while_looks_are_refused_are_told_when_they_are_answered_again() -> (
    None
):
    async with play("k", seed=19) as one:
        _, reckoning = await kills.run(
            one, seed=19, requests=30, kills=4, stops=0, monitoring=Monitoring.AWAY, seconds=6.0
        )

    assert reckoning.books.balanced, "\n".join(report.offenders(reckoning))
    assert set(reckoning.books.outcomes) == {"Succeeded", "Failed", "Cancelled"}
