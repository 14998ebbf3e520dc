import time
from email.utils import parsedate_to_datetime
from typing import Literal

import pytest

from local.synapse.admission import Bucket, retry_headers
from local.synapse.in_process import calling, simulating
from local.synapse.pipelines import Pipeline
from local.synapse.settings import Admission
from local.synapse.wire import SECOND


def test_a_burst_goes_through_and_then_the_rate() -> None:
    """Ten a second, two at once."""
    bucket = Bucket(Admission(rate=10, burst=2), now=0)
    admitted = [bucket.admits(int(second * SECOND)) for second in (0, 0, 0, 0.05, 0.11, 0.12)]

    assert admitted == [True, True, False, False, True, False]


def test_no_more_than_the_burst_is_saved() -> None:
    """A long pause doesn't count."""
    bucket = Bucket(Admission(rate=10, burst=2), now=0)

    assert [bucket.admits(100 * SECOND) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("seconds", {"Retry-After": "3"}),
        ("ms", {"x-ms-retry-after-ms": "2500"}),
        ("date", {"Retry-After": "Thu, 01 Jan 1970 00:00:03 GMT"}),
        ("none", {}),
    ],
)
def test_the_time_to_come_back_is_said_in_any_form(
    form: Literal["seconds", "date", "ms", "none"], expected: dict[str, str]
) -> None:
    """Never sooner than it is."""
    assert retry_headers(Admission(rate=1, retry_after=2.5, form=form), now=0) == expected


async def test_above_the_limit_it_answers_429() -> None:
    """And starts nothing; the limit can be taken away again."""
    async with simulating(Pipeline(name="copy")) as sim, calling(sim) as caller:
        await sim.settings(admission=Admission(rate=0.001, burst=2, retry_after=7, form="date"))
        answers = [await caller.post("/pipelines/copy/createRun") for _ in range(3)]
        await sim.settings(admission=None)
        after = await caller.post("/pipelines/copy/createRun")
        runs = await sim.runs()

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert parsedate_to_datetime(answers[2].headers["retry-after"]).timestamp() > time.time()
    assert (after.status_code, len(runs)) == (202, 3)
