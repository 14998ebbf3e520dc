"""Run the local host with a wall clock that is ten minutes ahead: `python -m tests.crash.ahead`, with its arguments.

The app is not touched: what it and its libraries ask for the time is replaced before they are loaded. Time that passes
(the monotonic clock) is everybody's.
"""

import runpy
import time
from datetime import UTC, datetime, timedelta

AHEAD = timedelta(minutes=10)


def _advance() -> None:
    true_time = time.time
    # Before anybody imports it by name, as Azure's SDK does for the date that it signs.
    time.time = lambda: true_time() + AHEAD.total_seconds()

    from shared.adapters.clock import SystemClock  # noqa: PLC0415 - after time.time was replaced

    def now(self: SystemClock) -> datetime:
        return datetime.now(UTC) + AHEAD

    SystemClock.now = now  # type: ignore[method-assign]


if __name__ == "__main__":
    _advance()

    from tests.crash import hasty

    hasty.hurry()
    runpy.run_module("local.host", run_name="__main__", alter_sys=True)
