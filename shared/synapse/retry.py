"""How long to wait before a request is sent again.

Pure functions: jitter is passed in as a number from 0 up to 1.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

SHORTEST: Final = 2.0
LONGEST: Final = 600.0
DAY: Final = 24 * 3600.0  # no answer can delay a request for longer
LONGEST_SPREAD: Final = 60.0

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how many seconds an answer asks to wait: the longest if several headers say so, None if none does.

    Args:
        headers: of the answer, names in any case.
        now: used if the answer has no Date header; otherwise a Retry-After date is measured by the server's own clock.
    """
    fields = {name.lower(): value.strip() for name, value in headers.items()}
    asked = (
        _seconds(fields.get("retry-after", "")),
        _until(fields.get("retry-after", ""), _date(fields.get("date", "")) or now),
        # azure-core's RetryPolicy reads both names (azure/core/pipeline/policies/_utils.py).
        _seconds(fields.get("x-ms-retry-after-ms", ""), unit=0.001),
        _seconds(fields.get("retry-after-ms", ""), unit=0.001),
    )
    return max((seconds for seconds in asked if seconds is not None), default=None)


def backoff(attempt: int, jitter: float) -> float:
    """Return the wait after so many attempts: from 2 s to a ceiling that doubles up to 10 minutes."""
    ceiling = min(LONGEST, SHORTEST * 2.0 ** max(1, min(attempt, 32)))
    return SHORTEST + (ceiling - SHORTEST) * jitter


def wait_for_throttle(retry_after: float | None, attempt: int, jitter: float) -> float:
    """Return the wait after a 429: at least what it asks for, spread so that requests don't all return at once.

    The spread is a tenth of what was asked, at least a second, and doubles with each further 429: of thousands of
    waiting requests, those that return too early get the same short time again.
    """
    if retry_after is None:
        return backoff(attempt, jitter)
    spread = max(1.0, retry_after * 0.1) * 2.0 ** max(0, min(attempt - 1, 32))
    return retry_after + min(spread, LONGEST_SPREAD) * jitter


def answered_at(headers: Mapping[str, str]) -> datetime | None:
    """Return when an answer was given, by the server's own clock; None if it does not say."""
    fields = {name.lower(): value.strip() for name, value in headers.items()}
    return _date(fields.get("date", ""))


def _seconds(text: str, unit: float = 1.0) -> float | None:
    return _bounded(float(text) * unit) if _NUMBER.fullmatch(text) else None


def _until(text: str, start: datetime) -> float | None:
    end = _date(text)
    return None if end is None else _bounded((end - start).total_seconds())


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), DAY)


def _date(text: str) -> datetime | None:
    """Read an HTTP date in any of its three forms (RFC 9110, section 5.6.7)."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):  # all that the parser raises
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
