"""Shows results as tables: on the terminal, or as Markdown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.apps import APPS

COMPARED: Final = "c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def sheets(found: Mapping[str, Any]) -> Iterator[Sheet]:
    """Make the tables of every part that was measured."""
    yield Sheet(
        title="What is compared",
        columns=("app", "what it is", "what it does not do"),
        rows=[(app.name, app.does, app.lacks or "-") for app in APPS.values()],
    )
    for name, part in found["parts"].items():
        if part:
            yield from _SHEETS[name](part)


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print them."""
    for sheet in sheets(found):
        table = Table(title=sheet.title, title_justify="left")
        for number, column in enumerate(sheet.columns):
            is_text = number == 0 or (sheet.columns[0] == "app" and "what" in column)
            table.add_column(column, justify="left" if is_text else "right", overflow="fold")
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)


def markdown(found: Mapping[str, Any]) -> str:
    """Write them as Markdown."""
    machine, versions = found["machine"], found["versions"]
    lines = [
        f"`{found['command']}` on {found['date'][:10]}:",
        f"{machine['processor']}, {machine['cores']} cores, Python {versions['python']}, commit {versions['commit']}.",
    ]
    for sheet in sheets(found):
        lines += ["", f"**{sheet.title}**", ""]
        lines.append(f"| {' | '.join(sheet.columns)} |")
        lines.append("|---" * len(sheet.columns) + "|")
        lines += [f"| {' | '.join(row)} |" for row in sheet.rows]
    return "\n".join(lines) + "\n"


def _cpu(part: Mapping[str, Any]) -> Iterator[Sheet]:
    for kind, over in (("plain", "plain http"), ("tls", "TLS")):
        if kind not in part:
            continue
        apps = part[kind]
        yield Sheet(
            title=f"CPU of the worker for a queue request, over {over}, {part['inFlight']} at a time",
            columns=(
                "app",
                "ms, median (least to greatest)",
                f"against {COMPARED}",
                "ours against it",
            ),
            rows=[
                (
                    name,
                    _spread(one),
                    _ratio(one, apps.get(COMPARED)),
                    _ratio(apps.get("ours"), one),
                )
                for name, one in apps.items()
            ],
        )


def _throughput(part: Mapping[str, Any]) -> Iterator[Sheet]:
    apps = part["apps"]
    ways = next(iter(apps.values()))
    yield Sheet(
        title="Requests a second, over TLS: median (least to greatest)",
        columns=("app", *(way for way in ways if way != "fed")),
        rows=[
            (name, *(_spread(one["perSecond"], 0) for way, one in ways.items() if way != "fed"))
            for name, ways in apps.items()
        ],
    )
    yield Sheet(
        title=f"p50 / p95 / p99 in ms; fed with {part['steadyPerSecond']:.0f} messages a second",
        columns=("app", *ways),
        rows=[
            (
                name,
                *(
                    " / ".join(f"{one[p]:.0f}" for p in ("p50", "p95", "p99"))
                    for one in ways.values()
                ),
            )
            for name, ways in apps.items()
        ],
    )
    yield Sheet(
        title="CPU for a queue request in ms, with the local host's own polling and deleting",
        columns=("app", "median (least to greatest)"),
        rows=[(name, _spread(ways["drained"]["cpu"])) for name, ways in apps.items()],
    )


def _operations(part: Mapping[str, Any]) -> Iterator[Sheet]:
    yield Sheet(
        title="Storage and Synapse, each queue request",
        columns=(
            "app",
            "round trips",
            "in sequence",
            "bytes in",
            "bytes out",
            "createRun",
            "operations",
        ),
        rows=[
            (
                name,
                f"{one['roundTrips']:g}",
                f"{one['inSequence']:g}",
                f"{one['bytesIn']:.0f}",
                f"{one['bytesOut']:.0f}",
                f"{one['createRuns']:g}",
                ", ".join(f"{key} {count:g}" for key, count in one["operations"].items()) or "-",
            )
            for name, one in part.items()
        ],
    )


def _cold(part: Mapping[str, Any]) -> Iterator[Sheet]:
    compared = part.get(COMPARED, {})
    keys = {
        "importCpu": "import, CPU ms",
        "importWall": "import, ms",
        "firstCpu": "first answer, CPU ms",
        "firstWall": "first answer, ms",
        "bothCpu": "both, CPU ms",
        "bothWall": "both, ms",
        "modules": "modules",
        "memoryImported": "MB after the import",
        "memoryFirst": "after the answer",
    }
    yield Sheet(
        title=f"A new process: medians, and against {COMPARED}",
        columns=("app", *keys.values()),
        rows=[
            (
                name,
                *(
                    f"{one[key]['median']:.0f} ({_ratio(one[key], compared.get(key))})"
                    for key in keys
                ),
            )
            for name, one in part.items()
        ],
    )


def _memory(part: Mapping[str, Any]) -> Iterator[Sheet]:
    yield Sheet(
        title=f"Resident memory in MB, {part['requests']} requests",
        columns=("app", "after the first", "after a tenth", "after all", "growth"),
        rows=[
            (name, *(f"{one[key]:.1f}" for key in ("first", "tenth", "last", "growth")))
            for name, one in part["apps"].items()
        ],
    )


