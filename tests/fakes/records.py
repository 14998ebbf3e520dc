"""The `runs` table in memory. Records are kept as the entities that the real table would hold."""

import itertools
from dataclasses import dataclass
from typing import override

from shared.adapters.storage.columns import Entity
from shared.adapters.storage.record_entity import LEASE_OWNER, changes, decode, encode
from shared.ports import Conflict, Echo, Records, VersionedRecord
from shared.runs.record import Record
from tests.fakes.clock import FakeClock
from tests.fakes.mishaps import Mishaps


@dataclass(slots=True, kw_only=True)
class _Cell:
    entity: Entity
    version: str
    written: float


class FakeRecords(Records):
    """Ages grow by the clock's monotonic seconds, whatever its wall shows."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._cells: dict[str, _Cell] = {}
        self._numbers = itertools.count(1)
        self._lost_answers = 0
        self.echoes: dict[str, Echo] = {}
        self.mishaps = Mishaps()

    def row(self, request_id: str) -> Entity:
        """Return the entity itself, to be looked at or tampered with."""
        return self._cells[request_id].entity

    def all(self) -> list[Record]:
        """Return every record, in the order in which they were first written."""
        return [decode(cell.entity) for cell in self._cells.values()]

    def lose_answers(self, times: int = 1) -> None:
        """Let the next writes land and their answers get lost: the SDK then writes again by itself."""
        self._lost_answers = times

    @override
    async def get(self, request_id: str) -> VersionedRecord | None:
        async with self.mishaps.around("get"):
            return self._stored(request_id)

    @override
    async def insert(self, record: Record) -> VersionedRecord | Conflict:
        async with self.mishaps.around("insert"):
            owner = f"owner {next(self._numbers)}"
            if self._loses_answer():
                self._insert(record, owner)
            return self._insert(record, owner)

    @override
    async def update(self, stored: VersionedRecord, record: Record) -> VersionedRecord | Conflict:
        async with self.mishaps.around("update"):
            owner = f"owner {next(self._numbers)}"
            if self._loses_answer():
                self._update(stored, record, owner)
            return self._update(stored, record, owner)

    @override
    async def delete(self, stored: VersionedRecord) -> bool:
        async with self.mishaps.around("delete"):
            cell = self._cells.get(stored.record.request_id)
            if cell is not None and cell.version != stored.version:
                return False
            self._cells.pop(stored.record.request_id, None)
            return True

    @override
    async def echo(self, endpoint: str) -> Echo:
        async with self.mishaps.around("echo"):
            return self.echoes.get(endpoint, Echo.UNKNOWN)

    @override
    async def note_echo(self, endpoint: str, *, echoed: bool) -> None:
        async with self.mishaps.around("note_echo"):
            if not echoed:
                self.echoes[endpoint] = Echo.BROKEN
            elif self.echoes.get(endpoint, Echo.UNKNOWN) is Echo.UNKNOWN:
                self.echoes[endpoint] = Echo.CONFIRMED

    def _loses_answer(self) -> bool:
        self._lost_answers -= 1
        return self._lost_answers >= 0

    def _insert(self, record: Record, owner: str) -> VersionedRecord | Conflict:
        if record.request_id in self._cells:
            return self._standing(record, owner)
        return self._write(record, {**encode(record), LEASE_OWNER: owner})

    def _update(
        self, stored: VersionedRecord, record: Record, owner: str
    ) -> VersionedRecord | Conflict:
        cell = self._cells.get(record.request_id)
        if cell is None:
            return Conflict(stored=None)
        if cell.version != stored.version:
            return self._standing(record, owner)
        changed = changes(stored.record, record)
        return self._write(record, {**cell.entity, **changed, LEASE_OWNER: owner})

    def _write(self, record: Record, entity: Entity) -> VersionedRecord:
        version, now = f"version {next(self._numbers)}", self._clock.monotonic()
        self._cells[record.request_id] = _Cell(entity=entity, version=version, written=now)
        return VersionedRecord(record=record, version=version, age=0.0)

    def _standing(self, record: Record, owner: str) -> VersionedRecord | Conflict:
        cell = self._cells[record.request_id]
        if cell.entity[LEASE_OWNER] == owner:
            age = self._clock.monotonic() - cell.written
            return VersionedRecord(record=record, version=cell.version, age=age)
        return Conflict(stored=self._stored(record.request_id))

    def _stored(self, request_id: str) -> VersionedRecord | None:
        cell = self._cells.get(request_id)
        if cell is None:
            return None
        age = self._clock.monotonic() - cell.written
        return VersionedRecord(record=decode(cell.entity), version=cell.version, age=age)
