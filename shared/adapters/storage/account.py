"""The storage account, as its adapters use it.

aiohttp is not imported before the first call (0.1 s), and one session serves all clients.
"""

from typing import TYPE_CHECKING, override

from shared.adapters.storage.facts import ByConnectionString, ByIdentity
from shared.adapters.track import Track
from shared.ports import Evidence, StorageRights

if TYPE_CHECKING:
    from shared.adapters.storage.clients import Clients
    from shared.adapters.storage.queue import Queue
    from shared.adapters.storage.table import Table


class Account(StorageRights):
    """A storage account. Its clients are made on first use, inside the running event loop."""

    def __init__(
        self, place: ByConnectionString | ByIdentity, *, use_proxy_settings: bool = False
    ) -> None:
        """Describe the account; nothing is imported or opened yet.

        Args:
            place: where it is.
            use_proxy_settings: whether to respect HTTPS_PROXY, NO_PROXY and .netrc. That costs each call two
                thread hops, so it is for hosts that have a proxy.
        """
        self._place = place
        self._use_proxy_settings = use_proxy_settings
        self._clients: Clients | None = None
        self._tracks: dict[str, Track] = {}

    def table(self, name: str) -> "Table":
        """Return the table's client."""
        return self._opened().table(name)

    def queue(self, name: str) -> "Queue":
        """Return the queue's client."""
        return self._opened().queue(name)

    @override
    async def try_reading(self, table: str) -> None:
        await self.table(table).try_reading()

    @override
    def written(self, what: str) -> Evidence:
        return self._track(what).evidence()

    async def aclose(self) -> None:
        """Close the session; a later call opens another."""
        clients, self._clients = self._clients, None
        if clients is not None:
            await clients.aclose()

    def _opened(self) -> "Clients":
        if self._clients is None:
            from shared.adapters.storage.clients import Clients  # noqa: PLC0415 - 0.1 s, on first use

            self._clients = Clients(
                self._place, use_proxy_settings=self._use_proxy_settings, track=self._track
            )
        return self._clients

    def _track(self, what: str) -> Track:
        return self._tracks.setdefault(what, Track())
