"""Everything outside the processes: one storage account and one workspace, on virtual time."""

import asyncio
from collections import defaultdict
from typing import Final, override

from shared.adapters.storage.columns import Entity
from shared.adapters.storage.record_entity import decode
from shared.kernel.errors import StorageUnavailable
from shared.ports import Conflict, Receipt, VersionedRecord
from shared.runs.record import FINAL, Record
from shared.runs.request import Follow, Resume
from tests.explorer.life import RUNNING
from tests.explorer.virtual_time import VirtualClock
from tests.explorer.weather import DAY, Line, Weather
from tests.explorer.workspace import Workspace
from tests.fakes.audit import FakeAudit
from tests.fakes.queues import FakeRequests, FakeResults, Message
from tests.fakes.records import FakeRecords

#: notBefore in these stories, and a day each for the limits, a lost answer and a Retry-After.
LONGEST: Final = 5 * DAY


class Ground:
    """What the processes share, and the log of what happened."""

    def __init__(self, seed: int, without: frozenset[str] = frozenset()) -> None:
        loop = asyncio.get_running_loop()
        self.log: list[tuple[float, str, str]] = []
        self.faults: list[str] = []
        self.weather = Weather(seed, without, loop.time)
        self.changed = asyncio.Event()
        self.barred: set[str] = set()
        self.nameless: set[str] = set()  #: ids that were lost on the way to the poison queue
        self.processes = 0  #: how many there have been
        self.clock = VirtualClock(loop.time, self.weather.dice.random)
        self.records = WatchedRecords(self)
        self.requests = WatchedRequests(self)
        self.results = FakeResults()
        self.audit = FakeAudit()
        for port in ("records", "requests", "results", "audit"):
            line = Line(port, self.weather, self.note, self.changed.set)
            getattr(self, port).mishaps = line
        self.workspace = Workspace(self.weather, self.clock, self.note, self.blame)

    def note(self, what: str) -> None:
        """Add a line to the log."""
        life = RUNNING.get()
        now = asyncio.get_running_loop().time()
        self.log.append((now, life.name if life else "-", what))

    def blame(self, fault: str) -> None:
        """Keep that a book does not balance."""
        if fault not in self.faults:
            self.note(f"FAULT {fault}")
            self.faults.append(fault)


class WatchedRecords(FakeRecords):
    """Keeps what each record has been."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground.clock)
        self._ground = ground
        #: client request id → every (request, how often it was inserted by then, generation) it was sent for
        self.sent_as: dict[str, set[tuple[str, int, int]]] = defaultdict(set)
        self.inserted: dict[str, int] = defaultdict(int)
        self.owners: set[str] = (
            set()
        )  #: the correlation ids and traces of deliveries that owned one
        self.edited: set[str] = set()
        self.opened: dict[tuple[str, int, int], float] = {}

    def standing(self) -> list[Record]:
        """Return every record that can be read."""
        readable = [cell for name, cell in self._cells.items() if name not in self.edited]
        return [decode(cell.entity) for cell in readable]

    def edit(self, request_id: str, column: str) -> None:
        """Make an open record unreadable, as somebody who edits the table by hand."""
        cell = self._cells.get(request_id)
        if cell is None or request_id in self.edited or decode(cell.entity).status in FINAL:
            return
        self._ground.note(f"somebody edits {column} of {request_id}")
        self.edited.add(request_id)
        cell.entity = {**cell.entity, column: b"{" if column == "request0" else 99}

    def forget(self) -> None:
        """Delete every final record."""
        for record in self.standing():
            if record.status in FINAL:
                del self._cells[record.request_id]

    @override
    async def insert(self, record: Record) -> VersionedRecord | Conflict:
        life = RUNNING.get()
        if life and self._ground.weather.has("late-storage", 0.05):
            await life.step("before records.insert", 0.05)
            seconds = self._ground.weather.dice.uniform(0.0, 30.0)
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, self._insert, record, f"late {record.delivery.id}")
            self._ground.note(f"records.insert failed, and lands {seconds:.1f} s later")
            raise StorageUnavailable
        return await super().insert(record)

    @override
    def _loses_answer(self) -> bool:
        return self._ground.weather.has("storage", 0.03)

    @override
    def _write(self, record: Record, entity: Entity) -> VersionedRecord:
        if record.request_id not in self._cells:
            self.inserted[record.request_id] += 1
        number = self.inserted[record.request_id]
        key = (record.request_id, number, record.generation)
        self.sent_as[record.client_request_id].add(key)
        self._time_it(record, key)
        self.owners |= {record.delivery.correlation_id or "", record.delivery.traceparent or ""}
        event = record.history[-1]
        self._ground.note(f"{record.request_id} {record.status}: {event.event} {event.detail}")
        return super()._write(record, entity)

    def _time_it(self, record: Record, key: tuple[str, int, int]) -> None:
        """Blame a request that took longer than all limits together."""
        now = self._clock.monotonic()
        began = self.opened.setdefault(key, now)
        if record.history[-1].event == "opened again":
            self.opened[key] = now
        elif record.status in FINAL and now - began > LONGEST + self._ground.weather.ends:
            self._ground.blame(f"endless: {record.request_id} took {(now - began) / DAY:.1f} days")


class WatchedRequests(FakeRequests):
    """Messages that may land after their call has failed."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground.clock)
        self._ground = ground

    @override
    async def enqueue(self, message: Resume | Follow, delay: float) -> Receipt:
        if isinstance(message, Follow):
            return await super().enqueue(message, delay)
        life = RUNNING.get()
        if life and self._ground.weather.has("late-storage", 0.05):
            await life.step("before requests.enqueue", 0.05)
            seconds = self._ground.weather.dice.uniform(0.0, 30.0)
            asyncio.get_running_loop().call_later(seconds, self._land, message, delay)
            self._ground.note(f"requests.enqueue failed, and lands {seconds:.1f} s later")
            raise StorageUnavailable
        self._ground.note(f"message for {message.resume} in {delay:.1f} s")
        return await super().enqueue(message, delay)

    def _land(self, resume: Resume, delay: float) -> None:
        message = Message(resume=resume, due=self._due(delay), receipt=self._receipt())
        self.messages.append(message)
        self._ground.changed.set()
