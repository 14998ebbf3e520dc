"""Log lines with an event and its fields in the message itself, as logfmt.

Microsoft's worker sends only a record's formatted message: fields in `extra` never reach Azure
(azure-functions-python-worker #642), and a traceback would split one record into several lines.
"""

import json
import logging
import re
from typing import Final

MAX_VALUE: Final = 300  # characters

_PLAIN: Final = re.compile(r"[^\s\"'=\\]+")
_log: Final = logging.getLogger("run_gateway")


def write(level: int, event: str, *, limit: int = MAX_VALUE, **fields: object) -> None:
    """Log an event of the gateway.

    Args:
        level: a level of `logging`.
        event: its name, without the prefix `run_gateway.`.
        limit: the maximum length of a value, in characters; a longer one is cut.
        fields: written in the given order; None is left out.
    """
    if _log.isEnabledFor(level):
        _log.log(level, "%s", text(event, limit=limit, **fields))


def text(event: str, *, limit: int = MAX_VALUE, **fields: object) -> str:
    """Return the message, always a single line; a value with a space, a quote, = or a backslash is quoted."""
    shown = (
        f" {name}={_value(value, limit)}" for name, value in fields.items() if value is not None
    )
    return f"run_gateway.{event}{''.join(shown)}"


def _value(value: object, limit: int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    shown = str(value)
    shown = shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
    if shown.isprintable() and _PLAIN.fullmatch(shown):
        return shown
    # As JSON, and with the control characters and line ends escaped that JSON leaves: DEL, U+0085, U+2028.
    quoted = json.dumps(shown, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in quoted)
