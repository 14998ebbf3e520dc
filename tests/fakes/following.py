"""Open runs, chains and outcomes of the `runs` table in memory, as the entities that the real table would hold."""

import itertools
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import override

from shared.adapters.storage import entity_json, following_entity as entities
from shared.adapters.storage.columns import Entity
from shared.following_ports import (
    Chain,
    Chains,
    OpenRuns,
    OutcomeMessages,
    Outcomes,
    StoredRun,
    VersionedChain,
)
from shared.runs.open_run import Listed, OpenRun
from shared.runs.outcome import RecordedOutcome, RunOutcome
from tests.fakes.clock import FakeClock
from tests.fakes.mishaps import Mishaps

type Key = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class _Cell:
    entity: Entity
    version: str
    written: float


class FakeChains(Chains):
    """Ages grow by the clock's monotonic seconds, whatever its wall shows."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._cells: dict[str, _Cell] = {}
        self._numbers = itertools.count(1)
        self._lost_answers = 0
        self.mishaps = Mishaps()

    def lose_answers(self, times: int = 1) -> None:
        """Let the next writes land and their answers get lost: the SDK then writes again by itself."""
        self._lost_answers = times

    def put(self, chain: Chain) -> None:
        """Write a chain as if it had stood there before, without a call."""
        self._write(chain)

    @property
    def standing(self) -> list[Chain]:
        """Every chain, without a call."""
        return [entities.read_chain(cell.entity) for cell in self._cells.values()]

    @override
    async def get(self, key: str) -> VersionedChain | None:
        async with self.mishaps.around("get"):
            return self._stored(key)

    @override
    async def all(self) -> list[VersionedChain]:
        async with self.mishaps.around("all"):
            found = [self._stored(key) for key in self._cells]
            return [chain for chain in found if chain]

    @override
    async def insert(self, chain: Chain) -> VersionedChain | None:
        async with self.mishaps.around("insert"):
            if self._loses_answer():
                self._insert(chain)
            return self._insert(chain)

    @override
    async def update(self, stored: VersionedChain, chain: Chain) -> VersionedChain | None:
        async with self.mishaps.around("update"):
            if self._loses_answer():
                self._update(stored, chain)
            return self._update(stored, chain)

    def _loses_answer(self) -> bool:
        self._lost_answers -= 1
        return self._lost_answers >= 0

    def _insert(self, chain: Chain) -> VersionedChain | None:
        return self._own(chain) if chain.key in self._cells else self._write(chain)

    def _update(self, stored: VersionedChain, chain: Chain) -> VersionedChain | None:
        cell = self._cells.get(chain.key)
        if cell is None or cell.version != stored.version:
            return self._own(chain)
        return self._write(chain)

    def _write(self, chain: Chain) -> VersionedChain:
        version, now = f"version {next(self._numbers)}", self._clock.monotonic()
        entity = entities.write_chain(chain)
        self._cells[chain.key] = _Cell(entity=entity, version=version, written=now)
        return VersionedChain(chain=chain, version=version, age=0.0)

    def _own(self, chain: Chain) -> VersionedChain | None:
        stored = self._stored(chain.key)
        return stored if stored and stored.chain == chain else None

    def _stored(self, key: str) -> VersionedChain | None:
        cell = self._cells.get(key)
        if cell is None:
            return None
        age = self._clock.monotonic() - cell.written
        chain = entities.read_chain(cell.entity)
        return VersionedChain(chain=chain, version=cell.version, age=age)


class FakeOpenRuns(OpenRuns):
    """`added_at` is the service's time, whatever the host's wall shows."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._rows: dict[Key, tuple[Entity, datetime]] = {}
        self.mishaps = Mishaps()

    @property
    def standing(self) -> list[OpenRun]:
        """Every open run, without a call."""
        return [entities.read_run(entity) for entity, _ in self._rows.values()]

    @override
    async def add(self, run: OpenRun) -> None:
        async with self.mishaps.around("add"):
            entity = entities.write_run(run)
            self._rows.setdefault(_key(entity), (entity, self._clock.service_time()))

    @override
    async def get(self, endpoint: str, run_id: str) -> StoredRun | None:
        async with self.mishaps.around("get"):
            found = self._rows.get(_key_of(endpoint, run_id))
            if found is None:
                return None
            age = (self._clock.service_time() - found[1]).total_seconds()
            return StoredRun(run=entities.read_run(found[0]), age=age)

    @override
    async def listed(self, endpoint: str) -> list[Listed]:
        async with self.mishaps.around("listed"):
            first, last = entities.bounds(endpoint)
            return [
                entities.read_listed(entity, written)
                for (partition, _), (entity, written) in sorted(self._rows.items())
                if first <= partition <= last
            ]

    @override
    async def pages(self) -> AsyncGenerator[list[tuple[OpenRun, datetime]]]:
        async with self.mishaps.around("pages"):
            found = [
                (entities.read_run(entity), at) for _, (entity, at) in sorted(self._rows.items())
            ]
        yield found

    @override
    async def endpoints(self) -> list[str]:
        async with self.mishaps.around("endpoints"):
            return list(dict.fromkeys(run.endpoint for run in self.standing))

    @override
    async def note_missing(self, endpoint: str, run: Listed) -> None:
        async with self.mishaps.around("note_missing"):
            key = _key_of(endpoint, run.run_id)
            if key in self._rows:
                entity = self._rows[key][0] | entities.write_missing(endpoint, run)
                self._rows[key] = (entity, self._clock.service_time())

    @override
    async def remove(self, endpoint: str, run_ids: Sequence[str]) -> None:
        async with self.mishaps.around("remove"):
            for run_id in run_ids:
                self._rows.pop(_key_of(endpoint, run_id), None)


