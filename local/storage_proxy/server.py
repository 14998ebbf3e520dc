"""Listens on one port for each service; both also answer `/_proxy/…` to the tests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from pydantic import ValidationError

from local.storage_proxy.faults import Fault
from local.storage_proxy.operation import Service
from local.storage_proxy.proxy import Proxy, listening

CONTROL = "/_proxy/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A proxy that serves."""

    proxy: Proxy
    queue_port: int
    table_port: int
    account: str

    @property
    def queue_url(self) -> str:
        """The address to give as the queue endpoint."""
        return f"http://127.0.0.1:{self.queue_port}/{self.account}"

    @property
    def table_url(self) -> str:
        """The address to give as the table endpoint."""
        return f"http://127.0.0.1:{self.table_port}/{self.account}"


@asynccontextmanager
async def serving(
    *, queue_url: str, table_url: str, queue_port: int = 0, table_port: int = 0, seed: int = 0
) -> AsyncIterator[Listening]:
    """Serve before these two endpoints (each with its account: http://host:port/account)."""
    proxy = Proxy({Service.QUEUE: queue_url, Service.TABLE: table_url}, seed=seed)
    try:
        async with (
            listening(_server(proxy, Service.QUEUE), queue_port) as queues,
            listening(_server(proxy, Service.TABLE), table_port) as tables,
        ):
            account = queue_url.rstrip("/").rpartition("/")[2]
            yield Listening(proxy=proxy, queue_port=queues, table_port=tables, account=account)
            proxy.reset()  # a call that is held would keep its server from ending
    finally:
        await proxy.aclose()


def _server(proxy: Proxy, service: Service) -> web.Server:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path.startswith(CONTROL):
            return await _control(proxy, request)
        return await proxy.answer(service, request)

    return web.Server(answer)


async def _control(proxy: Proxy, request: web.BaseRequest) -> web.Response:
    act = _ROUTES.get((request.method, request.path.removeprefix(CONTROL)))
    if act is None:
        return web.json_response({"error": "no such control route"}, status=404)
    try:
        return web.json_response(await act(proxy, request))
    except ValidationError as error:
        return web.json_response({"error": str(error)}, status=400)


async def _add(proxy: Proxy, request: web.BaseRequest) -> object:
    return {"id": proxy.faults.add(Fault.model_validate_json(await request.read()))}


async def _faults(proxy: Proxy, _: web.BaseRequest) -> object:
    return [one.shown() for one in proxy.faults.standing]


async def _remove(proxy: Proxy, request: web.BaseRequest) -> object:
    proxy.faults.remove(_number(request))
    return {}


async def _held(proxy: Proxy, _: web.BaseRequest) -> object:
    return [call.shown() for call in proxy.held.calls()]


async def _release(proxy: Proxy, request: web.BaseRequest) -> object:
    return {"released": proxy.held.release(_number(request), cut="cut" in request.query)}


async def _calls(proxy: Proxy, _: web.BaseRequest) -> object:
    return [call.shown() for call in proxy.calls]


async def _reset(proxy: Proxy, _: web.BaseRequest) -> object:
    proxy.reset()
    return {}


def _number(request: web.BaseRequest) -> int | None:
    given = request.query.get("number")
    return None if given is None else int(given)


_ROUTES: dict[tuple[str, str], Callable[[Proxy, web.BaseRequest], Awaitable[object]]] = {
    ("POST", "faults"): _add,
    ("GET", "faults"): _faults,
    ("DELETE", "faults"): _remove,
    ("GET", "held"): _held,
    ("POST", "release"): _release,
    ("GET", "calls"): _calls,
    ("POST", "reset"): _reset,
}
