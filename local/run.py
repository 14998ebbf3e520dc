"""`make run`: start the local stack, run the samples, show the outcome, keep serving."""

import argparse
import asyncio
import os
import re
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local import process, samples, stack, traces
from local.collector import Collector, collecting
from local.samples import Played

REQUESTS = stack.ROOT / "samples" / "requests"
LOGS = stack.ROOT / ".local" / "logs"
PATIENCE = 60.0
#: Ends are told within a second or two: nobody here shares the workspace's quota of looks.
QUICK = {"FOLLOW_SECONDS": "1"}
COLLECTOR_PORT = 4318  #: OpenTelemetry's own, or any other if it is taken
#: Azurite has its documented ports, so that `UseDevelopmentStorage=true` finds it.
PORTS = stack.Ports(host=7071, synapse=8400, queues=10001, tables=10002)

AFTERWARDS = """
Send your own:

  curl -i {url}/api/runs -H 'Content-Type: application/json' \\
    -d '{{"pipelineName": "copyOrders", "requestId": "mine-1", "parameters": {{"day": "2026-11-24"}}}}'

  {python} -c "from azure.storage.queue import QueueClient; QueueClient.from_connection_string(
    '{storage}',
    'run-requests').send_message('{{\\"pipelineName\\": \\"copyOrders\\", \\"requestId\\": \\"mine-2\\"}}')"

Wait for the end of the first one's run, a success (200) or a failure (424):

  curl -i {url}/api/runs/mine-1/outcome -H 'Prefer: wait=60'

{synapse}/_sim/runs lists the simulated workspace's runs; its pipelines are those of samples/pipelines.json.
Storage is Azurite, its queues at port {queues} and its tables at {tables}; what it holds is gone at the end.
Logs are in .local/logs. Ctrl-C ends everything.
"""


SERVERS = {
    "host": "The gateway serves",
    "synapse": "The simulated workspace is",
    "queues": "Azurite's queues are",
    "tables": "Azurite's tables are",
}


class ServerEnded(Exception):
    """A server of the local stack ended early."""


async def main(arguments: argparse.Namespace, console: Console) -> int:
    """Run everything and return the exit code."""
    LOGS.mkdir(parents=True, exist_ok=True)
    console.print("Starting Azurite, the simulated Synapse workspace and the Functions host ...")
    try:
        async with AsyncExitStack() as everything:
            collector, env = None, dict(QUICK)
            if arguments.telemetry:
                collector = await everything.enter_async_context(collecting(COLLECTOR_PORT))
                env |= _telemetry(collector)
            running = await everything.enter_async_context(
                stack.running(ports=PORTS, env=env, logs=LOGS)
            )
            return await _serve(running, arguments, console, collector)
    except process.NotServing as error:
        console.print(f"[red]A server does not start:[/]\n{escape(error.said.strip())}")
        return 1


def _telemetry(collector: Collector) -> dict[str, str]:
    """Return the settings that send telemetry to the collector."""
    return {
        "RUN_TELEMETRY": "otel",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "PYTHON_ENABLE_OPENTELEMETRY": "true",
        "AzureFunctionsJobHost__telemetryMode": "OpenTelemetry",
    }


async def _serve(
    running: stack.Stack,
    arguments: argparse.Namespace,
    console: Console,
    collector: Collector | None = None,
) -> int:
    moved = "".join(f"[bold yellow]{sentence}[/]\n" for sentence in _moved(PORTS, running.ports))
    console.print(f"The gateway serves at {running.url}\n{moved}", soft_wrap=True)
    try:
        faults = await _while_all_run(running, _faults(running))
        if faults:
            said = "\n".join(f"  {escape(fault)}" for fault in faults)
            console.print(f"[red]The gateway can't work:[/]\n{said}", soft_wrap=True)
            return 1
        played = await _while_all_run(running, _play(running))
        failed = _show(played, console)
        failed += _show_ends(await _while_all_run(running, _follow(running, played)), console)
        if collector is not None:
            await _while_all_run(running, _show_traces(played, collector, console))
        if arguments.once:
            return 1 if failed else 0
        _show_how_to_send(running, console)
        console.print(moved, soft_wrap=True, end="")
        await _while_all_run(running, asyncio.Event().wait())
    except ServerEnded as ended:
        console.print(f"[red]{ended} ended; see .local/logs/{ended}.log. Ending the rest.")
    return 1


