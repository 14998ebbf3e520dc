"""Drains 10,000 queue messages, then answers 2,000 HTTP calls, 64 at a time; in the end the books must balance.

The whole local stack: one host, the simulated workspace, and Azurite (one process, or one for queues and one for
tables) or storage in memory. Readers take results and outcomes off their queues meanwhile, as somebody does in Azure.
"""

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import aiohttp
from azure.core.exceptions import AzureError
from azure.data.tables.aio import TableClient
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from bench import spread
from bench.apps import App
from bench.ground import Ground, ground, request
from bench.posting import post_all
from bench.processes import cpu_seconds
from bench.progress import Progress
from bench.storage import AUDIT, OUTCOMES, REQUESTS, RESULTS, Kind
from local import process

AT_ONCE: Final = 64
LOOK_AGAIN: Final = 1.0
PUT_AT_ONCE: Final = 16
MOST: Final = 32  # messages of one call
POINTS: Final = 200  # of a curve
PATIENCE: Final = 120.0  # seconds without a single new run


class Stuck(Exception):
    """Nothing was worked off any more."""


@dataclass(slots=True)
class Answers:
    """What came on the queue of results, or of outcomes."""

    queue: QueueClient
    taken: list[Mapping[str, Any]] = field(default_factory=list)

    async def read(self) -> None:
        """Read until cancelled."""
        while True:
            with suppress(AzureError):  # a busy Azurite: the message comes again
                if await self._page():
                    continue
            await asyncio.sleep(LOOK_AGAIN)

    async def _page(self) -> int:
        messages = [one async for one in self.queue.receive_messages(max_messages=MOST)]
        for message in messages:
            await self._take(message)
        return len(messages)

    async def _take(self, message: QueueMessage) -> None:
        await self.queue.delete_message(message)
        self.taken.append(json.loads(base64.b64decode(message.content)))


async def measure(
    app: App, kind: Kind, progress: Progress, *, messages: int, calls: int
) -> dict[str, Any]:
    """Send all of it, and balance the books."""
    async with ground(kind=kind) as base, AsyncExitStack() as clients:
        text = base.storage.connection_string
        requests, results, outcomes = [
            await clients.enter_async_context(QueueClient.from_connection_string(text, name))
            for name in (REQUESTS, RESULTS, OUTCOMES)
        ]
        read = Answers(results)
        async with _reading(read), _reading(Answers(outcomes)):
            await _put(requests, base.requests(messages), progress)
            async with base.host(app) as host:
                ways = {
                    "queue": await _drained(base, host, messages, progress),
                    "http": await _called(base, host, calls, progress),
                }
                answers = app.name == "ours"
                if answers:
                    await _until_read(read, messages + calls)
                    ways["queue"] |= latency(_within(read.taken, "queue"))
        audited = await _audited(text)
        runs = [(run.parameters["day"], run.run_id) for run in await base.synapse.runs()]
        books = balance(messages + calls, runs, read.taken, audited, answers=answers)
    return {"app": app.name, "storage": kind, "ways": ways, "books": books}


def balance(
    requests: int,
    runs: Sequence[tuple[str, str]],
    results: Sequence[Mapping[str, Any]],
    audited: Sequence[str],
    *,
    answers: bool,
) -> dict[str, int]:
    """Count what is wrong.

    Args:
        requests: those of `bench.ground.request`, from 0 on.
        runs: of the workspace: the parameter `day`, which is the request's id, and the run's id.
        results: taken off the results queue.
        audited: the correlation ids in the audit.
        answers: whether the app publishes results and an audit.
    """
    asked = {request(number)["requestId"]: request(number) for number in range(requests)}
    of_request = Counter(name for name, _ in runs)
    run_ids = dict(runs)
    books = {
        "requests": requests,
        "runs": len(runs),
        "lost": sum(name not in of_request for name in asked),
        "doubled": sum(count - 1 for count in of_request.values()),
        "of no request": len(of_request.keys() - asked.keys()),
    }
    if not answers:
        return books
    answered = {result["requestId"] for result in results}
    known = set(audited)
    return books | {
        "results": len(results),
        "unanswered": len(asked.keys() - answered),
        "contradictory": sum(one.get("runId") != run_ids.get(one["requestId"]) for one in results),
        "unaudited": sum(one["correlationId"] not in known for one in asked.values()),
    }


