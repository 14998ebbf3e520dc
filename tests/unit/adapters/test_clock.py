"""The system's clocks: shared/adapters/clock.py."""

from datetime import UTC, datetime, timedelta

from shared.adapters.clock import SystemClock
from tests.fakes.clock import FakeClock


def test_the_wall_clock_is_aware_and_in_utc() -> None:
    """So that no time is ever compared with a naive one."""
    assert SystemClock().now().tzinfo is UTC
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_the_monotonic_clock_never_goes_back() -> None:
    """Seconds, from wherever they count."""
    clock = SystemClock()

    assert clock.monotonic() <= clock.monotonic()


def test_jitter_is_drawn_anew_each_time() -> None:
    """From 0 up to 1."""
    drawn = [SystemClock().jitter() for _ in range(100)]

    assert all(0 <= one < 1 for one in drawn)
    assert len(set(drawn)) > 50


def test_a_fake_wall_can_be_wrong_while_time_passes() -> None:
    """The monotonic clock knows nothing of it."""
    clock = FakeClock()
    before, began = clock.monotonic(), clock.now()
    clock.wall_offset = timedelta(days=-1)
    clock.advance(5)

    assert clock.monotonic() - before == 5
    assert clock.now() - began == timedelta(days=-1, seconds=5)
