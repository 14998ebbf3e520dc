"""Runs one function app through Microsoft's worker library, as ordered by its parent: `python -m bench.worker --app DIR`.

It is the platform's worker process without the host's own work: no queue is polled and no message deleted here, which
the platform does in another process. What the app would import must not be imported before it: this module keeps to
the standard library and to the worker library.

Orders are JSON lines on standard input, answers JSON lines on standard output:

    {"do": "run", "texts": ["{…}", …], "inFlight": 16}    run the queue function for each message
    {"do": "run", …, "profile": "path"}                   the same under cProfile, which writes that file
    {"do": "run", …, "sample": "path"}                    the same, sampled: see bench.sampler
    {"do": "sweep"}                                       run the gateway's hourly timer
    {"do": "state"}                                       memory now, and CPU since the start
    {"do": "modules"}                                     what the app has imported until now
"""

import argparse
import asyncio
import cProfile
import gc
import importlib
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, Final

from bench.plain_http import allow_plain_http
from bench.sampler import Sampler
from local.host import logs, queue_message, timers, worker
from local.host.invocations import Invocations
from local.host.worker import Function

ENTRY: Final = "start_from_queue"
NEVER_EXPIRES: Final = timedelta(days=7)
#: Packages of development, which httpx imports for its command line where it finds them. No deployed app has them.
NOT_DEPLOYED: Final = ("click", "pygments", "rich")


def memory() -> float:
    """Return the resident memory, in MB."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _message(number: int) -> Any:
    """Make the facts of a queue message, as the platform passes them."""
    now = datetime.now(UTC)
    return SimpleNamespace(
        id=f"00000000-0000-4000-8000-{number:012d}",
        pop_receipt="AgAAAAMAAAAAAAAA",
        inserted_on=now,
        expires_on=now + NEVER_EXPIRES,
        next_visible_on=now + timedelta(minutes=10),
    )


class Worker:
    """The indexed app."""

    def __init__(self, functions: dict[str, Function], before: frozenset[str]) -> None:
        self._functions = functions
        self._before = before  #: the modules that were there before the app
        self._invocations = Invocations()
        self._number = 0

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order."""
        match order["do"]:
            case "run":
                with _watching(order):
                    return await self._run(order["texts"], order["inFlight"])
            case "sweep":
                data = timers.data(datetime.now(UTC), datetime.now(UTC))
                outcome = await self._invocations.run(self._functions["forget"], data)
                return {"error": outcome.error}
            case "modules":
                return {"modules": sorted(sys.modules.keys() - self._before)}
            case _:
                gc.collect()
                return {"memory": memory(), "cpu": time.process_time()}

    async def _run(self, texts: list[str], in_flight: int) -> dict[str, Any]:
        """Run the queue function for each message, so many at a time."""
        latencies: list[float] = []
        errors: list[str] = []
        waiting = iter(texts)
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(
            *(self._drain(waiting, latencies, errors) for _ in range(min(in_flight, len(texts))))
        )
        return {
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "latencies": latencies,
            "failed": len(errors),
            "errors": sorted(set(errors))[:3],
        }

    async def _drain(
        self, waiting: Iterator[str], latencies: list[float], errors: list[str]
    ) -> None:
        for text in waiting:
            self._number += 1
            began = time.perf_counter()
            outcome = await self._invocations.run(
                self._functions[ENTRY],
                queue_message.data(text.encode(), None),
                metadata=queue_message.metadata(_message(self._number), 1),
            )
            latencies.append(time.perf_counter() - began)
            if outcome.error is not None:
                errors.append(outcome.error[:500])


@contextmanager
def _watching(order: dict[str, Any]) -> Iterator[None]:
    """Profile or sample, if the order says so."""
    if "sample" in order:
        with Sampler(Path(order["sample"])):
            yield
        return
    profiler = cProfile.Profile() if "profile" in order else None
    if profiler:
        profiler.enable()
    yield
    if profiler:
        profiler.disable()
        profiler.dump_stats(order["profile"])


async def serve(given: argparse.Namespace) -> None:
    """Index the app, then carry out orders until standard input closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the app prints is no answer
    logs.begin(default=logging.INFO, function=logging.INFO)
    modules: dict[str, Any] = sys.modules
    modules.update(dict.fromkeys(NOT_DEPLOYED))  # an import fails then
    if given.plain_http:
        allow_plain_http()
    empty, before = memory(), frozenset(sys.modules)
    sys.path.insert(0, str(given.app))
    cpu, wall = time.process_time(), time.perf_counter()
    importlib.import_module("function_app")
    imported = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    functions = await worker.load(given.app)
    made = Worker(functions, before)
    facts = {"imported": imported, "modules": len(sys.modules), "empty": empty}
    _answer(answers, {**facts, "memory": memory()})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _answer(answers, await made.obey(json.loads(line)))


def _answer(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.worker", description=__doc__)
    parser.add_argument("--with-parent", action="store_true", help="as every server of the stack")
    parser.add_argument("--app", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--plain-http", action="store_true", help="for a workspace without TLS")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
