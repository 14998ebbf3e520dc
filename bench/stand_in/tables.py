"""Tables: insert, merge, replace, get, delete, transactions of deletes, and query; each entity with an ETag."""

import itertools
import json
import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote

from bench.stand_in import transaction
from bench.stand_in.answer import Answer

KEY: Final = re.compile(
    r"(?P<table>\w+)\(PartitionKey='(?P<partition>(?:[^']|'')*)',\s*RowKey='(?P<row>(?:[^']|'')*)'\)"
)
TERM: Final = re.compile(r"\(*(?P<name>\w+) (?P<op>eq|gt|ge|lt|le) '(?P<value>(?:[^']|'')*)'\)*")
COMPARED: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "eq": lambda one, other: one == other,
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
}
#: Types that an answer names; the others show in the JSON itself.
NAMED: Final = frozenset({"Edm.Int64", "Edm.DateTime", "Edm.Guid", "Edm.Binary"})
TYPE: Final = "@odata.type"
JSON: Final = "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"
MOST: Final = 1000  # entities of one page

type Keys = tuple[str, str]
type Properties = dict[str, tuple[Any, str | None]]


@dataclass(slots=True)
class Row:
    """One entity."""

    properties: Properties
    timestamp: str

    @property
    def etag(self) -> str:
        return f"W/\"datetime'{quote(self.timestamp, safe='')}'\""


@dataclass(slots=True)
class Table:
    """The entities of a table; queries read them in the order of their keys."""

    rows: dict[Keys, Row] = field(default_factory=dict)
    _sorted: list[Keys] | None = None

    def put(self, keys: Keys, row: Row) -> None:
        if keys not in self.rows and self._sorted is not None:
            insort(self._sorted, keys)
        self.rows[keys] = row

    def remove(self, keys: Keys) -> None:
        del self.rows[keys]
        if self._sorted is not None:
            del self._sorted[bisect_left(self._sorted, keys)]

    def clear(self) -> None:
        self.rows.clear()
        self._sorted = None

    def after(self, keys: Keys | None, first: str, last: str) -> Iterator[Keys]:
        """Yield the keys after these, in their order.

        Args:
            keys: the last ones of the page before.
            first: the first partition that is asked for.
            last: the last one.
        """
        if self._sorted is None:
            self._sorted = sorted(self.rows)
        begun = (first, "") if keys is None else keys
        start = (bisect_left if keys is None else bisect_right)(self._sorted, begun)
        end = bisect_right(self._sorted, last, key=lambda one: one[0])
        return itertools.islice(self._sorted, start, end)


