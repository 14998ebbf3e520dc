"""Serves tables and queues on a port each, and counts what passes."""

import asyncio
import gc
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from aiohttp import web

from bench.stand_in.answer import Answer
from bench.stand_in.queues import Queues
from bench.stand_in.tables import Tables
from local import process
from local.storage_proxy import operation
from local.storage_proxy.operation import Service

CONTROL: Final = "/_stand_in/"
VERSION: Final = "2019-02-02"


@dataclass(slots=True)
class Count:
    """How often an operation came, and the bytes of its requests and answers: lines, headers and bodies."""

    calls: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(slots=True)
class Traffic:
    """What passed since it was last forgotten."""

    counts: defaultdict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    #: operation, began, ended
    spans: deque[tuple[str, float, float]] = field(default_factory=lambda: deque(maxlen=10_000))


class StandIn:
    """The state of the server."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.queues = Queues()
        self.traffic = Traffic()
        self.latency = 0.0  #: seconds that each answer is held back

    async def serve(self, service: Service, request: web.BaseRequest) -> web.Response:
        """Answer a request to a service."""
        began = time.monotonic()
        body = await request.read()
        target = request.raw_path
        path, _, query = target.partition("?")
        kind = self.queues if service is Service.QUEUE else self.tables
        answer = kind.answer(
            request.method, "/".join(path.split("/")[2:]), query, request.headers, body
        )
        if self.latency:
            await asyncio.sleep(self.latency)
        response = web.Response(
            status=answer.status,
            headers={**answer.headers, "x-ms-version": VERSION},
            body=answer.body or None,
        )
        name = operation.read(service, request.method, target, body).operation
        self._count(name, request, len(body), answer)
        self.traffic.spans.append((name, began, time.monotonic()))
        return response

    def _count(self, name: str, request: web.BaseRequest, length: int, answer: Answer) -> None:
        count = self.traffic.counts[name]
        count.calls += 1
        line = len(request.method) + len(request.raw_path) + len("  HTTP/1.1\r\n\r\n")
        count.bytes_in += line + length + sum(len(n) + len(v) + 4 for n, v in request.raw_headers)
        # Status line, Date, Server and the length of the body come on top of the answer's own headers.
        own = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
        count.bytes_out += 140 + own + len(answer.body)

    async def control(self, request: web.BaseRequest) -> web.Response:
        """Answer the measuring side."""
        route = _ROUTES.get(request.path.removeprefix(CONTROL))
        if route is None:
            return web.Response(status=404)
        asked = await request.json() if request.can_read_body else {}
        return web.json_response(await route(self, asked))


async def _forget(stand_in: StandIn, _: Any) -> object:
    stand_in.traffic = Traffic()
    for queue in stand_in.queues.queues.values():
        queue.journeys.clear()
    return {}


async def _clear(stand_in: StandIn, asked: Any) -> object:
    """Empty every table and queue; they themselves stay."""
    for table in stand_in.tables.tables.values():
        table.clear()
    for queue in stand_in.queues.queues.values():
        queue.messages.clear()
        queue.due.clear()
    return await _forget(stand_in, asked)


async def _create(stand_in: StandIn, asked: Any) -> object:
    for name in asked["tables"]:
        stand_in.tables.create(name)
    for name in asked["queues"]:
        stand_in.queues.create(name)
    return {}


async def _latency(stand_in: StandIn, asked: Any) -> object:
    stand_in.latency = float(asked["seconds"])
    return {}


async def _copy(stand_in: StandIn, asked: Any) -> object:
    for name in asked["tables"]:
        stand_in.tables.copy(name, asked["times"])
    for name in asked["queues"]:
        stand_in.queues.copy(name, asked["times"])
    gc.freeze()  # looking through all of them again and again would be what is measured
    return {}


async def _put(stand_in: StandIn, asked: Any) -> object:
    for text in asked["texts"]:
        stand_in.queues.put(asked["queue"], text)
    return {}


async def _traffic(stand_in: StandIn, _: Any) -> object:
    counts = {name: asdict(count) for name, count in stand_in.traffic.counts.items()}
    return {"counts": counts, "spans": list(stand_in.traffic.spans)}


async def _journeys(stand_in: StandIn, asked: Any) -> object:
    queue = stand_in.queues.queues.get(asked["queue"])
    return [] if queue is None else queue.journeys


async def _messages(stand_in: StandIn, asked: Any) -> object:
    """Give the messages of a queue, each with the time at which it was put."""
    queue = stand_in.queues.queues[asked["queue"]]
    return [(one.text, one.inserted) for one in queue.messages.values()]


async def _sizes(stand_in: StandIn, _: Any) -> object:
    return {
        "tables": {name: len(table.rows) for name, table in stand_in.tables.tables.items()},
        "queues": {name: len(queue.messages) for name, queue in stand_in.queues.queues.items()},
        "gone": {name: len(queue.journeys) for name, queue in stand_in.queues.queues.items()},
    }


_ROUTES: Final[dict[str, Callable[[StandIn, Any], Awaitable[object]]]] = {
    "create": _create,
    "forget": _forget,
    "clear": _clear,
    "latency": _latency,
    "copy": _copy,
    "put": _put,
    "traffic": _traffic,
    "journeys": _journeys,
    "messages": _messages,
    "sizes": _sizes,
}


async def listening(
    stack: AsyncExitStack, stand_in: StandIn, service: Service, tls: ssl.SSLContext | None = None
) -> int:
    """Serve a service on a free port until the stack unwinds; returns the port."""

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path.startswith(CONTROL):
            return await stand_in.control(request)
        return await stand_in.serve(service, request)

    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.SockSite(runner, process.listen(0), ssl_context=tls, backlog=process.BACKLOG)
    await site.start()
    return int(runner.addresses[0][1])
