"""Strict JSON: every value that is read can be sent, stored and hashed unchanged.

Python's parser alone accepts more than JSON (NaN, numbers beyond a double, half surrogates, a field twice)
and raises four kinds of error; here every text gives a value or raises `Unreadable`.
"""

import json
import math
import re
from typing import Any, Final

from pydantic import JsonValue

MAX_DEPTH: Final = 100
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Unreadable(ValueError):
    """The text is not acceptable JSON; the message says why and quotes no value."""


def parse(text: bytes) -> dict[str, Any]:
    """Read one JSON object from UTF-8 text (a byte order mark is skipped). Raises `Unreadable`."""
    try:
        value = read(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable(_reason(error)) from error
    if not isinstance(value, dict):
        msg = "The content is JSON, but not an object."
        raise Unreadable(msg)
    return value


def read(text: str) -> JsonValue:
    """Read any JSON value. Raises `Unreadable`."""
    try:
        value: JsonValue = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        if _SURROGATE.search(text):
            # The parser accepts half a surrogate pair, which can't be encoded, so neither sent nor stored.
            json.dumps(value, ensure_ascii=False).encode()
    except Unreadable:
        raise
    except (ValueError, RecursionError) as error:
        raise Unreadable(_reason(error)) from error
    may_be_deep = text.count("[") + text.count("{") > MAX_DEPTH
    if may_be_deep and _is_deeper(value, MAX_DEPTH):
        raise Unreadable(_TOO_DEEP)
    return value


def for_xml(text: str) -> str:
    """Escape the characters of a JSON text that XML can't hold: queue messages travel in XML. The value is the same."""
    return _NOT_IN_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_TOO_DEEP: Final = f"The JSON is nested deeper than {MAX_DEPTH} levels."


def _reason(error: ValueError | RecursionError) -> str:
    match error:
        case UnicodeDecodeError():
            return f"The content is not UTF-8 (byte {error.start})."
        case UnicodeEncodeError():
            return "A string holds half of a surrogate pair."
        case json.JSONDecodeError():
            return f"Not JSON at line {error.lineno}, column {error.colno}: {error.msg}."
        case RecursionError():
            return _TOO_DEEP
        case _:  # Python refuses integers of more than 4,300 digits
            return "A number has too many digits."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "An object names the same field twice."
        raise Unreadable(msg)
    return found


def _refuse_constant(name: str) -> float:
    msg = f"{name} is not JSON."
    raise Unreadable(msg)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        msg = "A number is too large for a double."
        raise Unreadable(msg)
    return number


def _is_deeper(value: Any, levels: int) -> bool:
    layer = [value] if isinstance(value, (dict, list)) else []
    for _ in range(levels):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
    return bool(layer)
