"""Shows where the CPU of a queue request goes: sampled, or counted by cProfile."""

import json
import pstats
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from bench.apps import App
from bench.ground import ground
from bench.plan import WARM_UP

type How = Literal["sample", "profile"]


async def write(
    app: App, path: Path, how: How, *, requests: int, in_flight: int, tls: bool
) -> float:
    """Write the profile of so many requests; returns the milliseconds of CPU of each without it."""
    async with ground(tls=tls) as base, base.worker(app) as worker:
        await worker.run(base.requests(WARM_UP), in_flight)
        plain = await worker.run(base.requests(requests), in_flight)
        await worker.run(base.requests(requests), in_flight, **{how: path})
    return float(plain["cpu"]) * 1000 / requests


def counted(path: Path, lines: int) -> None:
    """Print the functions in which most time passes, with what they call and by themselves."""
    stats = pstats.Stats(str(path)).strip_dirs()
    for order in ("cumulative", "tottime"):
        stats.sort_stats(order).print_stats(lines)


def sampled(path: Path, lines: int, each: float) -> Iterator[str]:
    """Yield the packages and functions with the greatest shares; `each` is a request's milliseconds."""
    found = json.loads(path.read_text())
    titles = {
        "packages": "by package, the standard library for its caller",
        "own": "in a function itself",
        "within": "in a function and what it calls",
    }
    yield f"{each:.2f} ms of CPU for each request; {found['samples']} samples"
    for kind, title in titles.items():
        yield f"\n{title}"
        ordered = sorted(found[kind].items(), key=lambda one: -one[1])
        for name, count in ordered[:lines]:
            share = count / found["samples"]
            yield f"{share:6.1%} {share * each:7.3f} ms  {name}"
