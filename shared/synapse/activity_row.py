"""The failed activities of a run, as queryActivityruns lists them: the reasons why it failed.

An activity that contains others fails with them (ForEach, If, Execute Pipeline: "Operation on target <inner> failed: …"), so
the innermost come first. `error` is present on success, too; `details` may be a list, "" or absent.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from shared.kernel.cloud_error import MAX_CODE, MAX_TARGET, CloudError, clean

MOST: Final = 10
MAX_MESSAGE: Final = 2_048  # characters of each: ten fit a queue message
_CONTAINERS: Final = frozenset(
    {"executepipeline", "filter", "foreach", "ifcondition", "switch", "until"}
)


def read(rows: Sequence[Any]) -> tuple[CloudError, ...]:
    """Return up to ten failed activities, innermost first; of a repeated activity the last attempt."""
    last: dict[str, dict[str, Any]] = {}
    for row in rows:
        if isinstance(row, dict) and row.get("status") == "Failed":
            name = _text(row.get("activityName"))
            last[name] = _later(last.get(name), row)
    innermost_first = sorted(last.values(), key=_contains_others)
    return tuple(map(_error, innermost_first[:MOST]))


def _later(one: dict[str, Any] | None, other: dict[str, Any]) -> dict[str, Any]:
    return other if one is None or _attempt(other) >= _attempt(one) else one


def _attempt(row: dict[str, Any]) -> int:
    attempt = row.get("retryAttempt")
    return attempt if isinstance(attempt, int) else 0


def _contains_others(row: dict[str, Any]) -> bool:
    return _text(row.get("activityType")).casefold() in _CONTAINERS


def _error(row: dict[str, Any]) -> CloudError:
    error = row.get("error")
    fields = error if isinstance(error, dict) else {}
    message = clean(_text(fields.get("message")), MAX_MESSAGE)
    return CloudError(
        code=clean(_text(fields.get("errorCode")), MAX_CODE) or "ActivityFailed",
        message=message or "The activity failed without a message.",
        target=clean(_text(row.get("activityName")), MAX_TARGET) or None,
    )


def _text(value: Any) -> str:
    """Return a JSON value as text: an error's code may be a number."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
