"""Reads log lines, the table of them in docs/log.md, and what the queries of infra/queries ask of them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
QUERIES: Final = ROOT / "infra" / "queries"

_FIELD: Final = re.compile(r' ([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^ "]+)')
_ROW: Final = re.compile(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
#: One use of the lines in a query: the prefix that is looked for, the fields that are read, and what follows.
_PART: Final = re.compile(
    r'AppTraces\s+\| where Message startswith "run_gateway\.(\w*) ?"'
    r'\s+\| parse Message with event: string " " fields: string'
    r"\s+\| parse-kv fields as \(([^)]*)\) with "
    r'\(pair_delimiter=" ", kv_delimiter="=", quote="\\"", escape="\\\\"\)'
    r"((?:\s+(?:\||//)[^;\n]*)*)"
)
_LITERALS: Final = re.compile(r'(\w+) (!?in|==|!=) (\([^)]*\)|"[^"]*")')


@dataclass(frozen=True, slots=True)
class Line:
    """One log line."""

    event: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """One use of the lines in a query."""

    events: frozenset[str]  #: without the prefix; empty: all
    fields: frozenset[str]
    values: Mapping[str, frozenset[str]]  #: the texts that a field has to be
    others: Mapping[str, frozenset[str]]  #: the texts that it must not be


def read(text: str) -> list[Line]:
    """Read every line of the gateway in a log."""
    return [
        Line(found[1], {name: _plain(value) for name, value in _FIELD.findall(found[2])})
        for found in re.finditer(r"\brun_gateway\.(\w+)((?: [A-Za-z]+=.*)?)$", text, re.MULTILINE)
    ]


def documented() -> dict[str, frozenset[str]]:
    """Return the fields of each event by docs/log.md."""
    table = (ROOT / "docs" / "log.md").read_text()
    return {event: frozenset(re.findall(r"`(\w+)`", cell)) for event, cell in _ROW.findall(table)}


def parts(query: str) -> list[Part]:
    """Return each use of the lines in a query."""
    return [_part(*found) for found in _PART.findall(query)]


def _part(prefix: str, keys: str, rest: str) -> Part:
    values: dict[str, frozenset[str]] = {}
    others: dict[str, frozenset[str]] = {}
    for name, comparison, literals in _LITERALS.findall(rest):
        found = others if comparison.startswith("!") else values
        found[name] = found.get(name, frozenset()) | set(re.findall(r'"([^"]*)"', literals))
    named = {prefix} if prefix else {one.partition(".")[2] for one in values.pop("event", ())}
    fields = frozenset(key.partition(":")[0].strip() for key in keys.split(","))
    return Part(frozenset(named), fields, values, others)


def _plain(value: str) -> str:
    return str(json.loads(value)) if value.startswith('"') else value
