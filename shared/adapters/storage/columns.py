"""Writes values to a table's columns and reads them back, checked.

A MERGE can't remove a property, so an absent value is written as an empty string, whatever its type.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final

from pydantic.alias_generators import to_camel

from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import RecordUnreadable
from shared.runs.record import Entry

MAX_TEXT: Final = 32_768  # UTF-16 units of a string property (learn, tables/scalability-targets)
MAX_BINARY: Final = 64 * 1024  # bytes of a binary property (same page)
INT64: Final = "Edm.Int64"
TIMESTAMP: Final = "Timestamp"  #: the time of an entity's last write, by the service's clock

#: What a property may be; a pair is a number and `INT64`, whatever its size.
Value = str | int | float | bool | bytes | datetime | tuple[int, str]
Entity = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Column:
    """One kind of column. `read` raises an error of any kind for a value that it can't read."""

    write: Callable[[Any], Value]
    read: Callable[[Any], object]
    absent: Value | None = None  #: what is read if an earlier version wrote no such column


@cache
def name_of(field: str) -> str:
    """Return the column's name for a field, in camelCase."""
    return to_camel(field)


def fit(text: str, units: int = MAX_TEXT) -> str:
    """Cut a text to so many UTF-16 units, never through a character; lone surrogates are dropped."""
    if text.isascii():
        return text[:units]
    cut = text.encode("utf-16-le", "surrogatepass")[: 2 * units]
    return cut.decode("utf-16-le", "ignore")


def units(text: str) -> int:
    """Count UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def read(row: Mapping[str, object], name: str, column: Column) -> Any:
    """Read one column. Raises `RecordUnreadable`, naming the column and no value."""
    try:
        return column.read(row.get(name, column.absent))
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        msg = f"The column {name} is missing, or it holds what this version can't read."
        raise RecordUnreadable(msg) from None


def write_fields(source: object, fields: Mapping[str, Column], prefix: str = "") -> Entity:
    """Write the fields of an object to columns, which are named as they are, in camelCase."""
    return {
        name_of(prefix + name): column.write(getattr(source, name))
        for name, column in fields.items()
    }


def read_fields(
    row: Mapping[str, object], fields: Mapping[str, Column], prefix: str = ""
) -> dict[str, Any]:
    """Read the fields of an object. Raises `RecordUnreadable`, naming the column and no value."""
    return {name: read(row, name_of(prefix + name), column) for name, column in fields.items()}


def optional(column: Column) -> Column:
    """Return a column that may be empty."""
    return Column(
        write=lambda value: "" if value is None else column.write(value),
        read=lambda value: None if value == "" else column.read(value),
    )


def added(column: Column, *, absent: Value) -> Column:
    """Return a column that is read as `absent` from rows of an earlier version, which lack it."""
    return replace(column, absent=absent)


def member(kind: type[StrEnum]) -> Column:
    """Return a column for the values of an enumeration."""
    return Column(write=lambda value: str(value.value), read=kind)


def _only[T](kind: type[T]) -> Callable[[object], T]:
    def check(value: object) -> T:
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        raise TypeError

    return check


def _read_float(value: object) -> float:
    # A whole number comes back as an int after the cell was edited by hand.
    return float(_only(int)(value)) if isinstance(value, int) else _only(float)(value)


def _read_time(value: object) -> datetime:
    found = _only(datetime)(value)
    if found.utcoffset() is None:
        raise TypeError
    return found


def _write_error(error: CloudError) -> str:
    return next(text for text in map(_dump_error, _shorter(error)) if units(text) <= MAX_TEXT)


def _dump_error(error: CloudError) -> str:
    return fit_json(error.model_dump())


def _shorter(error: CloudError) -> Iterator[CloudError]:
    yield error
    kept = len(error.details)
    while kept:
        kept //= 2
        note = f"({len(error.details) - kept} details were left out for length.)"
        yield error.model_copy(
            update={"message": f"{error.message} {note}", "details": error.details[:kept]}
        )
    yield CloudError(code=fit(error.code, 200), message=fit(error.message, 2_000) + " (cut)")


def _read_error(text: object) -> CloudError:
    return CloudError.model_validate_json(_only(str)(text))


def _write_history(history: Sequence[Entry]) -> str:
    lines = [
        {
            "at": entry.at.isoformat(),
            "event": fit(entry.event, 200),
            "detail": fit(entry.detail, 1_000),
        }
        for entry in history
    ]
    # Two entries fit even if each character needs six in JSON; the first and the last are kept.
    while units(text := fit_json(lines)) > MAX_TEXT:
        del lines[len(lines) // 2]
    return text


def _read_history(text: object) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            at=_read_time(datetime.fromisoformat(line["at"])),
            event=_only(str)(line["event"]),
            detail=_only(str)(line["detail"]),
        )
        for line in json.loads(_only(str)(text))
    )


def fit_json(value: object) -> str:
    """Write readable JSON, without lone surrogates; it is not cut."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return fit(text, len(text) * 2)


TEXT: Final = Column(write=fit, read=_only(str))
INT: Final = Column(write=int, read=_only(int))
LONG: Final = Column(write=lambda value: (value, INT64), read=_only(int))
FLOAT: Final = Column(write=float, read=_read_float)
FLAG: Final = Column(write=bool, read=_only(bool))
BYTES: Final = Column(write=bytes, read=_only(bytes))
TIME: Final = Column(write=lambda value: value, read=_read_time)
ERROR: Final = Column(write=_write_error, read=_read_error)
HISTORY: Final = Column(write=_write_history, read=_read_history)
