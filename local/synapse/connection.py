"""The ways in which a connection ends otherwise than well."""

import asyncio
import socket
import struct
from typing import Literal, cast, override

#: SO_LINGER with a time of 0: close() sends RST and forgets what was not sent yet
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def cut(transport: asyncio.BaseTransport, how: Literal["rst", "fin"]) -> None:
    """End a connection at once."""
    raw = transport.get_extra_info("socket")
    if how == "rst":
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        cast(asyncio.Transport, transport).abort()
        return
    if transport.get_extra_info("sslcontext") is None:
        # close() alone would send RST instead of FIN wherever something of the request is still unread.
        raw.shutdown(socket.SHUT_WR)
    transport.close()


class Refusal(asyncio.Protocol):
    """A connection that is accepted and then cut, or never read."""

    def __init__(self, how: Literal["rst", "fin"] | None) -> None:
        self._how = how
        self._transport: asyncio.BaseTransport | None = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if self._how is None:
            cast(asyncio.Transport, transport).pause_reading()
        else:
            cut(transport, self._how)
