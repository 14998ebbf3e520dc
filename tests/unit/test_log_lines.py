"""The table of log lines in docs/log.md, held to every line that the code writes."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests import log_lines

SHARED = Path(__file__).resolve().parents[2] / "shared"
#: Written for each of several mistakes: the event is a parameter of the function that writes.
BY_PARAMETER = {"event": {"misconfigured", "not_ready"}}


def calls() -> Iterator[tuple[set[str], set[str]]]:
    """Find each call of log_line.write: the events that it may write, and their fields."""
    for path in sorted(SHARED.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "log_line.write":
                names = {one.arg for one in node.keywords if one.arg and one.arg != "limit"}
                yield events(node.args[1]), names


def events(node: ast.expr) -> set[str]:
    if isinstance(node, ast.IfExp):
        return events(node.body) | events(node.orelse)
    if isinstance(node, ast.Name):
        return BY_PARAMETER[node.id]
    return {ast.literal_eval(node)}


def test_every_line_is_in_the_table_with_its_fields() -> None:
    known = log_lines.documented()
    written: set[str] = set()
    for names, fields in calls():
        assert names <= known.keys()
        assert frozenset().union(*(known[name] for name in names)) == fields, names
        written |= names

    assert written == known.keys()


def test_the_events_that_are_parameters_are_all_that_are_given() -> None:
    text = (SHARED / "wiring.py").read_text()
    given = {
        ast.literal_eval(node.args[0])
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_log"
    }

    assert given == BY_PARAMETER["event"]


def test_nothing_else_in_the_app_logs() -> None:
    """Only `log_line` has a logger, so each line has its fields in the message."""
    users = {
        path.relative_to(SHARED).as_posix()
        for path in SHARED.rglob("*.py")
        if "logging.getLogger(" in path.read_text()
    }

    # wiring silences Azure's own; telemetry sends every line on.
    assert users == {"kernel/log_line.py", "wiring.py", "adapters/telemetry/providers.py"}
