"""A pool of connections to one service: each request is sent once, and its answer or failure is returned.

Import this module late: aiohttp takes 0.1 s.
"""

import asyncio
from typing import Final

import aiohttp
from yarl import URL

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
        # `connect` is all of it, the wait for a place in the pool included.
        self._limits = aiohttp.ClientTimeout(connect=limit, sock_connect=limit)
        self._max_connections = max_connections
        self._session: aiohttp.ClientSession | None = None

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

        Of a success's body up to `most` bytes are read; of any other answer's, `MAX_BODY`. If it is cut, or does not
        end in time, the status is still valid.
        """
        try:
            target = _checked(url, headers)
        except ValueError as error:
            return _unsent(error)
        response, read = None, bytearray()
        try:
            async with asyncio.timeout(self._call_timeout):
                response = await self._opened().request(
                    method, target, headers=headers, data=body or None, allow_redirects=False
                )
                async with response:
                    await _read(response, read, most if 200 <= response.status < 300 else MAX_BODY)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request may have left
            if response is None:
                return lost(error, self._service)
        return Answer(status=response.status, headers=response.headers, body=bytes(read))

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # aiohttp itself repeats a GET if a kept connection turns out to be cut, but never a POST:
            # IDEMPOTENT_METHODS in aiohttp/client.py, and a contract test counts what arrives.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    # Per host: a workspace that hangs does not take the connections of others.
                    limit=0,
                    limit_per_host=self._max_connections,
                    keepalive_timeout=KEEP_ALIVE,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Content-Type",),  # a call without a body would get octet-stream
                timeout=self._limits,
            )
        return self._session


async def _read(response: aiohttp.ClientResponse, body: bytearray, most: int) -> None:
    """Read up to `most` bytes; aiohttp closes the connection of an answer that was not read to its end."""
    async for chunk in response.content.iter_any():
        body += chunk[: most - len(body)]
        if len(body) == most:
            return


def _checked(url: str, headers: dict[str, str]) -> URL:
    """Return the URL to send to. Raises ValueError for what aiohttp would refuse too late, or send."""
    "".join(headers.values()).encode("ascii")  # aiohttp sends half a surrogate pair
    target = URL(url, encoded=True)
    _ = target.port  # out of range, it raises only when it is read
    return target


def _unsent(error: Exception) -> Lost:
    message = f"The request could not be built [{type(error).__name__}]. Nothing was sent."
    return Lost(sent=False, error=CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message))
