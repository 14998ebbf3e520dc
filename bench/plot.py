"""Draws results as SVG."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pygal
from pygal.style import CleanStyle

OPTIONS: Final[Mapping[str, Any]] = {
    "style": CleanStyle,
    "js": (),  # else the file loads a script from elsewhere
    "print_values": True,
    "height": 400,
    "width": 900,
}


def draw(found: Mapping[str, Any], path: Path) -> list[Path]:
    """Draw what there is to draw, each beside the file of results, and return the paths."""
    written = []
    for name, chart in _charts(found["parts"]):
        target = path.with_name(f"{path.stem}-{name}.svg")
        target.write_text(f"{chart.render(is_unicode=True)}\n")
        written.append(target)
    return written


def _charts(parts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "cpu" in parts:
        series = {over: parts["cpu"][over] for over in ("plain", "tls") if over in parts["cpu"]}
        medians = {over: [one["median"] for one in apps.values()] for over, apps in series.items()}
        yield "cpu", _bars("CPU ms for a queue request", list(series["plain"]), medians)
    if "throughput" in parts:
        apps = parts["throughput"]["apps"]
        levels = {
            way: [ways[way]["perSecond"]["median"] for ways in apps.values()]
            for way in ("function1", "function16", "function64", "http1", "http16", "http64")
        }
        yield "throughput", _bars("requests a second, over TLS", list(apps), levels)
    if "load" in parts:
        yield "latency", _latencies(parts["load"])


def _bars(title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> Any:
    chart = pygal.Bar(title=title, formatter="{:.1f}".format, **OPTIONS)
    chart.x_labels = labels
    for name, values in series.items():
        chart.add(name, list(values))
    return chart


def _latencies(part: Mapping[str, Any]) -> Any:
    """Draw which share of the requests took at most how long."""
    chart = pygal.XY(
        title=f"share of requests answered within ms, storage {part['storage']}",
        show_dots=False,
        **{**OPTIONS, "print_values": False},
    )
    for way, one in part["ways"].items():
        if "curve" in one:
            chart.add(way, [(ms, share) for share, ms in one["curve"]])
    return chart
