"""A connection that ends before any request was read."""

import asyncio
from typing import cast, override

from local.faults import How, cut


class Refusal(asyncio.Protocol):
    """A connection that is accepted and then cut, or never read."""

    def __init__(self, how: How | None) -> None:
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
