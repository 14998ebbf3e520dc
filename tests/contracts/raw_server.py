"""A server that does to a connection exactly what a test says, and remembers what arrived.

    async with RawServer(answers(ACCEPTED)) as server: ...

Each connection is handled by a `Script`; the last one handles all that come after it.
"""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"
RUN_ID = "2f7fdb90-5df1-4b8e-ac2f-064cfa58202b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A request of which at least the head arrived."""

    raw: bytes

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n")[0].decode()

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def headers(self) -> Mapping[str, str]:
        pairs = (line.decode().split(": ", 1) for line in self.head.split(b"\r\n")[1:])
        return {name.lower(): value for name, value in pairs}


class Connection:
    """One connection, as a script handles it."""

    def __init__(
        self, arrived: list[Arrived], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._arrived = arrived
        self._reader = reader
        self._writer = writer

    async def read_head(self) -> Arrived:
        """Read a request's head and count it."""
        request = Arrived(raw=await self._reader.readuntil(b"\r\n\r\n"))
        self._arrived.append(request)
        return request

    async def read(self) -> Arrived:
        """Read a request and count it."""
        head = await self.read_head()
        body = await self._reader.readexactly(int(head.headers.get("content-length", "0")))
        self._arrived[-1] = request = Arrived(raw=head.raw + body)
        return request

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def silence(self) -> None:
        """Say nothing until the client gives up."""
        with suppress(ConnectionError):
            while await self._reader.read(1 << 16):
                pass

    def end(self) -> None:
        """Close the connection as a server does."""
        self._writer.close()

    def reset(self) -> None:
        """End the connection as a server that crashed, or one behind a firewall."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


type Script = Callable[[Connection], Awaitable[None]]
type Ending = Script


class RawServer:
    """Listens on loopback until the block ends.

    Attributes:
        arrived: the requests of which at least the head arrived.
        connections: how many were accepted (and got through TLS).
        port: where it listens.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self.arrived: list[Arrived] = []
        self.connections = 0
        self._scripts = scripts
        self._tls = tls
        self._handlers: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.current_task()
        assert handler is not None
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        try:
            # A client that goes away ends the script.
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await script(Connection(self.arrived, reader, writer))
        finally:
            writer.close()


def answer(status: int, content: Any = None, headers: Mapping[str, str] | None = None) -> bytes:
    """Write an answer; `content` as it is, or as JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    fields = {"content-type": "application/json", "content-length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in (fields | dict(headers or {})).items()]
    return "\r\n".join([f"HTTP/1.1 {status} Said", *lines, "", ""]).encode() + body


ACCEPTED = answer(202, {"runId": RUN_ID})
HEAD, _, BODY = ACCEPTED.partition(b"\r\n\r\n")
HEAD += b"\r\n\r\n"


def answers(*texts: bytes) -> Script:
    """Answer the requests of a connection one after the other, then wait."""

    async def script(connection: Connection) -> None:
        for text in texts:
            await connection.read()
            await connection.write(text)
        await connection.silence()

    return script


async def reset(connection: Connection) -> None:
    connection.reset()


async def end(connection: Connection) -> None:
    connection.end()


async def hang(connection: Connection) -> None:
    await connection.silence()


def after(text: bytes, ending: Ending) -> Script:
    """Read the request, write so much of an answer, and then…"""

    async def script(connection: Connection) -> None:
        await connection.read()
        if text:
            await connection.write(text)
            await asyncio.sleep(0.02)  # an RST takes back what the client has not read yet
        await ending(connection)

    return script