def _growth(part: Mapping[str, Any]) -> Iterator[Sheet]:
    yield Sheet(
        title="The gateway's p50 and CPU in ms with few and many records",
        columns=("storage", "records", "p50, few", "p50, many", "ratio", "CPU, few", "CPU, many"),
        rows=[
            (
                kind,
                " and ".join(f"{count:,}" for count in one["records"]),
                *(_spread(one["p50"][str(count)]) for count in one["records"]),
                _spread(one["ratio"]),
                *(_spread(one["cpu"][str(count)]) for count in one["records"]),
            )
            for kind, one in part.items()
        ],
    )


def _following(part: Mapping[str, Any]) -> Iterator[Sheet]:
    yield Sheet(
        title=f"Following {part['open']:,} runs, FOLLOW_SECONDS {part['followSeconds']}; {part['memoryFirst']:.0f} MB with one",
        columns=("phase", "seconds", "looks a second", "storage a second", "CPU", "MB"),
        rows=[
            (
                name,
                f"{one['seconds']:.0f}",
                f"{one['looksPerSecond']:.2f}",
                f"{one['operationsPerSecond']:.2f}",
                f"{one['cpu']:.1%}",
                f"{one['memory']:.0f}",
            )
            for name, one in part["phases"].items()
        ],
    )
    yield Sheet(
        title=f"An end, of {part['ended']} at ten a second; messages left on the requests queue: {part['left']}",
        columns=("told after s, p50 / p95 / p99", "storage operations"),
        rows=[
            (
                " / ".join(f"{part['told'][p] / 1000:.1f}" for p in ("p50", "p95", "p99")),
                ", ".join(f"{key} {count:.2g}" for key, count in part["ofAnEnd"].items()),
            )
        ],
    )


def _telemetry(part: Mapping[str, Any]) -> Iterator[Sheet]:
    yield Sheet(
        title=f"CPU of the gateway with telemetry, {part['inFlight']} at a time, sending included",
        columns=(
            "ms a request, off",
            "on",
            "spans",
            "µs a span, of the least",
            "a storage call's span alone",
            "a visit without one",
        ),
        rows=[
            (
                _spread(part["off"]),
                _spread(part["on"]),
                f"{part['spans']:.1f}",
                f"{part['aSpan']:.0f}",
                f"{part['alone']['span']:.0f}",
                f"{part['alone']['visit']:.0f}",
            )
        ],
    )
    yield Sheet(
        title="Import of its packages, medians",
        columns=(
            "package",
            "CPU ms",
            "MB",
            "modules",
            "after the app's own: CPU ms",
            "MB",
            "modules",
        ),
        rows=[
            (
                name,
                *(
                    f"{way[key]:.{digits}f}"
                    for way in (one["alone"], one["afterTheApp"])
                    for key, digits in (("cpu", 0), ("memory", 1), ("modules", 0))
                ),
            )
            for name, one in part["imports"].items()
        ],
    )


def _client(part: Mapping[str, Any]) -> Iterator[Sheet]:
    yield Sheet(
        title="createRun alone, 16 at a time",
        columns=("client", "calls a second", "against the SDK", "CPU ms", "against the bare POST"),
        rows=[
            (
                name,
                _spread(one["perSecond"], 0),
                _ratio(one["perSecond"], part["sdk"]["perSecond"]),
                _spread(one["cpu"], 3),
                _ratio(one["cpu"], part["bare"]["cpu"]),
            )
            for name, one in part.items()
        ],
    )


def _load(part: Mapping[str, Any]) -> Iterator[Sheet]:
    yield Sheet(
        title=f"{part['app']} under load, storage {part['storage']}",
        columns=(
            "way",
            "requests",
            "seconds",
            "a second",
            "CPU ms each",
            "answered 503",
            "p50 / p95 / p99 ms",
        ),
        rows=[
            (
                way,
                str(one["requests"]),
                f"{one['seconds']:.0f}",
                f"{one['requests'] / one['seconds']:.1f}",
                f"{one['cpu']:.2f}",
                str(one.get("repeated", "-")),
                " / ".join(f"{one[p]:.0f}" for p in ("p50", "p95", "p99") if p in one),
            )
            for way, one in part["ways"].items()
        ],
    )
    yield Sheet(
        title="The books",
        columns=tuple(part["books"]),
        rows=[tuple(str(value) for value in part["books"].values())],
    )


_SHEETS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterator[Sheet]]]] = {
    "cpu": _cpu,
    "throughput": _throughput,
    "operations": _operations,
    "cold": _cold,
    "memory": _memory,
    "growth": _growth,
    "following": _following,
    "telemetry": _telemetry,
    "client": _client,
    "load": _load,
}


def _spread(one: Mapping[str, Any], digits: int = 2) -> str:
    median = f"{one['median']:.{digits}f}"
    if len(one["rounds"]) == 1:
        return median
    return f"{median} ({one['least']:.{digits}f} to {one['greatest']:.{digits}f})"


def _ratio(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> str:
    return "-" if one is None or other is None else f"{one['median'] / other['median']:.2f} x"
