"""What telemetry costs: CPU of a queue request with it on and off, of one span alone, and what its packages take to import.

The app runs as in `cpu`, in interleaved rounds; a collector in the parent process takes what is sent. Threads that export count
too: a round ends when a second without a request has passed, in which the app sends all that is left.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from bench import spread
from bench.apps import APPS, App
from bench.ground import Ground, ground
from bench.plan import AGAIN, Size, turned
from bench.progress import Progress
from bench.workers import Worker
from local.collector import Collector, collecting
from shared.config import telemetry

IN_FLIGHT: Final = 16
QUIET: Final = 2.0  #: seconds in which everything is sent
SPANS: Final = 1000  #: of storage calls in one visit; buffers hold 2,048
SDK: Final = "import opentelemetry.sdk.trace.export, opentelemetry.sdk.metrics.export, opentelemetry.sdk._logs.export"
OTLP: Final = "from opentelemetry.exporter.otlp.proto.http import trace_exporter, metric_exporter, _log_exporter"
AZURE: Final = "import azure.monitor.opentelemetry.exporter"
APP: Final = "import function_app, httpx, aiohttp, azure.identity.aio, azure.data.tables.aio, azure.storage.queue.aio"
PACKAGES: Final[Mapping[str, tuple[str, str]]] = {  # what is imported, and what is there before
    "SDK": ("", SDK),
    "OTLP exporters, after the SDK": (SDK, OTLP),
    "Azure Monitor exporter, after the SDK": (SDK, AZURE),
}


async def measure(apps: Sequence[App], size: Size, progress: Progress) -> Mapping[str, Any]:
    """Measure milliseconds of CPU a request, off and on, microseconds a span, and each import alone and after the app's own."""
    if APPS["ours"] not in apps:
        return {}
    progress.begin("telemetry", 2 * size.rounds + 1 + 2 * len(PACKAGES))
    async with collecting() as collector:
        found = await _compared(collector, size, progress)
        rounds = size.rounds if size.thorough else 1
        command = [sys.executable, "-m", "bench.telemetry", str(rounds)]
        alone = json.loads(await asyncio.to_thread(_printed, command, _on(collector)))
        progress.step(f"a span alone {alone['span']:.0f} µs")
    imports: dict[str, dict[str, Any]] = {}
    for name, (first, then) in PACKAGES.items():
        imports[name] = {}
        for way, before in (("alone", ""), ("afterTheApp", f"{APP}\n")):
            imports[name][way] = await asyncio.to_thread(_import, before + first, then, size.rounds)
            progress.step(f"{name} {imports[name][way]['cpu']:.0f} ms")
    return {"inFlight": IN_FLIGHT, **found, "alone": alone, "imports": imports}


def _on(collector: Collector) -> dict[str, str]:
    return {"RUN_TELEMETRY": "otel", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}


async def _compared(collector: Collector, size: Size, progress: Progress) -> dict[str, Any]:
    cpu: dict[str, list[float]] = {"off": [], "on": []}
    spans: list[float] = []
    async with AsyncExitStack() as running:
        base = await running.enter_async_context(ground())
        workers = {
            name: await running.enter_async_context(base.worker(APPS["ours"], **settings))
            for name, settings in (("off", {}), ("on", _on(collector)))
        }
        for worker in workers.values():
            await worker.run(base.requests(size.warm_up), IN_FLIGHT)
        for turn in range(size.rounds):
            for name in turned(list(workers), turn):
                await workers[name].run(base.requests(min(AGAIN, size.requests)), IN_FLIGHT)
                await asyncio.sleep(QUIET)
                before = len(collector.spans)
                cpu[name].append(await _cpu(base, workers[name], size.requests))
                spans.append((len(collector.spans) - before) / size.requests)
                progress.step(f"{name} {cpu[name][-1]:.2f} ms a request")
            await base.storage.ask("clear")
            await base.synapse.reset()
    each = max(spans)
    least = {name: min(rounds) for name, rounds in cpu.items()}  # others on the machine only add
    return {
        "off": spread.of(cpu["off"]),
        "on": spread.of(cpu["on"]),
        "spans": each,
        "aSpan": 1000 * (least["on"] - least["off"]) / each,
    }


async def _cpu(base: Ground, worker: Worker, requests: int) -> float:
    """Return the milliseconds of CPU of a request, until all that it leaves behind is sent."""
    texts = base.requests(requests)
    before = await worker.cpu()
    await worker.run(texts, IN_FLIGHT)
    await asyncio.sleep(QUIET)
    return (await worker.cpu() - before) * 1000 / requests


async def _alone(rounds: int) -> dict[str, float]:
    """Return the microseconds of CPU of a storage call's span and metric, until they are sent, and of a visit without one.

    The latter is what each quiet period costs, however many spans are sent in it. Both of the least of the rounds.
    """
    from shared.adapters.telemetry import providers  # noqa: PLC0415 - here alone

    settings = telemetry.read(os.environ)
    if settings is None:
        raise ValueError(settings)
    providers.begin(settings)
    await _visit(SPANS)  # imports what sends
    empty, full = [], []
    for _ in range(rounds):
        empty.append(await _visit(0))
        full.append(await _visit(SPANS))
    return {"span": (min(full) - min(empty)) / SPANS, "visit": min(empty)}


async def _visit(calls: int) -> float:
    """Make a visit with so many storage calls; returns its microseconds of CPU until all is sent."""
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - here alone

    from shared.adapters.telemetry import metrics, quiet, spans  # noqa: PLC0415 - the same

    attributes = {
        "db.system.name": "azure_table",
        "db.operation.name": "insert",
        "db.collection.name": "runs",
    }
    since = time.process_time()
    with quiet.busy(), spans.visiting("bench", producer=None, seed="bench"):
        for _ in range(calls):
            with spans.calling("insert runs", SpanKind.CLIENT, metrics.TABLES, attributes):
                pass
    await asyncio.sleep(QUIET)
    return (time.process_time() - since) * 1e6


def _import(first: str, then: str, rounds: int) -> dict[str, float]:
    """Return the CPU and the memory of an import after another, in a process of its own: medians."""
    memory = "int(open('/proc/self/statm').read().split()[1])"
    code = (
        f"{first}\nimport sys, time\nm = len(sys.modules); r = {memory}; t = time.process_time()\n"
        f"{then}\nprint(time.process_time() - t, ({memory} - r) * 4 / 1024, len(sys.modules) - m)"
    )
    lines = [_printed([sys.executable, "-c", code], {}).split() for _ in range(rounds)]
    seconds, megabytes, modules = (
        statistics.median(map(float, column)) for column in zip(*lines, strict=True)
    )
    return {"cpu": seconds * 1000, "memory": megabytes, "modules": modules}


def _printed(command: Sequence[str], environment: Mapping[str, str]) -> str:
    # env(1) adds to the environment, which only wiring.py reads.
    settings = [f"{name}={value}" for name, value in environment.items()]
    done = subprocess.run(["env", *settings, *command], capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_alone(int(sys.argv[1])))))
