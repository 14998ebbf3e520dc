"""Entities as the table service's JSON: OData 3 with minimal metadata.

A property whose type JSON can't show has a second one beside it, named `<name>@odata.type`
(learn, rest/api/storageservices/payload-format-for-table-service-operations).
"""

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from shared.adapters.storage.columns import INT64, Value

_TYPE: Final = "@odata.type"
_NOT_FINITE: Final = {math.inf: "Infinity", -math.inf: "-Infinity"}
# Escapes all but ASCII, so that half a surrogate pair is no error here, and no NaN is left.
_dump: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _float(value: float) -> float | str:
    return "NaN" if math.isnan(value) else _NOT_FINITE.get(value, value)


def _utc(value: datetime) -> str:
    # Not strftime, which writes the year 999 as "999".
    plain = value.astimezone(UTC).replace(tzinfo=None)
    return f"{plain.isoformat(timespec='microseconds')}Z"


#: The types that are sent with the name of their type.
_WRITERS: Final[Mapping[type, tuple[str, Callable[[Any], object]]]] = {
    tuple: (INT64, lambda pair: str(pair[0])),
    float: ("Edm.Double", _float),
    bytes: ("Edm.Binary", lambda value: b64encode(value).decode()),
    datetime: ("Edm.DateTime", _utc),
    UUID: ("Edm.Guid", str),
}
_READERS: Final[Mapping[str, Callable[[Any], object]]] = {
    INT64: int,
    "Edm.Double": float,
    "Edm.Binary": b64decode,
    "Edm.DateTime": datetime.fromisoformat,  # cuts the service's seventh digit
    "Edm.Guid": UUID,
}


def encode(entity: Mapping[str, Value | UUID]) -> bytes:
    """Write an entity, its keys included.

    The types are str, bool, int (beyond 32 bits an Int64, as is a pair of a number and `INT64`), float, bytes,
    datetime (naive: local time) and UUID.
    """
    found: dict[str, object] = {}
    for name, value in entity.items():
        is_long = type(value) is int and not -(2**31) <= value < 2**31
        given = (value, INT64) if is_long else value
        typed = _WRITERS.get(type(given))
        if typed is None:
            found[name] = given
        else:
            found[name + _TYPE], write = typed
            found[name] = write(given)
    return _dump(found).encode()


def decode(body: bytes) -> dict[str, Any]:
    """Read an entity's properties; those named `odata.…` are left out.

    A value that is not of the type that it is said to have stays as it came: its column's reader decides. Raises
    ValueError if the text is no JSON object.
    """
    try:
        given = json.loads(body)
    except RecursionError:
        given = None
    if not isinstance(given, dict):
        msg = "The answer is no entity."
        raise ValueError(msg)  # noqa: TRY004 - one error for each kind of text that is no entity
    return _values(given)


def decode_page(body: bytes) -> list[dict[str, Any]]:
    """Read the entities of a page, each as `decode` does. Raises ValueError if the text is no page."""
    try:
        return [_values(each) for each in json.loads(body)["value"]]
    except (AttributeError, LookupError, RecursionError, TypeError):
        msg = "The answer is no page of entities."
        raise ValueError(msg) from None


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _read(value, given.get(name + _TYPE))
        for name, value in given.items()
        if not name.endswith(_TYPE) and not name.startswith("odata.")
    }


def _read(value: object, kind: object) -> object:
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        return value
    try:
        return reader(value)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return value
