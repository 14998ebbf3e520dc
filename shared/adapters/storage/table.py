"""One table, through Azure's client."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from azure.core import MatchConditions
from azure.core.async_paging import AsyncItemPaged
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableEntity, UpdateMode
from azure.data.tables.aio import TableClient

from shared.adapters.storage.call import reach
from shared.adapters.storage.columns import Entity
from shared.adapters.storage.facts import Missing, NotCreated
from shared.adapters.track import Track
from shared.kernel.errors import StorageUnavailable

# azure-core repeats a POST or PATCH whose connection broke only with this option. Every write here may be
# repeated: a record's carries its own lease owner, an audit entry its own key.
_AGAIN: Final[Mapping[str, Any]] = {
    "retry_on_methods": frozenset({"GET", "PUT", "POST", "PATCH", "MERGE", "DELETE"})
}
TIMESTAMP: Final = "Timestamp"  #: the time of an entity's last write, by the service's clock
_BATCH: Final = 100  # entities of one transaction (learn, storage/tables/scalability-targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entity as the service has it."""

    values: Mapping[str, object]
    etag: str
    age: float  #: seconds since its last write, by the service's own clock


class Table:
    """One table. It is created when the service says that it does not exist."""

    def __init__(self, client: TableClient, track: Track) -> None:
        self._client = client
        self._track = track
        self._what = f"table {client.table_name}"

    async def get(self, partition: str, row: str) -> Row:
        """Read one entity. Raises `Missing` if there is none."""
        dates: list[str] = []

        def note(response: Any) -> None:
            dates.append(response.http_response.headers.get("Date", ""))

        entity = await self._call(
            lambda: self._client.get_entity(partition, row, raw_response_hook=note, **_AGAIN)
        )
        return _row(entity, dates[-1] if dates else "")

    async def insert(self, entity: Entity) -> str:
        """Write a new entity. Returns its ETag; raises `Exists`."""
        written = await self._write(
            # Without this preference the service returns the whole entity.
            lambda: self._client.create_entity(
                entity, response_preference="return-no-content", **_AGAIN
            )
        )
        return str(written["etag"])

    async def merge(self, entity: Entity, etag: str) -> str:
        """Write properties of an unchanged entity. Returns its ETag; raises `Changed` or `Missing`."""
        written = await self._write(
            lambda: self._client.update_entity(
                entity,
                mode=UpdateMode.MERGE,
                etag=etag,
                match_condition=MatchConditions.IfNotModified,
                **_AGAIN,
            )
        )
        return str(written["etag"])

    async def replace(self, entity: Entity) -> None:
        """Write an entity, whatever is stored under its keys."""
        await self._write(
            lambda: self._client.upsert_entity(entity, mode=UpdateMode.REPLACE, **_AGAIN)
        )

    async def delete(self, partition: str, row: str, etag: str) -> None:
        """Delete an unchanged entity; one already gone is not an error. Raises `Changed`."""
        await self._call(
            lambda: self._client.delete_entity(
                partition, row, etag=etag, match_condition=MatchConditions.IfNotModified, **_AGAIN
            )
        )

    async def delete_all(self, partition: str, rows: Sequence[str]) -> None:
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

    async def pages(
        self, query: str, *, select: Sequence[str], size: int = 1000
    ) -> AsyncGenerator[list[Mapping[str, object]]]:
        """Page through the entities that match; a table that does not exist has none."""
        paged: AsyncItemPaged[TableEntity] = self._client.query_entities(
            query, select=list(select), results_per_page=size, **_AGAIN
        )
        pages = paged.by_page()
        while True:
            try:
                page = await reach(self._what, lambda: anext(pages, None))
            except NotCreated:
                return
            if page is None:
                return
            yield [_with_timestamp(entity, select) async for entity in page]

    async def try_reading(self) -> None:
        """Ask for an entity that never exists, without creating the table. Raises if that is not possible."""
        with suppress(Missing, NotCreated):
            await reach(
                self._what, lambda: self._client.get_entity("readiness", "readiness", **_AGAIN)
            )

    async def _delete_batch(self, keys: Sequence[Mapping[str, str]]) -> None:
        operations = [("delete", key) for key in keys]
        await reach(self._what, lambda: self._client.submit_transaction(operations, **_AGAIN))

    async def _delete_one(self, key: Mapping[str, str]) -> None:
        await reach(self._what, lambda: self._client.delete_entity(key, **_AGAIN))

    async def _write[T](self, operation: Callable[[], Awaitable[T]]) -> T:
        return await self._track.watch(self._call(operation))

    async def _call[T](self, operation: Callable[[], Awaitable[T]]) -> T:
        try:
            return await reach(self._what, operation)
        except NotCreated:
            await reach(self._what, self._create)
            return await reach(self._what, operation)

    async def _create(self) -> None:
        try:
            await self._client.create_table(**_AGAIN)
        except ResourceExistsError:
            return


def _with_timestamp(entity: TableEntity, select: Sequence[str]) -> Mapping[str, object]:
    """Put an entity's Timestamp among its values if it is wanted: the SDK keeps it apart."""
    if TIMESTAMP not in select:
        return entity
    return {**entity, TIMESTAMP: entity.metadata["timestamp"]}


def _row(entity: TableEntity, date: str) -> Row:
    written = entity.metadata["timestamp"]
    try:
        answered = parsedate_to_datetime(date)
    except ValueError:
        answered = None
    if written is None or answered is None:
        msg = "The answer has no Date or Timestamp: the entity's age can't be known."
        raise StorageUnavailable(msg)
    # Date has whole seconds, so an age may be up to a second short, and never too long.
    age = max(0.0, (answered - written).total_seconds())
    return Row(values=entity, etag=str(entity.metadata["etag"]), age=age)
