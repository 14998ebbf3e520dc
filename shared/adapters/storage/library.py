"""What is rare, through Azure's libraries: making tables and queues, transactions, taking messages.

Import this module late: the libraries take 0.1 s of CPU or more. Their errors end here.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, override

import aiohttp
from azure.core.credentials import AccessToken, AzureNamedKeyCredential, AzureSasCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

from shared.adapters.storage.address import Endpoint, Sas, Service, SharedKey
from shared.adapters.storage.call import reach
from shared.adapters.storage.facts import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    RETRIES,
    Missing,
    NotCreated,
    failure,
)
from shared.adapters.tokens import TokenSource
from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import StorageUnavailable
from shared.ports import Clock, Receipt

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
# azure-core repeats a POST whose connection broke only with this option.
_AGAIN: Final[Mapping[str, Any]] = {
    "retry_on_methods": frozenset({"GET", "PUT", "POST", "PATCH", "MERGE", "DELETE"})
}
_BATCH: Final = 100  # entities of one transaction (learn, storage/tables/scalability-targets)
_AT_ONCE: Final = 32  # messages of one call (learn, rest/api/storageservices/get-messages)


class LibraryTable:
    """One table."""

    def __init__(self, client: TableClient) -> None:
        self._client = client
        self._what = f"table {client.table_name}"

    async def create(self) -> None:
        """Make the table; one that exists is not an error."""
        await self._reach(lambda: _unless_it_exists(self._client.create_table(**_AGAIN)))

    async def delete(self, partition: str, rows: Sequence[str]) -> None:
        """Delete entities of one partition, changed or not; ones already gone are not an error."""
        for start in range(0, len(rows), _BATCH):
            keys = [
                {"PartitionKey": partition, "RowKey": row} for row in rows[start : start + _BATCH]
            ]
            try:
                await self._delete_batch(keys)
            except (Missing, NotCreated):
                # One missing entity fails the whole transaction.
                for key in keys:
                    await self._delete_one(key)

    async def _delete_batch(self, keys: Sequence[Mapping[str, str]]) -> None:
        operations = [("delete", key) for key in keys]
        await self._reach(lambda: self._client.submit_transaction(operations, **_AGAIN))

    async def _delete_one(self, key: Mapping[str, str]) -> None:
        await self._reach(lambda: self._client.delete_entity(key, **_AGAIN))

    async def _reach[T](self, operation: Callable[[], Awaitable[T]]) -> T:
        return await reach(self._what, lambda: translated(self._what, operation()))


class LibraryQueue:
    """One queue."""

    def __init__(self, client: QueueClient) -> None:
        self._client = client
        self._what = f"queue {client.queue_name}"

    async def create(self) -> None:
        """Make the queue; one that exists is not an error."""
        await self._reach(lambda: _unless_it_exists(self._client.create_queue()))

    async def take(self, lease: int) -> list[tuple[str, Receipt]]:
        """Take up to 32 messages, hidden from others for `lease` seconds."""

        async def receive() -> list[tuple[str, Receipt]]:
            found = self._client.receive_messages(
                messages_per_page=_AT_ONCE, max_messages=_AT_ONCE, visibility_timeout=lease
            )
            return [
                (
                    message.content or "",
                    Receipt(message_id=str(message.id), pop_receipt=str(message.pop_receipt)),
                )
                async for message in found
            ]

        return await self._reach(receive)

    async def _reach[T](self, operation: Callable[[], Awaitable[T]]) -> T:
        return await reach(self._what, lambda: translated(self._what, operation()))


class Library:
    """Azure's clients for the account, on the session and with the tokens of our own calls."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoints: Mapping[Service, Endpoint],
        tokens: TokenSource | None,
        clock: Clock,
    ) -> None:
        self._endpoints = endpoints
        self._tokens = None if tokens is None else _Tokens(tokens, clock)
        self._transport = AioHttpTransport(
            session=session,
            session_owner=False,
            use_env_settings=session.trust_env,
            connection_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
        )

    def table(self, name: str) -> LibraryTable:
        """Return the table's client."""
        return LibraryTable(
            TableClient(
                self._endpoints[Service.TABLE].url,
                name,
                credential=self._credential(Service.TABLE),
                transport=self._transport,
                **_TABLE_OPTIONS,
            )
        )

    def queue(self, name: str) -> LibraryQueue:
        """Return the queue's client."""
        return LibraryQueue(
            QueueClient(
                self._endpoints[Service.QUEUE].url,
                name,
                credential=self._credential(Service.QUEUE),
                transport=self._transport,
                **_QUEUE_OPTIONS,
            )
        )

    def _credential(self, service: Service) -> Any:
        match self._endpoints[service].credential:
            case SharedKey() as key:
                return AzureNamedKeyCredential(key.account, key.text)
            case Sas(query=signature):
                return AzureSasCredential(signature)
            case None:
                return self._tokens


class _Tokens(AsyncTokenCredential):
    """The tokens of our own calls, for Azure's clients."""

    def __init__(self, source: TokenSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock

    @override
    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        token = await self._source.token()
        if isinstance(token, CloudError):
            raise StorageUnavailable(token.message)
        left = token.ends_at - self._clock.monotonic()
        return AccessToken(token.text, int(self._clock.now().timestamp() + left))

    @override
    async def close(self) -> None:
        """Nothing: the source is closed where it was made."""

    @override
    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Nothing: the source is closed where it was made."""


async def translated[T](what: str, call: Awaitable[T]) -> T:
    """Make a call, and raise our own error for one of the library's."""
    try:
        return await call
    except AzureError as error:
        raise read(what, error) from None  # a traceback would show its text


def read(what: str, error: AzureError) -> Exception:
    """Return the error of ours that stands for one of the library's."""
    status = getattr(error, "status_code", None)
    if status is not None:
        code: Any = getattr(error, "error_code", None) or ""
        return failure(what, status, str(getattr(code, "value", code)))
    cause = getattr(error, "inner_exception", None)
    name = type(error).__name__ + (f" ({type(cause).__name__})" if cause else "")
    return StorageUnavailable(f"{what}: {name}")


async def _unless_it_exists(call: Awaitable[object]) -> None:
    try:
        await call
    except ResourceExistsError:
        return
