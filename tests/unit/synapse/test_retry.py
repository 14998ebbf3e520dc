"""Times to wait before a request is sent again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given, strategies as st

from shared.synapse import retry
from shared.synapse.retry import DAY, LONGEST, LONGEST_SPREAD, SHORTEST

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SERVERS_NOW = NOW + timedelta(hours=3)  # its clock and ours need not agree
JITTER = st.floats(0, 1, exclude_max=True)


def http_date(time: datetime) -> str:
    return format_datetime(time, usegmt=True)


def asked(headers: dict[str, str]) -> float | None:
    return retry.retry_after(headers, NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10),
        (" 10 ", 10),
        ("1.5", 1.5),
        ("0", 0),
        ("-5", 0),
        ("86401", DAY),
        ("9" * 400, DAY),
    ],
)
def test_seconds_are_read_and_bounded(text: str, seconds: float) -> None:
    assert asked({"Retry-After": text}) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1e3", "nan", "inf", "0x10", "٣", "5, 10", "1 0"])
def test_garbage_asks_for_nothing(text: str) -> None:
    assert asked({"Retry-After": text, "x-ms-retry-after-ms": text}) is None


def test_answer_without_any_asks_for_nothing() -> None:
    assert asked({"content-type": "text/html"}) is None


def test_date_is_measured_by_the_servers_own_clock() -> None:
    """Both dates are the server's, so our clock may be wrong by hours."""
    headers = {
        "Date": http_date(SERVERS_NOW),
        "Retry-After": http_date(SERVERS_NOW + timedelta(seconds=90)),
    }

    assert asked(headers) == 90


@pytest.mark.parametrize("date", [{}, {"Date": "yesterday"}])
def test_date_is_measured_by_our_clock_where_the_answer_has_none(date: dict[str, str]) -> None:
    assert asked({"Retry-After": http_date(NOW + timedelta(seconds=30))} | date) == 30


@pytest.mark.parametrize(
    "text",
    [
        "Tue, 24 Nov 2026 08:00:20 GMT",
        "Tuesday, 24-Nov-26 08:00:20 GMT",
        "Tue Nov 24 08:00:20 2026",
        "Tue, 24 Nov 2026 10:00:20 +0200",  # no HTTP date, and what it means is plain
    ],
)
def test_date_is_read_in_all_three_forms(text: str) -> None:
    assert asked({"Retry-After": text}) == 20


def test_date_in_the_past_is_now() -> None:
    assert asked({"Retry-After": http_date(NOW - timedelta(hours=1))}) == 0


def test_date_far_ahead_is_a_day() -> None:
    assert asked({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}) == DAY


@pytest.mark.parametrize("name", ["x-ms-retry-after-ms", "X-MS-Retry-After-MS", "retry-after-ms"])
def test_milliseconds_are_read(name: str) -> None:
    assert asked({name: "2500"}) == 2.5


def test_longest_of_several_wins() -> None:
    assert asked({"retry-after": "3", "x-ms-retry-after-ms": "2500"}) == 3
    assert asked({"retry-after": "2", "x-ms-retry-after-ms": "2500"}) == 2.5


@given(st.dictionaries(st.sampled_from(["Retry-After", "Date", "x-ms-retry-after-ms"]), st.text()))
@example({"Retry-After": "Mon, 01 Jan 0000 00:00:00 GMT"})
@example({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -9999"})
@example({"Retry-After": "1 Jan 99999999999999999999 00:00:00"})
@example({"Date": "Fri, 31 Dec 9999 23:59:59 -2359", "Retry-After": "Mon, 01 Jan 0001 00:00 +2359"})
def test_reading_is_total(headers: dict[str, str]) -> None:
    seconds = asked(headers)

    assert seconds is None or 0 <= seconds <= DAY


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(1, 4), (2, 8), (3, 16), (8, 512), (9, 600), (20, 600), (10**9, 600)]
)
def test_backoffs_ceiling_doubles_up_to_ten_minutes(attempt: int, ceiling: float) -> None:
    assert retry.backoff(attempt, 0.0) == SHORTEST
    assert retry.backoff(attempt, 1.0) == ceiling


def test_backoff_takes_any_attempt_for_the_first_at_least() -> None:
    assert retry.backoff(0, 0.5) == retry.backoff(-3, 0.5) == retry.backoff(1, 0.5) == 3


@given(st.integers(), JITTER)
def test_backoff_is_between_two_seconds_and_ten_minutes(attempt: int, jitter: float) -> None:
    assert SHORTEST <= retry.backoff(attempt, jitter) <= LONGEST


def test_throttled_request_without_a_time_backs_off() -> None:
    assert retry.wait_for_throttle(None, 3, 0.5) == retry.backoff(3, 0.5)


@pytest.mark.parametrize(
    ("seconds", "attempt", "latest"),
    [(0, 1, 1), (5, 1, 6), (30, 1, 33), (30, 2, 36), (30, 9, 90), (DAY, 1, DAY + 60)],
)
def test_throttled_requests_come_back_spread_over_time(
    seconds: float, attempt: int, latest: float
) -> None:
    """The spread grows with each further 429, up to a minute."""
    assert retry.wait_for_throttle(seconds, attempt, 0.0) == seconds
    assert retry.wait_for_throttle(seconds, attempt, 1.0) == latest


@given(st.floats(0, DAY), st.integers(), JITTER)
def test_throttled_request_never_comes_back_too_early(
    seconds: float, attempt: int, jitter: float
) -> None:
    waited = retry.wait_for_throttle(seconds, attempt, jitter)

    assert seconds <= waited <= seconds + LONGEST_SPREAD
