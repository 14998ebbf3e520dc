"""Sends what is buffered when the process falls quiet: it may be ended then, without notice.

Neither a signal nor `atexit` precedes a scale-in (azure-functions-python-worker #1521).
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

#: Seconds without a visit.
QUIET: Final = 1.0


class _Quiet:
    """Counts visits, and flushes after the last one."""

    def __init__(self) -> None:
        self.flush: Callable[[], object] = lambda: None
        self._visits = 0
        self._last = 0.0  # when a visit ended, in the event loop's time
        self._is_awaited = False
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        self._visits += 1

    def end(self) -> None:
        self._visits -= 1
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        if not self._visits and not self._is_awaited:
            self._is_awaited = True
            loop.call_later(QUIET, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Flush, or look again if a visit has come meanwhile: one timer serves them all."""
        left = self._last + QUIET - loop.time()
        self._is_awaited = not self._visits and left > 0
        if self._is_awaited:
            loop.call_later(left, self._look, loop)
        elif not self._visits:
            self._send()

    def _send(self) -> None:
        """Flush in a thread of its own: exporters block. One that still waits for its collector is left to it."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self.flush, name="telemetry", daemon=True)
            self._thread.start()


_QUIET: Final = _Quiet()


def flush_by(flush: Callable[[], object]) -> None:
    """Say what sends everything that is buffered."""
    _QUIET.flush = flush


@contextmanager
def busy() -> Iterator[None]:
    """Put off the flush during a visit."""
    _QUIET.begin()
    try:
        yield
    finally:
        _QUIET.end()
