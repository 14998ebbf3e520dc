"""Values on Synapse's wire: times, parameter values, answers.

Sources are recordings of live traffic in public repositories (named at each rule), read 2026-11.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

SECOND = 1_000_000_000  # all times are whole nanoseconds since 1970: .NET's seven digits don't fit a float
JSON_TYPE = "application/json; charset=utf-8"
FRACTION = re.compile(r"\.(\d+)")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: .NET's last second, in whole nanoseconds since 1970: what never happens happens then
NEVER = 253_402_300_799 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What will be sent; `filler` bytes follow the body, `byte_pause` lies between any two bytes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None
    filler: int = 0
    byte_pause: float = 0.0


def json_reply(status: int, value: Any, **more: Any) -> Reply:
    return Reply(status=status, body=dump(value), headers={"Content-Type": JSON_TYPE}, **more)


def dump(value: Any) -> bytes:
    """Compact, as the recorded Content-Length of 48 for {"runId":"<GUID>"} proves."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def parameter_text(value: Any) -> str:
    """Give a parameter as PipelineRun shows it: a string, other JSON types encoded into one.

    TestPipelineRunV2.json and TestRunV2.json (Azure/azure-powershell): `["x.csv"]` comes back as `"[\\"x.csv\\"]"`.
    """
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@lru_cache(maxsize=4096)
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def stamp(moment: int) -> str:
    """Write a time with .NET's seven fractional digits, trailing zeros dropped.

    TestGet.json (Azure/azure-sdk-for-net): runStart 20:11:09.20996Z beside runEnd 20:11:11.8854473Z.
    """
    seconds, rest = divmod(moment, SECOND)
    fraction = f"{rest // 100:07d}".rstrip("0")
    return f"{_whole_second(seconds)}{'.' if fraction else ''}{fraction}Z"


def moment(text: str) -> int:
    """Read a time; without an offset it is UTC. ValueError if it is none."""
    # Apart from its fraction, for Python drops the seventh digit.
    digits = FRACTION.search(text)
    read = datetime.fromisoformat(FRACTION.sub("", text))
    since = (read if read.tzinfo else read.replace(tzinfo=UTC)) - EPOCH
    nanoseconds = int(digits[1][:9].ljust(9, "0")) if digits else 0
    return (since.days * 86_400 + since.seconds) * SECOND + nanoseconds


def after(moment: int, seconds: float | None) -> int:
    """Give the time so many seconds later, in .NET's ticks of 100 ns; null seconds never pass."""
    return NEVER if seconds is None else min(NEVER, moment + round(seconds * 10_000_000) * 100)


def json_object(body: bytes | None) -> dict[str, Any]:
    """Read a body; none at all is an empty object, as in the recordings. ValueError if it is something else."""
    value = json.loads(body) if body else {}
    if not isinstance(value, dict):
        msg = "The request body is not a JSON object."
        raise ValueError(msg)  # noqa: TRY004 - to the caller it is one fault with a body that isn't JSON
    return value


def wall_clock() -> int:
    """The time in .NET's ticks of 100 ns, so that what is shown is all there is."""
    return time.time_ns() // 100 * 100
