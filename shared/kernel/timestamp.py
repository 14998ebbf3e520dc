"""RFC 3339 date-times: T and Z in any case; a leap second is read as the next second."""

import re
from datetime import datetime, timedelta
from typing import Final

_LEAP_SECOND: Final = re.compile(r"(.*T\d\d:\d\d):60(?!\d)(.*)", re.ASCII)


def read(text: str) -> datetime:
    """Read an ISO 8601 date-time. Raises `ValueError`, or `OverflowError` beyond the year 9999."""
    capital = text.upper()
    leap = _LEAP_SECOND.fullmatch(capital)
    if leap is None:
        return datetime.fromisoformat(capital)
    return datetime.fromisoformat(f"{leap[1]}:59{leap[2]}") + timedelta(seconds=1)
