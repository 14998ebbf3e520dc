"""Tests of shared/gateway/throttle.py."""

import asyncio
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from shared.gateway.throttle import Lane, NotAsked, Throttle
from shared.synapse.reply import Absent, Answer, Unreachable
from tests.fakes.clock import START, FakeClock
from tests.unit.builders import ERROR


def test_a_lane_rests_until_its_time_has_passed() -> None:
    clock = FakeClock()
    throttle = Throttle(clock, limit=1)

    throttle.starts("a").rest(3.0)
    clock.advance(2.0)

    lanes = (throttle.starts("a"), throttle.starts("b"), throttle.looks("a"))
    assert [lane.remaining() for lane in lanes] == [1.0, 0.0, 0.0]
    assert throttle.looks("a") is throttle.looks("a")
    assert throttle.looks("a") is not throttle.looks("b")
    clock.advance(1.0)
    assert throttle.starts("a").remaining() == 0.0


def test_a_shorter_rest_does_not_end_a_longer_one() -> None:
    lane = Lane(FakeClock(), limit=1)

    lane.rest(30.0)
    lane.rest(3.0)

    assert lane.remaining() == 30.0


async def test_no_more_than_the_limit_are_on_the_wire() -> None:
    lane = Lane(FakeClock(), limit=3)
    now, most = 0, 0

    async def call() -> None:
        nonlocal now, most
        async with lane.place() as has_place:
            assert has_place
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    await asyncio.gather(*(call() for _ in range(20)))

    assert most == 3


async def test_a_wait_for_a_place_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.gateway.throttle.PATIENCE", 0.0)
    lane = Lane(FakeClock(), limit=1)

    async with lane.place(), lane.place() as has_place:
        answer = await lane.ask(never)

    assert not has_place
    assert isinstance(answer, NotAsked)
    assert (answer.error.code, answer.seconds) == ("GatewayUnavailable", 2.0)
    assert answer.error.message == "Too many calls to the workspace are in progress."
    async with lane.place() as has_place:  # the one who gave up has taken none
        assert has_place


async def never() -> None:
    raise AssertionError


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Unreachable(error=ERROR, retry_after=30.0), 30.0),
        (Answer(status=429, headers={"Retry-After": "30"}, body=b""), 30.0),
        (Answer(status=429, headers={}, body=b""), 3.0),
        (
            Answer(
                status=429,
                headers={"Retry-After": format_datetime(START + timedelta(seconds=9), usegmt=True)},
                body=b"",
            ),
            9.0,
        ),
        (Unreachable(error=ERROR), 0.0),
        (Absent(), 0.0),
        (Answer(status=503, headers={"Retry-After": "30"}, body=b""), 0.0),
        (None, 0.0),
    ],
)
async def test_an_answer_of_429_lets_the_lane_rest(answer: Any, seconds: float) -> None:
    clock = FakeClock()
    clock.next_jitter = 0.5
    lane = Lane(clock, limit=1)

    async def question() -> Any:
        return answer

    assert await lane.ask(question) is answer
    assert lane.remaining() == seconds


async def test_a_lane_that_rests_asks_nothing() -> None:
    lane = Lane(FakeClock(), limit=1)
    lane.rest(3.0)

    answer = await lane.ask(never)

    assert isinstance(answer, NotAsked)
    assert (answer.error.code, answer.seconds) == ("Throttled", 3.0)
