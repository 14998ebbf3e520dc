"""A pool of connections to one service: each request is sent once, and its answer or failure is returned.

httpx's transport is used without its AsyncClient. The client adds what createRun must not have: cookies
of earlier answers, a log line with the URL, and an exception in place of the answer if a redirect's
Location can't be parsed.

Import this module late: httpx and aiohttp take 0.2 s.
"""

import asyncio
from contextlib import suppress
from functools import lru_cache
from typing import Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from shared.adapters.http_errors import lost
from shared.kernel.cloud_error import CloudError, Code
from shared.synapse.reply import MAX_BODY, Answer, Lost

# Less than the shortest idle time that servers commonly grant (5 s: Node.js, uvicorn). A request on a
# connection that the server has just closed is lost, and it is unknown whether it was read.
KEEP_ALIVE: Final = 4.0


class HttpClient:
    """Sends requests over pooled connections. Bound to the event loop that first uses it."""

    def __init__(
        self,
        *,
        call_timeout: float,
        connect_timeout: float,
        max_connections: int,
        service: str = "Synapse",
    ) -> None:
        self._service = service  #: named in errors
        self._call_timeout = call_timeout
        # Connecting ends well before the call does, so that a call that runs out of time is one
        # that was sent.
        limit = min(connect_timeout, call_timeout / 2)
        # `pool` is the transport's name for aiohttp's `connect`: all of it, the wait for a place included.
        self._timeouts = {"timeout": {"connect": limit, "pool": limit}}
        self._max_connections = max_connections
        # aiohttp has read the certificates when it was imported, which takes 25 ms: all connections trust the same.
        self._tls = aiohttp.connector._SSL_CONTEXT_VERIFIED  # noqa: SLF001
        self._transport = AiohttpTransport(verify=self._tls, client=self._open)

    async def send(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes = b"",
        *,
        most: int = MAX_BODY,
    ) -> Answer | Lost:
        """Send one request once, with these headers and the connection's own. Nothing but cancellation raises.

        Of a success's body up to `most` bytes are read; of any other answer's, `MAX_BODY`.
        """
        try:
            request = httpx.Request(
                method, _parsed(url), headers=headers, content=body, extensions=self._timeouts
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing was sent
            name = type(error).__name__
            message = f"The request could not be built [{name}]. Nothing was sent."
            unsent = CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message)
            return Lost(sent=False, error=unsent)
        until = asyncio.get_running_loop().time() + self._call_timeout
        try:
            async with asyncio.timeout_at(until):
                response = await self._transport.handle_async_request(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request may have left
            return lost(error, self._service)
        body = await _read(response, until, most if response.is_success else MAX_BODY)
        return Answer(status=response.status_code, headers=response.headers, body=body)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    def _open(self) -> aiohttp.ClientSession:
        # aiohttp itself repeats a GET if a kept connection turns out to be cut, but never a POST:
        # IDEMPOTENT_METHODS in aiohttp/client.py, and a contract test counts what arrives.
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                # Per host: a workspace that hangs does not take the connections of others.
                limit=0,
                limit_per_host=self._max_connections,
                keepalive_timeout=KEEP_ALIVE,
                ssl=self._tls,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Content-Type",),  # a call without a body would get octet-stream
        )


@lru_cache(maxsize=256)
def _parsed(url: str) -> httpx.URL:
    # A pipeline is started again and again, and to parse its URL is half the work of building a request.
    return httpx.URL(url)


async def _read(response: httpx.Response, until: float, most: int) -> bytes:
    """Read as much of the body as arrives in time; if it is cut, the status is still valid."""
    body = bytearray()
    with suppress(Exception):
        async with asyncio.timeout_at(until):
            try:
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) >= most:
                        break
            finally:
                # aiohttp closes the connection of an answer that was not read to its end.
                await response.aclose()
    return bytes(memoryview(body)[:most])
