"""Every part measures, and what it measures can be shown; how much it is, is not looked at here."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench import following, load, plot, profile, results, tables, telemetry
from bench.__main__ import PARTS
from bench.apps import APPS
from bench.ground import request
from bench.plan import Size
from bench.progress import Progress

LEAST = Size(rounds=1, requests=2, warm_up=1, thorough=False)
SPREAD = {"median", "least", "greatest", "rounds"}
PERCENTILES = {"p50", "p95", "p99"}
OPERATIONS = {"operations", "roundTrips", "inSequence", "bytesIn", "bytesOut", "createRuns"}
EXPECTED: dict[str, Any] = {
    "cpu": {"inFlight": ..., "plain": {"ours": SPREAD, "ours, not followed": SPREAD}},
    "throughput": {
        "steadyPerSecond": ...,
        "apps": {
            "ours": {
                **{
                    f"{way}{level}": PERCENTILES | {"perSecond"}
                    for way in ("function", "http")
                    for level in (1, 16, 64)
                },
                "drained": PERCENTILES | {"perSecond", "cpu"},
                "fed": PERCENTILES,
            }
        },
    },
    "operations": {"ours": OPERATIONS, "ours, not followed": OPERATIONS},
    "cold": {
        "ours": {
            *("importCpu", "importWall", "firstCpu", "firstWall", "bothCpu", "bothWall"),
            *("modules", "memoryEmpty", "memoryImported", "memoryFirst"),
        }
    },
    "memory": {
        "requests": ...,
        "apps": {
            "ours": {"first", "tenth", "last", "growth"},
            "ours, timer in between": {"first", "tenth", "last", "growth"},
        },
    },
    "growth": {"memory": {"records", "p50", "cpu", "ratio"}},
    "following": {
        "open": ...,
        "followSeconds": ...,
        "ended": ...,
        "memoryFirst": ...,
        "left": ...,
        "phases": {
            phase: {
                "seconds",
                "looksPerSecond",
                "operationsPerSecond",
                "operations",
                "cpu",
                "memory",
            }
            for phase in ("all open", "ten end a second", "others end", "none")
        },
        "ofAnEnd": {*following.OF_AN_END, "putMessage"},
        "told": PERCENTILES,
    },
    "telemetry": {
        "inFlight": ...,
        "off": SPREAD,
        "on": SPREAD,
        "spans": ...,
        "aSpan": ...,
        "alone": {"span", "visit"},
        "imports": {
            name: {way: {"cpu", "memory", "modules"} for way in ("alone", "afterTheApp")}
            for name in telemetry.PACKAGES
        },
    },
    "client": {name: {"perSecond", "cpu"} for name in ("ours", "sdk", "bare")},
}


async def measured(name: str, size: Size, directory: Path) -> Any:
    """Measure one part, hold its shape to what is expected, and show it in every way."""
    found = results.begin("python -m bench")

    part = await PARTS[name][0]([APPS["ours"]], size, Progress(Console(file=io.StringIO())))
    found["parts"][name] = part

    path = results.write(found, directory / "found.json")
    read = json.loads(path.read_text())
    assert read.keys() == {"command", "date", "machine", "versions", "parts"}
    assert _keys(read["parts"][name], EXPECTED[name]) == EXPECTED[name]
    assert "| ours |" in tables.markdown(read)
    tables.show(read, Console(file=io.StringIO()))
    assert all(file.read_text().startswith("<?xml") for file in plot.draw(read, path))
    return part


@pytest.mark.parametrize("name", sorted(PARTS.keys() - {"following"}))
async def test_a_part_returns_all_its_figures_and_they_can_be_shown(
    name: str, tmp_path: Path
) -> None:
    await measured(name, LEAST, tmp_path)


async def test_an_end_costs_four_operations_and_nothing_is_left_when_none_is_open(
    tmp_path: Path,
) -> None:
    found = await measured("following", replace(LEAST, requests=24), tmp_path)

    assert {name: found["ofAnEnd"][name] for name in following.OF_AN_END[:3]} == {
        "getOpenRun": 1,
        "insertOutcome": 1,
        "insertAudit": 1,
    }
    assert found["phases"]["all open"]["looksPerSecond"] > 0
    assert found["phases"]["none"]["operations"] == {}
    assert found["left"] == 0


async def test_a_load_is_worked_off_and_its_books_balance(tmp_path: Path) -> None:
    found = results.begin("python -m bench load")

    found["parts"]["load"] = await load.measure(
        APPS["ours"], "memory", Progress(Console(file=io.StringIO())), messages=8, calls=8
    )

    books = found["parts"]["load"]["books"]
    assert load.is_balanced(books)
    assert (books["requests"], books["runs"], books["results"]) == (16, 16, 16)
    path = results.write(found, tmp_path / "found.json")
    assert len(plot.draw(found, path)) == 1
    assert "| queue | 8 |" in tables.markdown(found)


async def test_a_profile_is_sampled_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes: dict[str, Any] = {"requests": 20, "in_flight": 4, "tls": False}
    each = await profile.write(APPS["ours"], tmp_path / "samples", "sample", **sizes)
    await profile.write(APPS["ours"], tmp_path / "counted", "profile", **sizes)

    profile.counted(tmp_path / "counted", 50)
    lines = "\n".join(profile.sampled(tmp_path / "samples", 50, each))
    assert "function_app.py:start_from_queue" in lines
    assert "start_from_queue" in capsys.readouterr().out


def _result(number: int, run_id: str) -> dict[str, Any]:
    return {"requestId": request(number)["requestId"], "runId": run_id}


@pytest.mark.parametrize(
    ("runs", "results_of", "audited", "wrong"),
    [
        ([(0, "a"), (1, "b")], [(0, "a"), (1, "b")], (0, 1), {}),
        ([(0, "a")], [(0, "a"), (1, "b")], (0, 1), {"lost": 1, "contradictory": 1}),
        ([(0, "a"), (1, "b"), (1, "b")], [(0, "a"), (1, "b")], (0, 1), {"doubled": 1}),
        ([(0, "a"), (1, "b")], [(0, "a")], (0, 1), {"unanswered": 1}),
        ([(0, "a"), (1, "b")], [(0, "a"), (1, "b")], (0,), {"unaudited": 1}),
        ([(0, "a"), (1, "b"), (7, "c")], [(0, "a"), (1, "b")], (0, 1), {"of no request": 1}),
    ],
)
def test_the_books_name_what_is_wrong(
    runs: list[tuple[int, str]],
    results_of: list[tuple[int, str]],
    audited: tuple[int, ...],
    wrong: dict[str, int],
) -> None:
    books = load.balance(
        2,
        [(request(number)["requestId"], run_id) for number, run_id in runs],
        [_result(number, run_id) for number, run_id in results_of],
        [request(number)["correlationId"] for number in audited],
        answers=True,
    )

    right = {"requests", "runs", "results"}
    assert {kind: count for kind, count in books.items() if count and kind not in right} == wrong
    assert load.is_balanced(books) is (wrong == {})


def _keys(found: Any, like: Any) -> Any:
    """Return the keys of what was found, as deep as `like` goes."""
    if isinstance(like, dict):
        return {name: _keys(value, like.get(name)) for name, value in found.items()}
    return set(found) if isinstance(like, set) else like
