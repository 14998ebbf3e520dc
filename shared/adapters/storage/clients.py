"""The clients of the account: one for each table and queue, all on one session."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

from shared.adapters.storage.facts import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    RETRIES,
    ByConnectionString,
    ByIdentity,
)
from shared.adapters.storage.queue import Queue
from shared.adapters.storage.table import Table
from shared.adapters.track import Track
from shared.kernel.errors import StorageUnavailable

_RETRIES: Final = dict.fromkeys(
    ("retry_total", "retry_connect", "retry_read", "retry_status"), RETRIES
)
# Waits of 0, 0.5, 1 and 2 s for tables, of 0 to 2 s each for queues.
_TABLE_OPTIONS: Final[Mapping[str, Any]] = {**_RETRIES, "retry_backoff_factor": 0.25}
_QUEUE_OPTIONS: Final[Mapping[str, Any]] = {
    **_RETRIES,
    "initial_backoff": 0,
    "increment_base": 1,
    "random_jitter_range": 1,
}

# What the SDK raises for a connection string or an address that it can't parse.
_MALFORMED: Final = (AttributeError, LookupError, TypeError, ValueError)


class Clients:
    """Azure's clients for one account. Create it inside the event loop that uses it."""

    def __init__(
        self,
        place: ByConnectionString | ByIdentity,
        *,
        use_proxy_settings: bool,
        track: Callable[[str], Track],
    ) -> None:
        self._place = place
        self._track = track
        # One for all clients: each credential keeps tokens of its own.
        self._credential = place.credential() if isinstance(place, ByIdentity) else None
        self._tables: dict[str, Table] = {}
        self._queues: dict[str, Queue] = {}
        # As the transport itself would create it (azure-core, pipeline/transport/_aiohttp.py).
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=use_proxy_settings,
        )
        self._transport = AioHttpTransport(
            session=self._session,
            session_owner=False,
            use_env_settings=use_proxy_settings,
            connection_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
        )

    def table(self, name: str) -> Table:
        """Return the table's client."""
        if name not in self._tables:
            self._tables[name] = Table(self._table_client(name), self._track(f"table {name}"))
        return self._tables[name]

    def queue(self, name: str) -> Queue:
        """Return the queue's client."""
        if name not in self._queues:
            self._queues[name] = Queue(self._queue_client(name), self._track(f"queue {name}"))
        return self._queues[name]

    async def aclose(self) -> None:
        """Close the session."""
        await self._session.close()

    def _table_client(self, name: str) -> TableClient:
        options = {"transport": self._transport, **_TABLE_OPTIONS}
        try:
            match self._place:
                case ByConnectionString(text=text):
                    return TableClient.from_connection_string(text, name, **options)
                case ByIdentity(table_uri=uri):
                    return TableClient(uri, name, credential=self._credential, **options)
        except _MALFORMED as error:
            raise _unusable(error) from None

    def _queue_client(self, name: str) -> QueueClient:
        options = {"transport": self._transport, **_QUEUE_OPTIONS}
        try:
            match self._place:
                case ByConnectionString(text=text):
                    return QueueClient.from_connection_string(text, name, **options)
                case ByIdentity(queue_uri=uri):
                    return QueueClient(uri, name, credential=self._credential, **options)
        except _MALFORMED as error:
            raise _unusable(error) from None


def _unusable(error: Exception) -> StorageUnavailable:
    # The SDK's text may quote the address; only the class is certain not to be secret.
    return StorageUnavailable(
        f"The storage account's address can't be used: {type(error).__name__}."
    )
