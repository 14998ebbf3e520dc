"""Answers one request on its connection, with every fault that meets it."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import NoReturn

from aiohttp import web

from local.faults import Cut, Delay, Held, Hold, cut
from local.synapse.admission import http_date
from local.synapse.calls import Call
from local.synapse.faults import Act, Answer, Fault, Live, Point, Silence
from local.synapse.holding import Waiting
from local.synapse.wire import JSON_TYPE, Reply, dump

GONE_CHECK = 0.02
#: so that a reader has taken what was sent before RST makes its kernel forget the connection
READ_BY_THEN = 0.02
ANSWERING = frozenset({Point.ANSWER_HEADERS, Point.ANSWER_BODY})
CHUNK = 65_536
FILLER = b" " * CHUNK  # white space: a JSON body stays one


class Ended(Exception):
    """The connection was cut, or the client gave up: there is nobody to answer."""


class Exchange:
    """One request and its connection."""

    def __init__(self, request: web.BaseRequest, call: Call, held: Held[Waiting]) -> None:
        self._request = request
        self._call = call
        self._held = held

    async def meet(self, faults: Sequence[Fault], at: Point) -> Reply | None:
        """Let happen what happens at this point. An answer, if there is one, takes the place of the real one."""
        for fault in faults:
            if fault.point is at:
                reply = await self._act(fault.act, at)
                if reply is not None:
                    return reply
        return None

    async def send(self, reply: Reply, faults: Sequence[Fault]) -> web.StreamResponse:
        """Answer in one piece, or piece by piece where something happens in between."""
        if self._is_gone():
            self._end(f"client@{Point.CREATED}")
        self._call.status = reply.status
        meanwhile = [fault for fault in faults if fault.point in ANSWERING]
        if not meanwhile and not reply.filler and not reply.byte_pause:
            return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        try:
            return await self._send_slowly(reply, meanwhile)
        except ConnectionError:
            self._end(f"client@{Point.ANSWER_BODY}")

    async def _send_slowly(self, reply: Reply, faults: Sequence[Fault]) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        response.content_length = len(reply.body) + reply.filler
        await response.prepare(self._request)
        await self.meet(faults, Point.ANSWER_HEADERS)
        half = len(reply.body) // 2
        await _write(response, reply.body[:half], reply.byte_pause)
        await self.meet(faults, Point.ANSWER_BODY)
        await _write(response, reply.body[half:], reply.byte_pause)
        async for chunk in _filler(reply.filler):
            await _write(response, chunk, reply.byte_pause)
        return response

    async def _act(self, act: Act, at: Point) -> Reply | None:
        match act:
            case Answer():
                return _reply(act)
            case Delay(seconds=seconds):
                await asyncio.sleep(seconds)
            case Hold():
                waiting = Waiting(call=self._call, point=at, gone=self._is_gone)
                await self._held.wait(self._call.seq, waiting)
            case Live():
                self._call.lives.append(act)
            case Silence():
                await self._until_gone()
                self._end(f"silence@{at}")
            case Cut(how=how):
                await self._cut(act, at)
                self._end(f"{how}@{at}")
        return None

    async def _cut(self, act: Cut, at: Point) -> None:
        if at in (Point.ANSWER_HEADERS, Point.ANSWER_BODY):
            await asyncio.sleep(READ_BY_THEN)
        if self._request.transport is not None:
            cut(self._request.transport, act.how)

    def _end(self, how: str) -> NoReturn:
        self._call.cut = how
        raise Ended

    def _is_gone(self) -> bool:
        transport = self._request.transport
        return transport is None or transport.is_closing()

    async def _until_gone(self) -> None:
        while not self._is_gone():  # noqa: ASYNC110 - aiohttp tells a handler of the client's end by nothing else
            await asyncio.sleep(GONE_CHECK)


def _reply(act: Answer) -> Reply:
    body = act.body.encode() if act.body is not None else b""
    headers = {} if "content" not in act.model_fields_set else {"Content-Type": JSON_TYPE}
    if "content" in act.model_fields_set:
        body = dump(act.content)
    if act.retry_after_date is not None:
        headers["Retry-After"] = http_date(time.time_ns(), act.retry_after_date)
    return Reply(
        status=act.status,
        body=body,
        headers=headers | dict(act.headers),
        filler=act.size,
        byte_pause=act.byte_pause,
    )


async def _write(response: web.StreamResponse, data: bytes, byte_pause: float) -> None:
    if not byte_pause:
        await response.write(data)
        return
    for place in range(len(data)):
        await response.write(data[place : place + 1])
        await asyncio.sleep(byte_pause)


async def _filler(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // CHUNK):
        yield FILLER
    if size % CHUNK:
        yield FILLER[: size % CHUNK]