def is_balanced(books: Mapping[str, int]) -> bool:
    """Return whether nothing is wrong."""
    right = {"requests", "runs", "results"}
    return not any(count for kind, count in books.items() if kind not in right)


def _within(results: Sequence[Mapping[str, Any]], source: str) -> list[float]:
    """Return the seconds from a request's arrival in the app until its result."""
    return [
        (
            datetime.fromisoformat(one["finishedAt"]) - datetime.fromisoformat(one["receivedAt"])
        ).total_seconds()
        for one in results
        if one["source"] == source
    ]


async def _put(queue: QueueClient, texts: Sequence[str], progress: Progress) -> None:
    progress.begin("messages put", len(texts))
    waiting = iter(texts)

    async def put() -> None:
        for text in waiting:
            await queue.send_message(text, time_to_live=-1)
            progress.step("")

    await asyncio.gather(*(put() for _ in range(PUT_AT_ONCE)))


async def _drained(
    base: Ground, host: process.Child, messages: int, progress: Progress
) -> dict[str, Any]:
    """Wait until every message has its run."""
    progress.begin("messages drained", messages)
    began, cpu = time.monotonic(), cpu_seconds(host.process.pid)
    seen, changed = 0, began
    while seen < messages:
        await asyncio.sleep(LOOK_AGAIN)
        now = min(messages, (await base.synapse.stats())["runs"])
        if now > seen:
            changed = time.monotonic()
            progress.step(f"{now / (changed - began):.1f} a second", by=now - seen)
        elif time.monotonic() - changed > PATIENCE or host.process.poll() is not None:
            msg = f"{seen} of {messages} messages had a run: {host.output()[-4000:]}"
            raise Stuck(msg)
        seen = now
    return {
        "requests": messages,
        "seconds": changed - began,
        "cpu": (cpu_seconds(host.process.pid) - cpu) * 1000 / messages,
    }


async def _called(
    base: Ground, host: process.Child, calls: int, progress: Progress
) -> dict[str, Any]:
    progress.begin("HTTP calls", calls)
    began, cpu = time.monotonic(), cpu_seconds(host.process.pid)
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        done = await post_all(
            session,
            f"{host.url}/api/runs",
            base.requests(calls),
            AT_ONCE,
            lambda: progress.step(""),
        )
    return {
        "requests": calls,
        "seconds": time.monotonic() - began,
        "cpu": (cpu_seconds(host.process.pid) - cpu) * 1000 / calls,
        "repeated": done.repeated,
        **latency(done.latencies),
    }


def latency(seconds: Sequence[float]) -> dict[str, Any]:
    """Return percentiles, and a curve: milliseconds by share of the requests."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    shares = [point / POINTS for point in range(POINTS + 1)]
    curve = [(round(share, 3), ordered[round(share * last)] * 1000) for share in shares]
    return {**spread.percentiles(ordered), "curve": curve}


async def _until_read(read: Answers, requests: int) -> None:
    """Wait for the results that are still on their way."""
    count, changed = 0, time.monotonic()
    while len({one["requestId"] for one in read.taken}) < requests:
        if len(read.taken) > count:
            count, changed = len(read.taken), time.monotonic()
        elif time.monotonic() - changed > PATIENCE:
            return  # the books will say so
        await asyncio.sleep(LOOK_AGAIN)


async def _audited(text: str) -> list[str]:
    async with TableClient.from_connection_string(text, AUDIT) as table:
        rows = table.list_entities(select=["correlationId"], results_per_page=1000)
        return [str(row["correlationId"]) async for row in rows]


@asynccontextmanager
async def _reading(read: Answers) -> AsyncIterator[None]:
    task = asyncio.create_task(read.read())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
