"""Measure the gateway beside what people would write themselves.

python -m bench all [--quick]                      every part: a table, a JSON file and plots in bench/results
python -m bench cpu --rounds 5 --requests 400      one part alone
python -m bench table bench/results/FILE.json      the tables as Markdown
python -m bench plot bench/results/FILE.json       the plots
python -m bench profile                            where the time of a queue request goes
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args

from rich.console import Console

from bench import (
    client,
    cold,
    cpu,
    following,
    growth,
    load,
    memory,
    operations,
    profile,
    results,
    tables,
    telemetry,
    throughput,
)
from bench.apps import APPS
from bench.plan import Part, Size
from bench.progress import Progress
from bench.storage import Kind


def _full(rounds: int, requests: int) -> Size:
    return Size(rounds=rounds, requests=requests)


def _quick(requests: int) -> Size:
    return Size(rounds=1, requests=requests, warm_up=16, thorough=False)


PARTS: Final[Mapping[str, tuple[Part, str | None, Size, Size]]] = {
    "cpu": (cpu.measure, cpu.__doc__, _full(5, 400), _quick(40)),
    "throughput": (throughput.measure, throughput.__doc__, _full(3, 200), _quick(16)),
    "operations": (operations.measure, operations.__doc__, _full(1, 20), _quick(3)),
    "cold": (cold.measure, cold.__doc__, _full(5, 1), _quick(1)),
    "memory": (memory.measure, memory.__doc__, _full(1, 10_000), _quick(60)),
    "growth": (growth.measure, growth.__doc__, _full(5, 200), _quick(20)),
    "following": (following.measure, following.__doc__, _full(1, 10_000), _quick(60)),
    "telemetry": (telemetry.measure, telemetry.__doc__, _full(5, 400), _quick(20)),
    "client": (client.measure, client.__doc__, _full(5, 2000), _quick(200)),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in [("all", "every part"), *((name, part[1]) for name, part in PARTS.items())]:
        one = commands.add_parser(name, help=text, description=text)
        one.add_argument("--quick", action="store_true", help="too little to tell, in a minute")
        one.add_argument("--apps", nargs="+", choices=list(APPS), default=list(APPS))
        one.add_argument("--out", type=Path, help="default: bench/results, named by the date")
        if name != "all":
            one.add_argument("--rounds", type=int)
            one.add_argument("--requests", type=int)
    for name, text in (("table", tables.__doc__), ("plot", "the plots, as SVG")):
        commands.add_parser(name, help=text).add_argument("file", type=Path)
    one = commands.add_parser("profile", help=profile.__doc__)
    one.add_argument("--requests", type=int, default=2000)
    one.add_argument("--counted", action="store_true", help="by cProfile, which slows it down")
    one.add_argument("--in-flight", type=int, default=16)
    one.add_argument("--app", choices=list(APPS), default="ours")
    one.add_argument("--lines", type=int, default=40)
    one.add_argument("--tls", action="store_true")
    one.add_argument("--out", type=Path)
    one = commands.add_parser("load", help=load.__doc__, description=load.__doc__)
    one.add_argument("--app", choices=list(APPS), default="ours")
    one.add_argument("--storage", choices=get_args(Kind.__value__), default="azurite")
    one.add_argument("--messages", type=int, default=10_000)
    one.add_argument("--calls", type=int, default=2_000)
    one.add_argument("--out", type=Path)
    return parser.parse_args()


async def measure(given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Measure one part, or all."""
    found = _begun()
    progress = Progress(console)
    try:
        for name in PARTS if given.command == "all" else [given.command]:
            part, _, full, quick = PARTS[name]
            size = quick if given.quick else full
            rounds, requests = getattr(given, "rounds", None), getattr(given, "requests", None)
            chosen = replace(size, rounds=rounds or size.rounds, requests=requests or size.requests)
            found["parts"][name] = await part([APPS[one] for one in given.apps], chosen, progress)
    finally:
        progress.end()
    return found


async def press(given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Send the load."""
    found = _begun()
    progress = Progress(console)
    try:
        found["parts"]["load"] = await load.measure(
            APPS[given.app],
            given.storage,
            progress,
            messages=given.messages,
            calls=given.calls,
        )
    finally:
        progress.end()
    return found


def _begun() -> dict[str, Any]:
    return results.begin(f".venv/bin/python -m bench {' '.join(sys.argv[1:])}")


def main() -> int:
    given = arguments()
    console = Console()
    if not console.is_terminal:
        console = Console(width=180)  # 80 columns would be assumed
    match given.command:
        case "table":
            print(tables.markdown(results.read(given.file)), end="")
        case "plot":
            _draw(results.read(given.file), given.file)
        case "profile":
            _profile(given)
        case "load":
            found = asyncio.run(press(given, console))
            _finish(found, given.out, console)
            books = found["parts"]["load"]["books"]
            print("THE BOOKS BALANCE" if load.is_balanced(books) else "THE BOOKS DO NOT BALANCE")
            return 0 if load.is_balanced(books) else 1
        case _:
            _finish(asyncio.run(measure(given, console)), given.out, console)
    return 0


def _profile(given: argparse.Namespace) -> None:
    name = "profile.pstats" if given.counted else "samples.json"
    path: Path = (given.out or results.DIRECTORY / name).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    each = asyncio.run(
        profile.write(
            APPS[given.app],
            path,
            "profile" if given.counted else "sample",
            requests=given.requests,
            in_flight=given.in_flight,
            tls=given.tls,
        )
    )
    if given.counted:
        profile.counted(path, given.lines)
    else:
        print("\n".join(profile.sampled(path, given.lines, each)))


def _finish(found: Mapping[str, Any], out: Path | None, console: Console) -> None:
    path = results.write(found, out)
    tables.show(found, console)
    print(path)
    _draw(found, path)


def _draw(found: Mapping[str, Any], path: Path) -> None:
    from bench import plot  # noqa: PLC0415 - nothing else needs the library

    print(*plot.draw(found, path), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
