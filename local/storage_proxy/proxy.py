"""Forwards a call: it is read, met by its faults, sent on as it came, and answered as it was answered.

SharedKey signs the path and not the host, so path and headers go on untouched.
"""

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from local.faults import Abandoned, Cut, Delay, Faults, Held, Hold, How, cut
from local.storage_proxy import operation
from local.storage_proxy.faults import Act, Answer, Fault, Point, matches
from local.storage_proxy.operation import Operation, Service

log = logging.getLogger(__name__)

CALLS_KEPT: Final = 100_000
# Azurite (Node) closes a connection that was idle for five seconds; a call must never meet that moment.
KEEP_ALIVE: Final = 2.0
_OF_THE_CONNECTION: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
)
_ADDED_BY_AIOHTTP: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


@dataclass(slots=True, kw_only=True)
class Call:
    """One call, as it went."""

    number: int
    operation: Operation
    body_length: int
    started: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    status: int | None = None  #: what the caller was answered; None for a cut
    forwarded: bool = False  #: whether the storage service has answered it
    acts: list[str] = field(default_factory=list)  #: what befell it, as "cut@forwarded"

    def shown(self) -> dict[str, Any]:
        of = self.operation
        return {
            "number": self.number,
            "service": of.service,
            "operation": of.operation,
            "method": of.method,
            "name": of.name,
            "key": of.key,
            "query": of.query,
            "bodyLength": self.body_length,
            "seconds": self.seconds,
            "status": self.status,
            "forwarded": self.forwarded,
            "acts": self.acts,
        }


class _Cut(Exception):
    """The caller gets no answer."""

    def __init__(self, how: How = "rst") -> None:
        self.how: How = how


class Proxy:
    """The proxy's state: its faults, and the calls that it has seen."""

    def __init__(self, targets: Mapping[Service, str], *, seed: int = 0) -> None:
        self.faults = Faults[Fault, tuple[Operation, bytes]](matches, seed)
        self.held = Held[Call]()
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._targets = {
            service: url.rstrip("/").rpartition("/")[0] for service, url in targets.items()
        }
        self._numbers = itertools.count(1)
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
        )

    async def aclose(self) -> None:
        self.held.release(cut=True)
        await self._session.close()

    def reset(self) -> None:
        """Forget faults and calls; what is held is cut."""
        self.faults.remove()
        self.held.release(cut=True)
        self.calls.clear()

    async def answer(self, service: Service, request: web.BaseRequest) -> web.StreamResponse:
        """Take one call through."""
        body = await request.content.read()
        of = operation.read(service, request.method, request.raw_path, body)
        call = Call(number=next(self._numbers), operation=of, body_length=len(body))
        self.calls.append(call)
        try:
            response = await self._through(call, request, body)
            call.status = response.status
        except (_Cut, Abandoned, aiohttp.ClientError) as cause:
            log.debug("call %d gets no answer: %r", call.number, cause)
            if request.transport is not None:
                cut(request.transport, cause.how if isinstance(cause, _Cut) else "rst")
            response = web.Response(status=502)  # never sent
        call.seconds = time.monotonic() - call.started
        return response

    async def _through(self, call: Call, request: web.BaseRequest, body: bytes) -> web.Response:
        instead = await self._meet(call, body, Point.RECEIVED)
        if instead is not None:
            return instead
        response = await self._forward(call.operation.service, request, body)
        call.forwarded = True
        return await self._meet(call, body, Point.FORWARDED) or response

    async def _meet(self, call: Call, body: bytes, point: Point) -> web.Response | None:
        fault = next(self.faults.each_due((call.operation, body), {point}), None)
        if fault is None:
            return None
        act = fault.act
        call.acts.append(f"{act.do}@{point}")
        return await self._carry_out(act, call)

    async def _carry_out(self, act: Act, call: Call) -> web.Response | None:
        match act:
            case Answer():
                return _error(act, call.operation.service)
            case Cut(how=how):
                raise _Cut(how)
            case Hold():
                await self.held.wait(call.number, call)
            case Delay(seconds=seconds):
                await asyncio.sleep(seconds)
        return None

    async def _forward(
        self, service: Service, request: web.BaseRequest, body: bytes
    ) -> web.Response:
        async with self._session.request(
            request.method,
            URL(self._targets[service] + request.raw_path, encoded=True),
            headers=_kept(request.headers),
            data=body or None,
            allow_redirects=False,
            skip_auto_headers=_ADDED_BY_AIOHTTP,
        ) as answer:
            return web.Response(
                status=answer.status,
                reason=answer.reason,
                headers=_kept(answer.headers),
                body=await answer.read(),
            )


@asynccontextmanager
async def listening(handler: web.Server, port: int, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve on a port (0: any free one); gives the port."""
    runner = web.ServerRunner(handler, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _kept(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in _OF_THE_CONNECTION
    )


def _error(act: Answer, service: Service) -> web.Response:
    text = "Asked for by a test."
    headers = {"x-ms-error-code": act.code}
    if act.retry_after is not None:
        headers["Retry-After"] = str(act.retry_after)
    if service is Service.QUEUE:
        body = (
            f"<?xml version='1.0'?><Error><Code>{act.code}</Code><Message>{text}</Message></Error>"
        )
        kind = "application/xml"
    else:
        body = f'{{"odata.error":{{"code":"{act.code}","message":{{"lang":"en-US","value":"{text}"}}}}}}'
        kind = "application/json"
    return web.Response(status=act.status, text=body, content_type=kind, headers=headers)
