"""The clients of the account's tables and queues, all on one session."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.adapters.clock import SystemClock
from shared.adapters.storage import address
from shared.adapters.storage.address import Service
from shared.adapters.storage.facts import ByConnectionString, ByIdentity
from shared.adapters.storage.queue import Queue
from shared.adapters.storage.table import Table
from shared.adapters.storage.wire import Wire, open_session
from shared.adapters.tokens import TokenSource
from shared.adapters.track import Track

if TYPE_CHECKING:
    from shared.adapters.storage.library import Library

_SCOPE = "https://storage.azure.com/.default"  # of both services, in every cloud


class Clients:
    """Clients for one account. Create it inside the event loop that uses it."""

    def __init__(
        self,
        place: ByConnectionString | ByIdentity,
        *,
        use_proxy_settings: bool,
        track: Callable[[str], Track],
    ) -> None:
        self._endpoints = {service: address.find(place, service) for service in Service}
        self._clock = clock = SystemClock()
        # One for all clients: each credential keeps tokens of its own.
        self._tokens = (
            TokenSource(_SCOPE, place.credential, clock) if isinstance(place, ByIdentity) else None
        )
        self._session = open_session(use_proxy_settings=use_proxy_settings)
        self._wire = Wire(self._session, self._endpoints, self._tokens, clock)
        self._library: Library | None = None
        self._track = track
        self._tables: dict[str, Table] = {}
        self._queues: dict[str, Queue] = {}

    def table(self, name: str) -> Table:
        """Return the table's client."""
        if name not in self._tables:
            self._tables[name] = Table(
                name, self._wire, lambda: self._rare().table(name), self._track(f"table {name}")
            )
        return self._tables[name]

    def queue(self, name: str) -> Queue:
        """Return the queue's client."""
        if name not in self._queues:
            self._queues[name] = Queue(
                name, self._wire, lambda: self._rare().queue(name), self._track(f"queue {name}")
            )
        return self._queues[name]

    async def aclose(self) -> None:
        """Close the session, and the identity's connections."""
        await self._session.close()
        if self._tokens is not None:
            await self._tokens.aclose()

    def _rare(self) -> "Library":
        if self._library is None:
            from shared.adapters.storage.library import Library  # noqa: PLC0415 - 0.1 s, on first use

            self._library = Library(self._session, self._endpoints, self._tokens, self._clock)
        return self._library
