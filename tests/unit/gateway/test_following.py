"""What a follower asks next, what an answer means, and when it looks again."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies as st

from shared.following_ports import Chain
from shared.gateway import chain as chains, following
from shared.gateway.following import Away, Gone, Looked, Refused, Throttled, Window
from shared.gateway.throttle import NotAsked
from shared.kernel.cloud_error import CloudError
from shared.runs.open_run import Listed
from shared.runs.outcome import End
from shared.synapse.reply import Answer, Lost
from tests.examples import examples

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
ERROR = CloudError(code="BadThing", message="It went wrong.")
CHAIN = Chain(endpoint="https://w", token="t", delay=15.0, mark=NOW)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def a_run(
    number: int = 0, *, sent: float = 600.0, added: float = 599.0, name: str = "copy"
) -> Listed:
    """Return an open run that was sent and added so many seconds ago."""
    return Listed(
        run_id=f"run-{number}", pipeline_name=name, first_sent_at=ago(sent), added_at=ago(added)
    )


def some_runs(count: int) -> list[Listed]:
    return [a_run(number) for number in range(count)]


def a_window(plan: following.Plan) -> Window:
    assert plan.window is not None
    return plan.window


@pytest.mark.parametrize("count", [1, 5])
def test_a_handful_is_looked_at_one_by_one(count: int) -> None:
    plan = following.plan(some_runs(count), CHAIN, 15.0)

    assert (plan.window, len(plan.must), plan.may) == (None, count, ())


def test_more_are_asked_for_at_once_from_the_mark_less_an_overlap() -> None:
    chain = replace(CHAIN, lived=30.0)

    window = a_window(following.plan(some_runs(6), chain, 15.0))

    assert (window.mark, window.lower, window.upper) == (NOW, ago(following.OVERLAP), None)


def test_a_longer_stretch_is_read_again_now_and_then() -> None:
    lowers = [
        a_window(following.plan(some_runs(6), replace(CHAIN, lived=lived), 15.0)).lower
        for lived in (15.0 * visit for visit in range(64))
    ]

    assert lowers.count(ago(following.LONG_OVERLAP)) == 4
    assert set(lowers) == {ago(following.OVERLAP), ago(following.LONG_OVERLAP)}


def test_without_a_mark_the_window_begins_before_the_first_run() -> None:
    runs = [*some_runs(6), a_run(9, sent=9_000.0, added=8_000.0)]

    window = a_window(following.plan(runs, replace(CHAIN, mark=None), 15.0))

    assert (window.mark, window.lower) == (ago(9_000.0), ago(9_000.0 + following.LONG_OVERLAP))


def test_a_few_that_came_late_are_looked_at_by_themselves() -> None:
    late = [a_run(number, sent=3_600.0, added=5.0) for number in range(20, 23)]

    plan = following.plan([*some_runs(6), *late], replace(CHAIN, lived=30.0), 15.0)

    assert list(plan.must) == late
    assert a_window(plan).mark == NOW


def test_many_that_came_late_widen_the_window() -> None:
    late = [a_run(number, sent=3_600.0 + number, added=5.0) for number in range(20, 30)]

    plan = following.plan([*some_runs(6), *late], replace(CHAIN, lived=30.0), 15.0)

    assert plan.must == ()
    assert a_window(plan).mark == ago(3_629.0)


def test_a_run_that_was_there_at_the_last_look_is_not_late() -> None:
    runs = [a_run(number, sent=3_600.0, added=50.0) for number in range(6)]

    assert following.plan(runs, replace(CHAIN, lived=30.0), 15.0).must == ()


def test_a_span_bounds_the_window_and_its_overlap() -> None:
    chain = replace(CHAIN, lived=30.0, span=10.0)

    window = a_window(following.plan(some_runs(6), chain, 15.0))

    assert (window.lower, window.upper) == (ago(10.0), NOW + timedelta(seconds=10))


@pytest.mark.parametrize(("count", "named"), [(20, 20), (21, 0)])
def test_pipelines_are_named_while_they_are_few(count: int, named: int) -> None:
    runs = [a_run(number, name=f"p{number}") for number in range(count)]

    assert len(a_window(following.plan(runs, CHAIN, 15.0)).names) == named


@given(
    steps=st.lists(st.floats(1.0, 200.0), min_size=60, max_size=200),
    name=st.text(max_size=8),
)
def test_each_run_has_its_turn_once_in_a_period(steps: list[float], name: str) -> None:
    """Whatever the pauses between visits."""
    every, lived, turns = 600.0, 0.0, 0
    for step in steps:
        turns += following.is_turn(lived, step, every, name)
        lived += step

    assert abs(turns - lived / every) <= 1.0


def test_the_turns_of_many_runs_are_spread() -> None:
    turns = [
        sum(following.is_turn(lived, 15.0, 3_600.0, f"run-{number}") for number in range(3_600))
        for lived in (15.0 * visit for visit in range(240))
    ]

    assert sum(turns) == 3_600
    assert max(turns) < 40


def test_a_query_has_both_bounds_in_utc_and_its_filters_with_every_page() -> None:
    window = Window(mark=NOW, lower=NOW, upper=NOW + timedelta(seconds=1.5), names=("a", "ü"))

    assert json.loads(following.query(window, "next")) == {
        "lastUpdatedAfter": "2026-11-24T08:00:00.000000Z",
        "lastUpdatedBefore": "2026-11-24T08:00:01.500000Z",
        "filters": [
            {
                "operand": "Status",
                "operator": "NotIn",
                "values": ["Queued", "InProgress", "Canceling"],
            },
            {"operand": "PipelineName", "operator": "In", "values": ["a", "ü"]},
        ],
        "continuationToken": "next",
    }


def answer(status: int, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status=status, headers=headers or {}, body=b"")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (NotAsked(seconds=7.0, error=ERROR), Throttled(seconds=7.0)),
        (Lost(sent=True, error=ERROR), Away(error=ERROR)),
        (answer(429, {"Retry-After": "9"}), Throttled(seconds=9.0)),
        (answer(429), Throttled(seconds=60.0)),
        (answer(200), answer(200)),
        (answer(400), answer(400)),
        (answer(404), answer(404)),
    ],
)
def test_an_answer_that_hinders_every_look(
    outcome: Answer | Lost | NotAsked, expected: object
) -> None:
    assert following.trouble(outcome, NOW) == expected


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Refused), (403, Refused), (408, Away), (500, Away), (503, Away)]
)
def test_a_refusal_and_a_workspace_that_is_away(status: int, kind: type[object]) -> None:
    assert isinstance(following.trouble(answer(status), NOW), kind)


def test_a_run_is_lost_after_four_looks_over_six_hours() -> None:
    run, writes, minutes = a_run(), 0, 0
    while not isinstance(found := following.missed(run, NOW + timedelta(minutes=minutes)), Gone):
        writes += found is not None
        run = found or run
        minutes += 20

    assert found.end.end is End.LOST
    assert writes >= 3
    assert minutes == 6 * 60


def test_a_run_that_was_looked_at_once_before_is_not_lost_however_long_ago() -> None:
    """Looks may have been refused for a week in between."""
    run = replace(a_run(), missing=1, missing_since=ago(7 * 86_400.0))

    found = following.missed(run, NOW)

    assert isinstance(found, Listed)
    assert (found.missing, found.missing_since) == (2, run.missing_since)


WINDOW = Window(mark=ago(100.0), lower=ago(160.0), upper=None, names=())


def test_a_window_that_was_read_moves_the_mark_to_its_first_answer() -> None:
    assert following.moved(WINDOW, None, NOW) == Looked(mark=NOW, span=None)


def test_a_span_that_fitted_is_doubled_until_it_reaches_the_present() -> None:
    upper = ago(90.0)

    assert following.moved(replace(WINDOW, upper=upper), 10.0, NOW) == Looked(
        mark=upper, span=20.0, behind=True
    )
    assert following.moved(replace(WINDOW, upper=NOW), 100.0, NOW) == Looked(mark=NOW, span=None)


@pytest.mark.parametrize(("span", "halved"), [(None, 50.0), (10.0, 5.0), (1.5, 1.0)])
def test_a_window_that_is_too_wide_is_halved_and_the_mark_stays(
    span: float | None, halved: float
) -> None:
    assert following.stayed(WINDOW, span, NOW) == Looked(mark=WINDOW.mark, span=halved, behind=True)


IDLE = replace(CHAIN, idle=1_000.0)


@pytest.mark.parametrize(
    ("looked", "delay", "idle"),
    [
        (Looked(mark=NOW, span=None), 50.0, 1_000.0),
        (Looked(mark=NOW, span=None, ended=True), 15.0, 0.0),
        (Looked(mark=NOW, span=5.0, behind=True), 15.0, 1_000.0),
        (Looked(mark=NOW, span=1.0, behind=True), 60.0, 1_000.0),
        (Looked(mark=NOW, span=None, trouble=Throttled(seconds=200.0)), 200.0, 1_000.0),
        (Looked(mark=NOW, span=None, trouble=Throttled(seconds=2.0)), 50.0, 1_000.0),
        (Looked(mark=NOW, span=None, trouble=Away(error=ERROR)), 80.0, 1_000.0),
        (Looked(mark=NOW, span=None, trouble=Refused(error=ERROR)), 3_600.0, 1_000.0),
    ],
)
def test_when_it_looks_again(looked: Looked, delay: float, idle: float) -> None:
    chain = following.after(IDLE, looked, 40.0, 15.0, NOW)

    assert (chain.delay, chain.idle, chain.mark, chain.span) == (delay, idle, NOW, looked.span)


def test_since_when_looks_are_refused_is_kept_until_one_is_not() -> None:
    refused = Looked(mark=NOW, span=None, trouble=Refused(error=ERROR))
    first = following.after(CHAIN, refused, 15.0, 15.0, ago(7_200.0))
    second = following.after(first, refused, 15.0, 15.0, NOW)
    third = following.after(second, Looked(mark=NOW, span=None), 15.0, 15.0, NOW)

    assert (first.refused_since, second.refused_since, third.refused_since) == (
        ago(7_200.0),
        ago(7_200.0),
        None,
    )


@pytest.mark.parametrize(
    ("days", "retention", "is_old"),
    [(44, 1, False), (45, 1, True), (89, 90, False), (90, 90, True), (9_999, 0, False)],
)
def test_how_long_a_run_that_no_look_shows_is_kept(
    days: int, retention: int, *, is_old: bool
) -> None:
    run = a_run(sent=days * 86_400.0, added=0.0)

    assert following.is_too_old(run, NOW, retention) is is_old


@given(idle=st.floats(0.0, 1e9), base=st.floats(1.0, 300.0))
@settings(max_examples=examples(200))
def test_the_pace_is_bounded(idle: float, base: float) -> None:
    assert base <= chains.pace(idle, base) <= 300.0


@pytest.mark.parametrize(("elapsed", "calls"), [(0.0, 20), (15.0, 50), (60.0, 200), (3_600.0, 200)])
def test_a_visit_has_its_share_of_the_limit(elapsed: float, calls: int) -> None:
    assert following.calls(elapsed) == calls
