"""Two hosts at once, and the wall clock of one is ten minutes ahead."""

from datetime import datetime, timedelta

from tests.crash import report, two_hosts
from tests.crash.play import Reckoning, play


async def test_no_wall_clock_decides_about_a_lease() -> None:
    async with play("t", seed=6) as one:
        reckoning = await two_hosts.run(one, seed=6, requests=30, kills=4)

    assert reckoning.books.balanced, "\n".join(report.offenders(reckoning))
    assert set(reckoning.books.states) == {"Started"}
    assert ahead(reckoning) > 0, "the clock that is ahead has written nothing"


def ahead(reckoning: Reckoning) -> int:
    """How many requests ended, by the host's clock, long after the workspace started their runs."""
    runs = {run.run_id: datetime.fromisoformat(run.run_start) for run in reckoning.seen.runs}
    return sum(
        record["finishedAt"] - runs[record["runId"]] > timedelta(minutes=9)
        for record in reckoning.seen.records.values()
    )
