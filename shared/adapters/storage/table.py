"""One table: entities and pages of them by requests of our own, transactions through Azure's library."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from shared.adapters.storage import answers, point
from shared.adapters.storage.answers import Answer, Row
from shared.adapters.storage.columns import Entity
from shared.adapters.storage.facts import Missing, NotCreated
from shared.adapters.storage.point import Request
from shared.adapters.storage.wire import Wire
from shared.adapters.track import Track

if TYPE_CHECKING:
    from shared.adapters.storage.library import LibraryTable


class Table:
    """One table. It is created when the service says that it does not exist.

    A write whose answer was lost is sent again: its caller must know its own write again when it gets `Exists`,
    `Changed` or `Missing`.
    """

    def __init__(
        self, name: str, wire: Wire, library: "Callable[[], LibraryTable]", track: Track
    ) -> None:
        self._name = name
        self._what = f"table {name}"
        self._wire = wire
        self._library = library
        self._track = track

    async def get(self, partition: str, row: str) -> Row:
        """Read one entity. Raises `Missing` if there is none."""
        answer = await self._send(point.get(self._name, partition, row))
        return answers.row(self._what, answer)

    async def insert(self, entity: Entity) -> str:
        """Write a new entity. Returns its ETag; raises `Exists`."""
        answer = await self._write(point.insert(self._name, entity))
        return answers.etag(self._what, answer)

    async def merge(self, entity: Entity, etag: str) -> str:
        """Write properties of an unchanged entity. Returns its ETag; raises `Changed` or `Missing`."""
        answer = await self._write(point.merge(self._name, entity, etag))
        return answers.etag(self._what, answer)

    async def replace(self, entity: Entity) -> None:
        """Write an entity, whatever is stored under its keys."""
        await self._write(point.replace(self._name, entity))

    async def delete(self, partition: str, row: str, etag: str) -> None:
        """Delete an unchanged entity; one already gone is not an error. Raises `Changed`."""
        with suppress(Missing):
            await self._send(point.delete(self._name, partition, row, etag))

    async def delete_all(self, partition: str, rows: Sequence[str]) -> None:
        """Delete entities of one partition, changed or not; ones already gone are not an error."""
        await self._library().delete(partition, rows)

    async def pages(
        self, query: str, *, select: Sequence[str], size: int = 1000
    ) -> AsyncGenerator[list[Mapping[str, object]]]:
        """Page through the entities that match; a table that does not exist has none."""
        after: Mapping[str, str] = {}
        while True:
            request = point.page(self._name, query, select=select, size=size, after=after)
            try:
                page = answers.page(self._what, await self._wire.send(self._what, request))
            except NotCreated:
                return
            yield page.rows
            after = page.after
            if not after:
                return

    async def try_reading(self) -> None:
        """Ask for an entity that never exists, without creating the table. Raises if that is not possible."""
        with suppress(Missing, NotCreated):
            await self._wire.send(self._what, point.get(self._name, "readiness", "readiness"))

    async def _write(self, request: Request) -> Answer:
        return await self._track.watch(self._send(request))

    async def _send(self, request: Request) -> Answer:
        return await self._wire.send(self._what, request, create=lambda: self._library().create())
