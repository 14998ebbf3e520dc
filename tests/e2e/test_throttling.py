"""A workspace that admits far less than what comes: 429 with Retry-After 3."""

from local.synapse.settings import Admission
from tests.crash import report, storm
from tests.crash.play import play

#: A call that had left when the 429 was read arrives within this time, on a machine that tests keep busy.
ON_ITS_WAY = 0.5


async def test_after_a_429_nothing_goes_out_before_its_time_and_everything_is_started() -> None:
    # Less than what the slowest machine sends: else the storm would be none.
    admission = Admission(rate=3, burst=3, retry_after=storm.RETRY_AFTER)
    async with play("s", env=storm.CALM, queue_lease=storm.QUEUE_LEASE) as one:
        weather, reckoning = await storm.run(
            one, seed=3, requests=30, seconds=2.0, admission=admission
        )

    assert reckoning.books.balanced, "\n".join(report.offenders(reckoning))
    assert set(reckoning.books.states) == {"Started"}
    assert weather.refused > 0
    assert all(after < ON_ITS_WAY for after in weather.early), weather.early
    assert reckoning.received_again == 0