class Tables:
    """All tables."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self._ticks = itertools.count()

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Answer one request; `path` is what follows the account, as it was sent."""
        step = unquote(path)
        if step == "Tables":
            name = json.loads(body)["TableName"]
            is_new = self.create(name)
            return _json(201, {"TableName": name}) if is_new else _error(409, "TableAlreadyExists")
        if step == "$batch":
            return self._transaction(transaction.read(body))
        found = KEY.fullmatch(step)
        table = self.tables.get(found["table"] if found else step.removesuffix("()"))
        if table is None:
            return _error(404, "TableNotFound")
        if found is not None:
            keys = _plain(found["partition"]), _plain(found["row"])
            return self._of_entity(table, method, keys, headers, body)
        if method == "POST":
            return self._insert(table, headers, json.loads(body))
        return _query(table, parse_qs(query))

    def copy(self, name: str, times: int) -> None:
        """Fill a table with so many copies of its first entity, under other keys."""
        table = self.tables[name]
        (partition, row), kept = next(iter(table.rows.items()))
        for number in range(times):
            table.put((f"{partition}~{number:08}", row), kept)

    def create(self, name: str) -> bool:
        """Create a table; False if it is there."""
        if name in self.tables:
            return False
        self.tables[name] = Table()
        return True

    def _transaction(self, parts: Sequence[tuple[str, str]]) -> Answer:
        """Delete all of them, or none if one is missing."""
        found: list[tuple[Table, Keys]] = []
        for place, (method, step) in enumerate(parts):
            named = KEY.fullmatch(step)
            table = self.tables.get(named["table"]) if named else None
            if method != "DELETE" or named is None or table is None:
                return transaction.answer([_error(501, "NotImplemented", f"{place}:")])
            keys = _plain(named["partition"]), _plain(named["row"])
            if keys not in table.rows:
                return transaction.answer([_error(404, "ResourceNotFound", f"{place}:")])
            found.append((table, keys))
        for table, keys in found:
            table.remove(keys)
        return transaction.answer([Answer(204)] * len(found))

    def _of_entity(
        self, table: Table, method: str, keys: Keys, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        row, condition = table.rows.get(keys), headers.get("If-Match")
        if row is None:
            if condition is not None or method in {"GET", "DELETE"}:
                return _error(404, "ResourceNotFound")
        elif condition not in {None, "*", row.etag}:
            return _error(412, "UpdateConditionNotSatisfied")
        elif method == "GET":
            return _json(200, _shown(keys, row), ETag=row.etag)
        if method == "DELETE":
            return self._delete(table, keys, condition)
        sent = _read(json.loads(body))
        # Without If-Match, PATCH is "insert or merge" and PUT "insert or replace".
        kept = {} if row is None or method == "PUT" else row.properties
        return self._write(table, keys, kept | sent)

    def _delete(self, table: Table, keys: Keys, condition: str | None) -> Answer:
        if condition is None:
            return _error(400, "InvalidInput")
        table.remove(keys)
        return Answer(204)

    def _insert(self, table: Table, headers: Mapping[str, str], sent: dict[str, Any]) -> Answer:
        keys = str(sent["PartitionKey"]), str(sent["RowKey"])
        if keys in table.rows:
            return _error(409, "EntityAlreadyExists")
        answer = self._write(table, keys, _read(sent))
        if headers.get("Prefer") == "return-no-content":
            return Answer(204, {**answer.headers, "Preference-Applied": "return-no-content"})
        return _json(201, _shown(keys, table.rows[keys]), **answer.headers)

    def _write(self, table: Table, keys: Keys, properties: Properties) -> Answer:
        row = Row(properties, self._now())
        table.put(keys, row)
        return Answer(204, {"ETag": row.etag})

    def _now(self) -> str:
        """Return the time with seven digits; the last one keeps two writes of a microsecond apart."""
        now = datetime.now(UTC).replace(tzinfo=None)
        return f"{now.isoformat(timespec='microseconds')}{next(self._ticks) % 10}Z"


def _query(table: Table, asked: Mapping[str, list[str]]) -> Answer:
    terms = [
        (one["name"], one["op"], _plain(one["value"]))
        for text in asked.get("$filter", [])
        for one in TERM.finditer(text)
    ]
    size = int(asked.get("$top", [str(MOST)])[0])
    columns = asked["$select"][0].split(",") if "$select" in asked else None
    begun = asked.get("NextPartitionKey")
    last = None if begun is None else (begun[0], asked["NextRowKey"][0])
    page: list[dict[str, Any]] = []
    for keys in table.after(last, *_bounds(terms)):
        if len(page) == size:
            headers = {
                "x-ms-continuation-NextPartitionKey": last[0] if last else "",
                "x-ms-continuation-NextRowKey": last[1] if last else "",
            }
            return _json(200, {"value": page}, **headers)
        row = table.rows[keys]
        if all(COMPARED[op](_text(keys, row, name), value) for name, op, value in terms):
            page.append(_shown(keys, row, columns))
            last = keys
    return _json(200, {"value": page})


def _bounds(terms: Sequence[tuple[str, str, str]]) -> tuple[str, str]:
    """Return the first and the last partition that a query asks for, so that no other is looked through."""
    asked = [(op, value) for name, op, value in terms if name == "PartitionKey"]
    first = max((value for op, value in asked if op in {"eq", "gt", "ge"}), default="")
    last = min((value for op, value in asked if op in {"eq", "lt", "le"}), default="\U0010ffff")
    return first, last


def _text(keys: Keys, row: Row, name: str) -> str:
    match name:
        case "PartitionKey":
            return keys[0]
        case "RowKey":
            return keys[1]
        case _:
            return str(row.properties.get(name, ("", None))[0])


def _read(sent: dict[str, Any]) -> Properties:
    return {
        name: (value, sent.get(name + TYPE))
        for name, value in sent.items()
        if not name.endswith(TYPE) and name not in {"PartitionKey", "RowKey", "odata.etag"}
    }


def _shown(keys: Keys, row: Row, columns: list[str] | None = None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "odata.etag": row.etag,
        "PartitionKey": keys[0],
        "RowKey": keys[1],
        "Timestamp" + TYPE: "Edm.DateTime",
        "Timestamp": row.timestamp,
    }
    for name, (value, kind) in row.properties.items():
        if columns is None or name in columns:
            if kind in NAMED:
                shown[name + TYPE] = kind
            shown[name] = value
    return shown


def _plain(text: str) -> str:
    return text.replace("''", "'")


def _json(status: int, content: object, **headers: str) -> Answer:
    return Answer(status, {"Content-Type": JSON, **headers}, json.dumps(content).encode())


def _error(status: int, code: str, place: str = "") -> Answer:
    message = {"lang": "en-US", "value": f"{place}{code}.\nRequestId:0\nTime:0"}
    return _json(status, {"odata.error": {"code": code, "message": message}})