def _moved(wanted: stack.Ports, found: stack.Ports) -> Iterator[str]:
    """Report each server that had to take another port."""
    for field, name in SERVERS.items():
        own, port = getattr(wanted, field), getattr(found, field)
        if own not in {0, port}:
            yield (
                f"Port {own} is taken: what answers at http://127.0.0.1:{own} is not this stack (perhaps an "
                f"earlier make run). {name} at http://127.0.0.1:{port} this time."
            )


async def _faults(running: stack.Stack) -> list[str]:
    """Return what keeps the gateway from working, by its health route."""
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as http:
        if (await http.get("/api/health/ready")).is_success:
            return []
        answer = await http.get("/api/health/settings")
    faults = answer.json().get("faults")
    if faults is None:  # the route needs credentials, or the setting that says which can't be read
        said = re.findall(r"run_gateway\.misconfigured (.*)", running.host.output())
        return list(dict.fromkeys(said))
    return [f"{fault['target']}: {fault['message']}" for fault in faults]


def _show_how_to_send(running: stack.Stack, console: Console) -> None:
    ports = running.ports
    text = AFTERWARDS.format(
        python=_python(),
        url=running.url,
        storage=_storage(running),
        synapse=running.synapse.url,
        queues=ports.queues,
        tables=ports.tables,
    )
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _storage(running: stack.Stack) -> str:
    """Return the shortest connection string of the storage."""
    ports = running.ports
    usual = (ports.queues, ports.tables) == (PORTS.queues, PORTS.tables)
    return "UseDevelopmentStorage=true" if usual else running.storage


async def _play(running: stack.Stack) -> list[Played]:
    async with AsyncExitStack() as clients:
        http = await clients.enter_async_context(
            httpx.AsyncClient(base_url=running.url, timeout=60)
        )
        requests, results = [
            await clients.enter_async_context(
                QueueClient.from_connection_string(running.storage, name)
            )
            for name in ("run-requests", "run-results")
        ]
        audit = await clients.enter_async_context(
            TableClient.from_connection_string(running.storage, "runaudit")
        )
        return await samples.play(
            samples.load(REQUESTS),
            samples.Senders(http, requests),
            samples.Readers(results, audit),
            patience=PATIENCE,
        )


async def _follow(running: stack.Stack, played: list[Played]) -> list[Played]:
    async with QueueClient.from_connection_string(running.storage, "run-outcomes") as outcomes:
        return await samples.follow(played, outcomes, patience=PATIENCE)


