"""`python -m tests.explorer --seeds 10000 --from 0`: play seeds, and print the stories of those that fail."""

import argparse
import logging
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.explorer.play import Played, play
from tests.explorer.weather import FEATURES


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.explorer", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first one")
    parser.add_argument("--without", nargs="*", default=[], help=", ".join(FEATURES))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--log", action="store_true", help="print each story that fails")
    parser.add_argument("--go-on", action="store_true", help="do not stop at the first that fails")
    given = parser.parse_args()
    logging.disable()
    started = time.monotonic()
    sums: Counter[str] = Counter()
    seeds = range(given.first, given.first + given.seeds)
    with ProcessPoolExecutor(given.jobs) as pool:
        work = partial(play, without=frozenset(given.without))
        for number, played in enumerate(pool.map(work, seeds, chunksize=10), 1):
            sums.update(seeds=1, deliveries=played.deliveries, runs=played.runs)
            sums[f"{'failed' if played.faults else 'balanced'}"] += 1
            _report(played, log=given.log)
            if played.faults and not given.go_on:
                pool.shutdown(cancel_futures=True)
                break
            if number % 500 == 0:
                _say(f"{dict(sums)} {time.monotonic() - started:.0f} s")
    _say(f"{dict(sums)} {time.monotonic() - started:.0f} s")
    return 1 if sums["failed"] else 0


def _say(text: str) -> None:
    print(text, flush=True)


def _report(played: Played, *, log: bool) -> None:
    if played.faults:
        _say(played.text() if log else f"seed {played.seed}: {played.faults}")


if __name__ == "__main__":
    sys.exit(main())
