"""How is the storage account reached, and what may its answers mean to an adapter?

Nothing of Azure's SDK is imported before the first call (0.2 s), and one session serves all its clients.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, override

from shared.adapters.track import Track
from shared.kernel.errors import StorageUnavailable
from shared.ports import Evidence, StorageRights

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from shared.adapters.storage.clients import Clients
    from shared.adapters.storage.queue import Queue
    from shared.adapters.storage.table import Table

# A lease is 90 s. A call is over after DEADLINE at the latest, whatever its tries and waits were; a write
# whose answer was lost takes two calls.
DEADLINE: Final = 25.0
CONNECT_TIMEOUT: Final = 5.0
READ_TIMEOUT: Final = 10.0
RETRIES: Final = 4


class Missing(Exception):
    """The entity or the message is not there."""


class Exists(Exception):
    """An entity with these keys is there already."""


class Changed(Exception):
    """The entity was written, or the message was taken, since it was read."""


class NotCreated(StorageUnavailable):
    """The table or the queue itself does not exist (yet)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByConnectionString:
    """The account as a connection string names it."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByIdentity:
    """The account's two services, and the identity that may use them."""

    queue_uri: str
    table_uri: str
    credential: "Callable[[], AsyncTokenCredential]"  #: called once; its owner closes what it gives


class Account(StorageRights):
    """A storage account. Its clients are made on first use, inside the running event loop."""

    def __init__(
        self, place: ByConnectionString | ByIdentity, *, use_proxy_settings: bool = False
    ) -> None:
        """Describe the account; nothing is imported or opened yet.

        Args:
            place: where it is.
            use_proxy_settings: whether to heed HTTPS_PROXY, NO_PROXY and .netrc. That costs each call two
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
        """Close the session. The next call would open another."""
        clients, self._clients = self._clients, None
        if clients is not None:
            await clients.aclose()

    def _opened(self) -> "Clients":
        if self._clients is None:
            from shared.adapters.storage.clients import Clients  # noqa: PLC0415 - 0.2 s, on first use

            self._clients = Clients(
                self._place, use_proxy_settings=self._use_proxy_settings, track=self._track
            )
        return self._clients

    def _track(self, what: str) -> Track:
        return self._tracks.setdefault(what, Track())
