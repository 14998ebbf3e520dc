"""Log lines: an event and its fields in the message itself, as logfmt.

Microsoft's worker sends a record's formatted message and nothing else: fields in `extra` never reach Azure
(azure-functions-python-worker #642), and a traceback would make several lines of one.
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
        level: as `logging` has it.
        event: its name, without the `run_gateway.` that stands before each.
        limit: the longest value, in characters; a longer one is cut.
        fields: in their order; what is None is left out.
    """
    if _log.isEnabledFor(level):
        _log.log(level, "%s", text(event, limit=limit, **fields))


def text(event: str, *, limit: int = MAX_VALUE, **fields: object) -> str:
    """Return the line, whatever its values hold: one line, and each value up to the next space or quote."""
    told = (
        f" {name}={_value(value, limit)}" for name, value in fields.items() if value is not None
    )
    return f"run_gateway.{event}{''.join(told)}"


def _value(value: object, limit: int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    shown = str(value)
    shown = shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
    if shown.isprintable() and _PLAIN.fullmatch(shown):
        return shown
    # As JSON, with what a terminal or a reader of lines would act upon escaped too: DEL, U+0085, U+2028.
    quoted = json.dumps(shown, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in quoted)
