"""How does the simulator serve: one handler for everything, on one port (and a plain one beside TLS)."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from local.faults import Abandoned, Cut, cut
from local.process import BACKLOG, HOST, listen
from local.synapse import control, dataplane
from local.synapse.calls import Call
from local.synapse.connection import Refusal
from local.synapse.exchange import Ended, Exchange
from local.synapse.faults import Facts, Fault, Point
from local.synapse.identity import discovery
from local.synapse.routes import Operation, Target, target
from local.synapse.simulation import Simulation
from local.synapse.wire import Reply, json_reply

AFTER_READING = frozenset(Point) - {Point.ACCEPTED, Point.HEADERS}
NOTHING: list[Fault] = []
FAREWELL = 0.05  # seconds that a request under way has left when the server ends


@dataclass(frozen=True, slots=True)
class Serving:
    port: int
    plain_port: int  #: the same as port unless that one speaks TLS
    simulation: Simulation

    @property
    def url(self) -> str:
        """Where it can be reached without TLS."""
        return f"http://{HOST}:{self.plain_port}"


@asynccontextmanager
async def serving(
    simulation: Simulation, *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Serving]:
    """Serve until the block ends."""
    handler = Handler(simulation)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(handler.close)
        stack.callback(simulation.held.release, cut=True)
        main = await _listen(stack, handler, port, tls)
        plain = main if tls is None else await _listen(stack, handler, 0, None)
        yield Serving(main, plain, simulation)


async def _listen(
    stack: AsyncExitStack, handler: "Handler", port: int, tls: ssl.SSLContext | None
) -> int:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        handler.connection, sock=listen(port), ssl=tls, backlog=BACKLOG
    )
    stack.callback(server.close)
    return int(server.sockets[0].getsockname()[1])


class Handler:
    """Answers connections and requests."""

    def __init__(self, simulation: Simulation) -> None:
        self._sim = simulation
        self.web = web.Server(self._handle, access_log=None)
        self._controls: set[RequestHandler] = set()
        self._busy: set[RequestHandler] = set()
        self._refused: list[Refusal] = []

    def connection(self) -> asyncio.BaseProtocol:
        """Read requests from a new connection, or do what a fault wants with it."""
        facts = Facts(operation=Operation.CONNECTION)
        due = self._sim.faults.due(facts, {Point.ACCEPTED}) if self._sim.faults else NOTHING
        if not due:
            return self.web()
        act = due[0].act
        how = act.how if isinstance(act, Cut) else None
        call = self._sim.calls.begin(Target(Operation.CONNECTION))
        call.cut = f"{how or 'silence'}@{Point.ACCEPTED}"
        self._sim.calls.end(call)
        refusal = Refusal(how)
        self._refused.append(refusal)
        return refusal

    async def close(self) -> None:
        """End every connection."""
        for refusal in self._refused:
            refusal.close()
        await self.web.shutdown(FAREWELL)

    def close_idle(self) -> None:
        """Close what clients keep open, so that they have to connect anew; control connections stay."""
        self._controls.intersection_update(self.web.connections)
        for connection in self.web.connections:
            idle = connection not in self._controls and connection not in self._busy
            if idle and connection.transport is not None:
                cut(connection.transport, "fin")  # at once: before the control call is answered

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path.startswith("/_sim/"):
            return await self._control(request, path)
        url = request.rel_url
        call = self._sim.calls.begin(
            target(request.method, path),
            method=request.method,
            path=path,
            query=url.raw_query_string,
            headers=request.headers,
        )
        self._busy.add(request.protocol)
        try:
            return await self._exchange(request, call)
        except (Ended, Abandoned):
            if request.transport is not None and not request.transport.is_closing():
                request.transport.abort()
            return web.Response()  # reaches nobody: aiohttp drops it without a word
        finally:
            self._busy.discard(request.protocol)
            self._sim.calls.end(call)

    async def _control(self, request: web.BaseRequest, path: str) -> web.Response:
        self._controls.add(request.protocol)
        if path == "/_sim/disconnect":
            self.close_idle()
            return web.Response(body=b"{}")
        return await control.handle(self._sim, request)

    async def _exchange(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        exchange = Exchange(request, call, self._sim.held)
        faults = self._sim.faults
        if faults:
            await exchange.meet(faults.due(_facts(call), {Point.HEADERS}), Point.HEADERS)
        try:
            call.body = await request.read()
        except (OSError, web.RequestPayloadError) as fault:
            call.cut = "client@headers"
            raise Ended from fault
        due = faults.due(_facts(call), AFTER_READING) if faults else NOTHING
        reply = await exchange.meet(due, Point.RECEIVED)
        if reply is None:
            usual = await self._answer(request, call)
            reply = await exchange.meet(due, Point.CREATED) or usual
        return await exchange.send(reply, due)

    async def _answer(self, request: web.BaseRequest, call: Call) -> Reply:
        settings = self._sim.settings
        match call.target.operation:
            case Operation.TOKEN:
                await asyncio.sleep(settings.identity_delay_seconds)
                secret = request.headers.get("X-IDENTITY-HEADER")
                return self._sim.identity.answer(
                    request.query, secret, self._sim.settings, time.time()
                )
            case Operation.KEYS:
                return json_reply(200, self._sim.identity.keys.jwks())
            case Operation.DISCOVERY:
                tenant = request.path.split("/")[1]
                return json_reply(200, discovery(f"{request.scheme}://{request.host}", tenant))
            case Operation.CREATE_RUN if settings.latency_seconds:
                await asyncio.sleep(settings.latency_seconds)
        return dataplane.answer(self._sim, call, request.query)


def _facts(call: Call) -> Facts:
    return Facts(
        operation=call.target.operation,
        pipeline=call.target.pipeline,
        client_request_id=call.client_request_id,
        run_id=call.target.run_id,
        parameters=_parameters(call),
    )


def _parameters(call: Call) -> dict[str, object] | None:
    if call.target.operation is not Operation.CREATE_RUN or not call.body:
        return None
    try:
        value = json.loads(call.body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