class FakeOutcomes(Outcomes):
    """`standing` has every outcome that is kept."""

    def __init__(self) -> None:
        self._rows: dict[Key, Entity] = {}
        self.mishaps = Mishaps()

    @property
    def standing(self) -> list[RecordedOutcome]:
        """Every outcome, without a call."""
        return [entities.read_outcome(entity) for entity in self._rows.values()]

    @override
    async def record(self, recorded: RecordedOutcome) -> RecordedOutcome:
        async with self.mishaps.around("record"):
            # As the service returns it.
            entity = entity_json.decode(entity_json.encode(entities.write_outcome(recorded)))
            return entities.read_outcome(self._rows.setdefault(_key(entity), entity))

    @override
    async def get(self, request_id: str, generation: int) -> RecordedOutcome | None:
        async with self.mishaps.around("get"):
            found = [one for one in self._of(request_id) if one.outcome.generation == generation]
            return found[0] if found else None

    @override
    async def of_request(self, request_id: str) -> list[RecordedOutcome]:
        async with self.mishaps.around("of_request"):
            return sorted(self._of(request_id), key=lambda one: one.outcome.generation)

    @override
    async def forget(self, request_id: str) -> None:
        async with self.mishaps.around("forget"):
            for recorded in self._of(request_id):
                del self._rows[_key(entities.write_outcome(recorded))]

    def _of(self, request_id: str) -> list[RecordedOutcome]:
        return [one for one in self.standing if one.outcome.request_id == request_id]


class FakeOutcomeMessages(OutcomeMessages):
    """`published` has what was published, in that order; an outcome published twice stands there twice."""

    def __init__(self) -> None:
        self.published: list[RunOutcome] = []
        self.mishaps = Mishaps()

    @override
    async def publish(self, outcome: RunOutcome) -> None:
        async with self.mishaps.around("publish"):
            self.published.append(RunOutcome.model_validate_json(outcome.to_json()))


def _key(entity: Entity) -> Key:
    return str(entity["PartitionKey"]), str(entity["RowKey"])


def _key_of(endpoint: str, run_id: str) -> Key:
    return entities.partition_of(endpoint, run_id), entities.row_of(run_id)
