"""Throttles createRun with a token bucket; no rate is documented for the real workspace."""

import math
from email.utils import formatdate

from local.synapse.settings import Admission
from local.synapse.wire import SECOND


class Bucket:
    """Fills with `rate` permits a second up to `burst`."""

    def __init__(self, limit: Admission, now: int) -> None:
        self.limit = limit
        self._permits = float(limit.burst)
        self._seen = now

    def admits(self, now: int) -> bool:
        gained = (now - self._seen) / SECOND * self.limit.rate
        self._permits = min(self.limit.burst, self._permits + gained)
        self._seen = now
        if self._permits < 1:
            return False
        self._permits -= 1
        return True


def retry_headers(limit: Admission, now: int) -> dict[str, str]:
    """Say when to come back in one of the forms that clients have to read."""
    match limit.form:
        case "seconds":
            return {"Retry-After": str(math.ceil(limit.retry_after))}
        case "date":
            return {"Retry-After": http_date(now, limit.retry_after)}
        case "ms":
            return {"x-ms-retry-after-ms": str(round(limit.retry_after * 1000))}
        case "none":
            return {}


def http_date(now: int, seconds: float) -> str:
    return formatdate(math.ceil(now / SECOND + seconds), usegmt=True)
