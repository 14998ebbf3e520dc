"""What telemetry costs: `python -m bench.telemetry`.

Deliveries by queue run on the fakes of the tests, in virtual time, so that nothing but the gateway and telemetry takes
CPU; a collector runs in a process of its own. Threads that export count too. Printed: CPU of a delivery off and on, CPU of a span
with what comes with it (metrics, its share of the log line, encoding, sending), and what imports take.
"""

import asyncio
import json
import logging
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, override

from shared.adapters.observed import Parts, observed
from shared.config import telemetry
from shared.gateway.gateway import Gateway
from shared.gateway.runner import Runner
from shared.gateway.tracking import Tracking
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import Reply, Started, Wire
from tests.fakes.pipelines import FakePipelines
from tests.scenarios.world import World

COUNT = 300
ROUNDS = 7
SPANS = (
    7  # of a delivery by queue: the visit, insert, createRun, update, result, audit entry, open run
)
CALL = {
    "db.system.name": "azure_table",
    "db.operation.name": "insert",
    "db.collection.name": "runs",
}
SDK = "import opentelemetry.sdk.trace.export, opentelemetry.sdk.metrics.export, opentelemetry.sdk._logs.export"
OTLP = "from opentelemetry.exporter.otlp.proto.http import trace_exporter, metric_exporter, _log_exporter"
AZURE = "import azure.monitor.opentelemetry.exporter"
APP = "import function_app, httpx, aiohttp, azure.identity.aio, azure.data.tables.aio, azure.storage.queue.aio"
COLLECTOR = """
import asyncio
from local.collector import collecting
async def serve():
    async with collecting() as one:
        print(one.url, flush=True)
        await asyncio.Event().wait()
asyncio.run(serve())
"""


def host(world: World, given: dict[str, str], policy_of: Gateway) -> Gateway:
    """Return a gateway over the world's fakes, as the composition root makes it."""
    settings, policy = world.settings, policy_of._policy  # noqa: SLF001 - the world keeps it there alone
    parts = observed(
        Parts(
            records=world.records,
            audit=world.audit,
            requests=world.requests,
            results=world.results,
            pipelines=world.synapse,
            following=world.follow_ports,
        ),
        settings,
        policy,
        given,
        Path("host.json"),
    )
    return parts.gateway(
        clock=world.clock,
        records=parts.records,
        results=parts.results,
        audit=parts.audit,
        requests=parts.requests,
        policy=policy,
        settings=settings,
        runner=Runner(
            clock=world.clock,
            records=parts.records,
            pipelines=parts.pipelines,
            policy=policy,
            settings=settings,
        ),
        tracking=Tracking(
            clock=world.clock, ports=parts.following, requests=parts.requests, settings=settings
        ),
    )


class Starts(FakePipelines):
    """Starts every run without keeping it: the fake's own list would grow, and with it the time of a look."""

    @override
    async def create_run(self, call: CreateRun) -> Reply:
        return Started(run_id=call.client_request_id, echoed=True, wire=Wire(http_status=202))


async def deliver(given: dict[str, Any]) -> float:
    """Return the CPU of one delivery, in microseconds: the least of several rounds, as others use the machine too."""
    world, found = World(**given), []
    world.synapse = Starts(echoes=True, clock=world.clock)
    world.restart()
    world.host.gateway = host(world, given, world.host.gateway)
    for number in range(ROUNDS + 1):
        since = time.process_time()
        for one in range(COUNT):
            await world.deliver(f"{number}-{one}", requestId=f"{number}-{one}")
        await asyncio.sleep(2.0 if given else 0.0)  # a quiet second: everything is sent
        found.append((time.process_time() - since) / COUNT * 1e6)
    assert len(world.results.published) == COUNT * (ROUNDS + 1)
    return min(found[1:])


async def spans_alone() -> float:
    """Return the CPU of one span of a storage call, from its begin until it is sent, with its metric."""
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - only if it is on

    from shared.adapters.telemetry import metrics, providers, spans  # noqa: PLC0415 - the same

    found = telemetry.read(os.environ)
    assert found is not None
    providers.begin(found)
    rounds = []
    for _ in range(ROUNDS + 1):
        since = time.process_time()
        with spans.visiting("bench", producer=None, seed="bench"):
            for _ in range(COUNT):
                with spans.calling("insert runs", SpanKind.CLIENT, metrics.TABLES, CALL):
                    pass
        await asyncio.sleep(6.0)  # the batch's own time
        rounds.append((time.process_time() - since) / COUNT * 1e6)
    return min(rounds[1:])


def imports(first: str, then: str) -> str:
    """Return the CPU and memory of an import after another, in a process of its own."""
    rss = "int(open('/proc/self/statm').read().split()[1])"
    code = (
        f"{first}\nimport time\nm=len(__import__('sys').modules);r={rss};t=time.process_time()\n"
        f"{then}\nprint(time.process_time()-t, ({rss}-r)*4/1024, len(__import__('sys').modules)-m)"
    )
    found = [
        [
            float(value)
            for value in subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stdout.split()
        ]
        for _ in range(5)
    ]
    seconds, memory, modules = (statistics.median(column) for column in zip(*found, strict=True))
    return f"{seconds * 1000:5.0f} ms CPU  {memory:5.1f} MB  {modules:4.0f} modules"


def main() -> int:
    logging.getLogger().setLevel(logging.WARNING)
    if "--delivery" in sys.argv:
        print(asyncio.run(deliver(json.loads(sys.argv[-1]))))
        return 0
    if "--spans" in sys.argv:
        print(asyncio.run(spans_alone()))
        return 0
    child = subprocess.Popen([sys.executable, "-c", COLLECTOR], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        given = {"RUN_TELEMETRY": "otel", "OTEL_EXPORTER_OTLP_ENDPOINT": url}
        off = _run({"RUN_TELEMETRY": "off"}, "--delivery", json.dumps({}))
        on = _run(given, "--delivery", json.dumps(given))
        alone = _run(given, "--spans")
    finally:
        child.terminate()
        child.wait()
    print(f"a delivery by queue: off {off:.0f} µs CPU, on {on:.0f} µs, with {SPANS} spans")
    print(f"so each span with all that comes with it: {(on - off) / SPANS:.0f} µs")
    print(f"a storage call's span and metric by themselves, sending included: {alone:.0f} µs")
    for name, first in (("by itself", ""), ("after the app's imports", APP)):
        print(f"{name}:")
        print(f"  SDK                    {imports(first, SDK)}")
        print(f"  OTLP exporters         {imports(f'{first}\n{SDK}', OTLP)}")
        print(f"  Azure Monitor exporter {imports(f'{first}\n{SDK}', AZURE)}")
    return 0


def _run(environment: dict[str, str], *arguments: str) -> float:
    """Run a part of this in a process of its own; return the figure that it prints."""
    command = [sys.executable, "-m", "bench.telemetry", *arguments]
    # env(1) adds to the environment, which only wiring.py reads.
    settings = [f"{name}={value}" for name, value in environment.items()]
    done = subprocess.run(["env", *settings, *command], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
