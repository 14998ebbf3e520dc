"""Why something that a caller asked of a recorded request was not done, and when to ask again."""

from dataclasses import dataclass
from typing import Final

from shared.kernel.cloud_error import CloudError
from shared.ports import VersionedRecord
from shared.runs.record import FINAL, Status

# Seconds until a request is settled that another process holds, or whose run is about to be looked for.
_SOON: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error, and what the caller may do about it."""

    error: CloudError
    retry_after: float | None = None  #: seconds; None if asking again would not help
    is_outdated: bool = False  #: whether the request has left the state that the caller named


def settles_in(stored: VersionedRecord) -> float | None:
    """Return in how many seconds an open request is worth another look; None for a final one."""
    record = stored.record
    if record.status in FINAL:
        return None
    return max(1.0, record.wait_seconds - stored.age) if record.status is Status.WAITING else _SOON