def _show(played: list[Played], console: Console) -> int:
    table = Table(
        title="What came of the samples, by run-results and runaudit", title_justify="left"
    )
    table.add_column("request", no_wrap=True)
    table.add_column("entry point", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("run id, or error code and message", overflow="fold")
    table.add_column("seconds", justify="right")
    table.add_column("", no_wrap=True)
    failed = 0
    for one in played:
        faults = one.faults()
        failed += bool(faults)
        table.add_row(*_row(one), f"[red]{escape('; '.join(faults))}" if faults else "[green]ok")
    console.print(table)
    console.print(
        f"{len(played) - failed} of {len(played)} samples came out as their files expect."
    )
    return failed


def _show_ends(started: list[Played], console: Console) -> int:
    """Show how the runs of the samples ended; gives how many of them not as their files expect."""
    table = Table(title="\nHow the runs ended, by run-outcomes", title_justify="left")
    for title in ("request", "pipeline", "outcome"):
        table.add_column(title, no_wrap=True)
    table.add_column("error code and message", overflow="fold")
    table.add_column("seconds", justify="right")
    table.add_column("", no_wrap=True)
    for one in started:
        fault = one.end_fault()
        table.add_row(*_end_row(one), f"[red]{fault}" if fault else "[green]ok")
    failed = sum(one.end_fault() is not None for one in started)
    console.print(table)
    console.print(f"{len(started) - failed} of {len(started)} runs ended as their files expect.")
    return failed


def _end_row(one: Played) -> tuple[str, str, str, str, str]:
    outcome = one.outcome or {}
    error = outcome.get("error") or {}
    named = [f"{each['target']}: {each['message']}" for each in error.get("details", [])]
    said = "\n  ".join([f"{error['code']}: {error['message']}", *named]) if error else ""
    return (
        one.sample.name,
        outcome.get("pipelineName", "-"),
        outcome.get("outcome", "-"),
        escape(said),
        f"{outcome['durationMs'] / 1000:.2f}" if "durationMs" in outcome else "-",
    )


async def _show_traces(played: list[Played], collector: Collector, console: Console) -> None:
    """Show each sample's trace. Spans come in the order in which they end, and those of the runs' ends are the last."""
    wanted: dict[str, list[str]] = {}
    for one in played:  # some are of one request, and so of one trace
        wanted.setdefault(_trace_id(one), []).append(one.sample.name)
    ended = {_trace_id(one) for one in played if one.outcome}
    for _ in range(100):
        shown = {span.trace_id for span in collector.spans if span.name.startswith("outcome ")}
        if ended <= shown and all(map(collector.trace, wanted)):
            break
        await asyncio.sleep(0.1)
    for trace_id, names in wanted.items():
        title = f"{', '.join(names)}  (trace {trace_id})"
        console.print(traces.tree(title, collector.trace(trace_id)))


def _trace_id(one: Played) -> str:
    traceparent = str((one.result or {}).get("traceparent", ""))
    return traceparent.split("-")[1] if "-" in traceparent else ""


def _row(one: Played) -> tuple[str, str, str, str, str]:
    sample, result = one.sample, one.result or {}
    error = result.get("error") or {}
    outcome_text = result.get("runId") or f"{error.get('code', '-')}: {error.get('message', '')}"
    details = error.get("details", [])
    # A single one is part of the message.
    faults = "".join(
        f"\n  {each['target']}: {each['message']}" for each in details if len(details) > 1
    )
    again = " (again)" if result.get("duplicate") else ""
    seconds = "-" if one.seconds is None else f"{one.seconds:.2f}"
    status = result.get("status", "-") + again
    return sample.name, sample.entry, status, escape(outcome_text + faults), seconds


async def _while_all_run[T](running: stack.Stack, work: Coroutine[Any, Any, T]) -> T:
    """Do the work for as long as every server runs. Raises `ServerEnded`."""
    working = asyncio.create_task(work)
    try:
        while not (await asyncio.wait({working}, timeout=0.5))[0]:
            _see_all_run(running)
        if working.exception() is not None:
            await asyncio.sleep(0.5)  # a server that cut the call may just be ending
            _see_all_run(running)
        return working.result()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def _see_all_run(running: stack.Stack) -> None:
    for name, child in running.children.items():
        if child.process.poll() is not None:
            raise ServerEnded(name)


def _pass_by_proxies() -> None:
    """Bypass proxies for this machine, here and in the servers: a company's proxy is often set without exceptions."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    both = f"{given},127.0.0.1" if given else "127.0.0.1"
    os.environ.update(no_proxy=both, NO_PROXY=both)


def _python() -> str:
    """Return the path of the Python that has Azure's SDK."""
    own = Path(sys.executable)
    return str(own.relative_to(stack.ROOT) if own.is_relative_to(stack.ROOT) else own)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after showing the outcome")
    parser.add_argument(
        "--telemetry", action="store_true", help="collect telemetry, and show each sample's trace"
    )
    parser.add_argument(
        "--with-parent", action="store_true", help="end when make ends, even if it is killed"
    )
    return parser.parse_args()


def _console() -> Console:
    console = Console()
    # Without a terminal, rich assumes 80 columns: too narrow for a run id beside its request.
    return console if console.is_terminal else Console(width=118)


async def _cancellable(arguments: argparse.Namespace) -> int:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    _pass_by_proxies()
    if arguments.with_parent:
        process.terminate_with_parent()
    return await main(arguments, _console())


def _command() -> int:
    """Run the command. Ctrl-C is how a serving stack is ended, so it is no error then."""
    arguments = _arguments()
    try:
        return asyncio.run(_cancellable(arguments))
    except KeyboardInterrupt:
        return 130 if arguments.once else 0
    except asyncio.CancelledError:
        return 143


if __name__ == "__main__":
    sys.exit(_command())
