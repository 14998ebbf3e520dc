"""Answers HTTP requests: by a function, or as one of the platform's own endpoints."""

import asyncio
import hmac
import ssl
from collections.abc import Mapping
from functools import partial

from aiohttp import web

from local import process
from local.host import http_messages, routes, trace
from local.host.admin import Admin
from local.host.event_grid import EventGrid
from local.host.invocations import Invocations
from local.host.worker import Function

EVENT_GRID = "/runtime/webhooks/eventgrid"
HEADER_LIMIT = 32_768


class HttpServer:
    """Serves the functions' routes and the platform's endpoints."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        *,
        prefix: str,
        keys: frozenset[str],
        grace: float,
        invocations: Invocations,
    ) -> None:
        self._functions = functions
        self._keys = keys
        self._invocations = invocations
        self._admin = Admin(functions, invocations)
        self._event_grid = EventGrid(functions, invocations)
        self._routes = routes.Routes(
            _route(function, prefix)
            for function in functions.values()
            if function.trigger.type == "httpTrigger"
        )
        request = partial(
            web.BaseRequest,
            loop=asyncio.get_running_loop(),
            client_max_size=http_messages.BODY_LIMIT,
        )
        server = web.Server(
            self._answer,
            request_factory=request,
            access_log=None,
            max_field_size=HEADER_LIMIT,
            auto_decompress=False,  # the platform's server hands a body on as it came
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=grace)

    async def start(self, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen; returns the port."""
        await self._runner.setup()
        await web.SockSite(
            self._runner, process.listen(port), ssl_context=tls, backlog=process.BACKLOG
        ).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Take no more requests, and wait for those that run."""
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._own_or_function(request)
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413)

    async def _own_or_function(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        lowered = path.lower()
        if lowered == EVENT_GRID:
            return await self._event_grid.answer(request) if self._permits(request) else _empty(401)
        if lowered.startswith("/admin/"):
            return await self._administer(request, lowered)
        found = self._routes.find(request.method, routes.decoded(path))
        if found is None:
            return _empty(404)
        function = self._functions[found[0]]
        if _level(function) != "ANONYMOUS" and not self._permits(request):
            return _empty(401)
        return await self._call(function, request, found[1])

    async def _administer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if path == "/admin/host/status":  # open, so that readiness can be asked without a key
            return self._admin.status()
        return await self._admin.invoke(request, path) if self._permits(request) else _empty(401)

    async def _call(
        self, function: Function, request: web.BaseRequest, values: Mapping[str, str]
    ) -> web.StreamResponse:
        traced = trace.begin(
            request.headers.get("traceparent", ""), request.headers.get("tracestate", "")
        )
        data = await http_messages.data(request, values)
        outcome = await self._invocations.run(function, data, trace=traced)
        if outcome.error is not None:
            return _empty(500)
        return http_messages.response(outcome.returned)

    def _permits(self, request: web.BaseRequest) -> bool:
        """Without keys everything is open, as with Core Tools; a wrong header isn't saved by a right query."""
        if not self._keys:
            return True
        given = request.headers.get("x-functions-key", request.query.get("code", ""))
        return any(
            hmac.compare_digest(given.encode(errors="replace"), key.encode()) for key in self._keys
        )


def _route(function: Function, prefix: str) -> routes.Route:
    fields = function.trigger.fields
    template = f"{prefix}/{fields.get('route') or function.name}"
    return routes.compiled(function.name, template, fields.get("methods"))


def _level(function: Function) -> str:
    return str(function.trigger.fields.get("authLevel") or "FUNCTION").upper()


def _empty(status: int) -> web.Response:
    return web.Response(status=status)
