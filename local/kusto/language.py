"""Microsoft's language service for Kusto, run by node: what is wrong with a query, and which columns it returns."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local import npm

HERE = Path(__file__).parent
INSTALLED = npm.LOCAL / "kusto"


class NotInstalled(Exception):
    """The language service is not installed."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One query, parsed and with its names resolved."""

    faults: tuple[str, ...]
    columns: Mapping[str, str]  #: those of its result, with their types


def install() -> int:
    """Install the version that package-lock.json names."""
    return npm.install(HERE)


def check(
    tables: Mapping[str, Mapping[str, str]], queries: Mapping[str, str]
) -> dict[str, Checked]:
    """Check queries.

    Args:
        tables: the tables that exist, each with its columns and their types.
        queries: the texts, by name.

    Raises:
        NotInstalled: see `install`.
    """
    if not (INSTALLED / "node_modules" / "@kusto").is_dir():
        msg = "The Kusto language service is not installed: run `.venv/bin/python -m local.kusto`"
        raise NotInstalled(msg)
    asked = {
        "installed": str(INSTALLED),
        "tables": {name: _schema(columns) for name, columns in tables.items()},
        "queries": dict(queries),
    }
    command = [npm.node(), str(HERE / "check.js")]
    done = subprocess.run(
        command, input=json.dumps(asked), check=True, capture_output=True, text=True
    )
    return {
        name: Checked(tuple(one["faults"]), one["columns"])
        for name, one in json.loads(done.stdout).items()
    }


def _schema(columns: Mapping[str, str]) -> str:
    return f"({', '.join(f'{name}: {kind}' for name, kind in columns.items())})"
