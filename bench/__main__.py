"""Measure the gateway beside what people would write themselves: `python -m bench --help`."""

import argparse
import asyncio
import sys
from pathlib import Path

from rich.console import Console

from bench import cpu, profile
from bench.apps import APPS
from bench.progress import Progress


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    one = parts.add_parser("cpu", help=cpu.__doc__)
    one.add_argument("--rounds", type=int, default=5)
    one.add_argument("--requests", type=int, default=400)
    one.add_argument("--in-flight", type=int, default=16)
    one.add_argument("--apps", nargs="+", choices=list(APPS), default=list(APPS))
    one.add_argument("--tls", action="store_true", help="storage and workspace over TLS")
    one = parts.add_parser("profile", help=profile.__doc__)
    one.add_argument("--requests", type=int, default=400)
    one.add_argument("--in-flight", type=int, default=16)
    one.add_argument("--app", choices=list(APPS), default="ours")
    one.add_argument("--lines", type=int, default=40)
    one.add_argument("--tls", action="store_true")
    one.add_argument("--out", type=Path, default=Path("bench/results/profile.pstats"))
    return parser.parse_args()


async def run(given: argparse.Namespace) -> None:
    console = Console()
    if given.part == "profile":
        given.out.parent.mkdir(parents=True, exist_ok=True)
        await profile.write(
            APPS[given.app],
            given.out.resolve(),
            requests=given.requests,
            in_flight=given.in_flight,
            tls=given.tls,
        )
        profile.show(given.out, given.lines)
        return
    apps = [APPS[name] for name in given.apps]
    with Progress(console, "cpu", given.rounds * len(apps)) as progress:
        found = await cpu.measure(
            apps,
            progress,
            rounds=given.rounds,
            requests=given.requests,
            in_flight=given.in_flight,
            tls=given.tls,
        )
    for name, one in found["apps"].items():
        print(name, one)


if __name__ == "__main__":
    sys.exit(asyncio.run(run(arguments())))
