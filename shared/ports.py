"""The interfaces through which the gateway reaches the world.

Each port has a fake in `tests/fakes/` and one suite of contract tests that runs on the fake and on the
real adapter. Adapters raise `errors.StorageUnavailable` and nothing else.
"""

import hashlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from shared.auth.bearer import Reason
from shared.kernel.cloud_error import CloudError
from shared.runs.audit_entry import AuditEntry
from shared.runs.audit_query import Page, Wanted
from shared.runs.cloud_event import CloudEvent, OutboxMessage
from shared.runs.record import Record
from shared.runs.request import Follow, Resume
from shared.runs.result import RunResult
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import Answer, Look, Lost, NotSent, Reply, RunSeen, Unreachable


class Clock(Protocol):
    """The host's time."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware and in UTC: for people, `notBefore` and `expiresAt` only."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump: for what this process itself holds."""
        ...

    def jitter(self) -> float:
        """Return a random number from 0 up to 1."""
        ...

    def nonce(self) -> str:
        """Return 128 random bits in hex: unique for all practical purposes."""
        ...

    async def pause(self, seconds: float) -> None:
        """Sleep, and let other tasks run. For a caller that waits for its answer; a request waits in the queue."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedRecord:
    """A record as the storage service has it."""

    record: Record
    version: str  #: the entity's ETag
    age: float  #: seconds since its last write, by the storage service's own clock

    @property
    def tag(self) -> str:
        """Name this state of a record: its generation, and which write made it."""
        write = hashlib.sha256(self.version.encode()).hexdigest()[:16]
        return f"{self.record.generation}-{write}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The conditional write lost to another writer."""

    stored: VersionedRecord | None  #: the winner's version; None if the record was deleted


class Echo(StrEnum):
    """Whether a workspace gives a run the id that createRun's caller sent."""

    UNKNOWN = "unknown"  #: no run has been seen yet
    CONFIRMED = "confirmed"  #: every run seen had that id
    BROKEN = "broken"  #: one run had another; stays until an operator clears it


class Records(Protocol):
    """The `runs` table: one record for each request, and what is known of each workspace.

    A write that landed although its answer was lost is recognized as this process's own: it returns the
    record as written, never Conflict.
    """

    async def get(self, request_id: str) -> VersionedRecord | None:
        """Read one record. Raises `RecordUnreadable` for one that this version can't understand."""
        ...

    async def insert(self, record: Record) -> VersionedRecord | Conflict:
        """Write a record where there is none. The age of what it returns is 0."""
        ...

    async def update(self, stored: VersionedRecord, record: Record) -> VersionedRecord | Conflict:
        """Write the changed properties if the entity is unchanged since `stored` was read."""
        ...

    async def delete(self, stored: VersionedRecord) -> bool:
        """Delete a record if it is unchanged; return whether it is gone now."""
        ...

    async def echo(self, endpoint: str) -> Echo:
        """Return what is known of a workspace."""
        ...

    async def note_echo(self, endpoint: str, *, echoed: bool) -> None:
        """Record what a run showed of its workspace; once BROKEN it stays so."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What this process saw of a right that can't be tried without using it: seconds ago; None: never."""

    succeeded: float | None = None
    refused: float | None = None
    code: str = ""  #: the service's error code for the last refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The gateway's identity at Synapse, from its token; None for what the token doesn't say."""

    object_id: str | None = None
    client_id: str | None = None


class Pipelines(Protocol):
    """Synapse workspaces. No method raises, and createRun is never retried here."""

    async def authorize(self, endpoint: str, *, refused: bool = False) -> NotSent | None:
        """Get a token ready for this workspace; with `refused`, another than the one that was refused."""
        ...

    async def create_run(self, call: CreateRun) -> Reply:
        """Send createRun once and read its answer."""
        ...

    async def find_run(self, endpoint: str, run_id: str) -> Look:
        """Look for one run by its id."""
        ...

    async def get_run(self, endpoint: str, run_id: str) -> Answer | Lost:
        """Read one run as Synapse shows it, with status and headers, to pass on to a caller."""
        ...

    async def get_pipeline(self, endpoint: str, pipeline_name: str) -> Answer | Lost:
        """Read a pipeline's definition."""
        ...

    async def identity(self, endpoint: str) -> Identity:
        """Return the gateway's identity there."""
        ...

    def started(self, endpoint: str) -> Evidence:
        """Return what was seen of the right to start runs there."""
        ...

    async def cancel_run(
        self, endpoint: str, run_id: str, *, recursive: bool | None = None
    ) -> Answer | Lost:
        """Cancel one run, with `recursive` also the runs that it started; None is Synapse's default."""
        ...

    async def query_runs(self, endpoint: str, body: bytes) -> Answer | Lost:
        """List runs by the filter in `body`, the JSON of queryPipelineRuns. Lost if the list exceeds `MAX_LIST`."""
        ...

    async def query_activities(
        self, endpoint: str, pipeline_name: str, run_id: str, body: bytes
    ) -> Answer | Lost:
        """List activities of a run by the filter in `body`, the JSON of queryActivityruns."""
        ...

    async def recent_runs(
        self, endpoint: str, pipeline_name: str, since: datetime, until: datetime
    ) -> tuple[RunSeen, ...] | Unreachable:
        """List up to ten runs of a pipeline that changed in that time, newest first."""
        ...


class Results(Protocol):
    """The `run-results` queue."""

    async def publish(self, result: RunResult, /) -> None:
        """Put one result on the queue."""
        ...


class Outbox(Protocol):
    """The `run-outbox` queue: events on their way to the Event Grid topic. They never expire."""

    async def put(self, message: OutboxMessage, delay: float = 0.0) -> None:
        """Put an event on the queue that becomes visible in `delay` seconds."""
        ...


class Topic(Protocol):
    """An Event Grid topic. No method raises."""

    url: str

    async def post(self, event: CloudEvent) -> Answer | Lost:
        """Post one event, once."""
        ...

    def posted(self) -> Evidence:
        """Return what was seen of the right to send events."""


class TicketKeys(Protocol):
    """The keys that sign tickets, in the `runs` table: whoever reads it can make tickets."""

    async def secret(self, number: int) -> bytes:
        """Return the key of this number: 32 random bytes, drawn when the first process asks for it."""
        ...


class Audit(Protocol):
    """The `runaudit` table."""

    async def append(self, entry: AuditEntry) -> None:
        """Store one entry durably."""
        ...

    def oldest(self, before: datetime) -> AsyncGenerator[list["AuditKey"]]:
        """Page through the entries made before that time, oldest day first."""
        ...

    async def delete(self, entries: list["AuditKey"]) -> None:
        """Delete entries; ones already gone are not an error."""
        ...

    async def page(self, wanted: Wanted) -> Page:
        """Read entries, newest first; a page may be short if many entries were read to fill it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKey:
    """The keys of an audit entry, and the request it names."""

    partition: str
    row: str
    request_id: str | None
    at: datetime
    is_outcome: bool = False  #: whether it reports the end of a run


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A handle on a message, with which it can be postponed or deleted."""

    message_id: str
    pop_receipt: str


class Requests(Protocol):
    """The `run-requests` queue, for the gateway's own messages. They never expire."""

    async def enqueue(self, message: Resume | Follow, delay: float) -> Receipt:
        """Put a message on the queue that becomes visible in `delay` seconds (at most six days) or a little later."""
        ...

    async def postpone(self, receipt: Receipt, delay: float) -> bool:
        """Hide a message for `delay` seconds from now, or a little longer; False if it was taken meanwhile."""
        ...

    async def withdraw(self, receipt: Receipt) -> None:
        """Delete a message; one already gone is not an error."""
        ...


class StorageRights(Protocol):
    """This process's rights at the storage account."""

    async def try_reading(self, table: str) -> None:
        """Try to read a table, which need not exist. Raises `StorageRefused` if that is not allowed."""
        ...

    def written(self, what: str) -> Evidence:
        """Return what was seen of writing to `table <name>`, or of putting on `queue <name>`."""
        ...


class Poisoned(Protocol):
    """The `run-requests-poison` queue, for an operator."""

    async def take(self, lease: float) -> list[tuple[bytes, Receipt]]:
        """Take some messages, hidden from others for `lease` seconds; empty if none is visible."""
        ...

    async def put_back(self, body: bytes, receipt: Receipt | None = None) -> None:
        """Put a message on the requests queue, then delete it from this one."""
        ...


class Tokens(Protocol):
    """The directory that signs access tokens. No method raises."""

    async def claims(self, token: str) -> Mapping[str, Any] | Reason | CloudError:
        """Return the claims of a token whose signature is valid, or why it is not.

        CloudError if that can't be decided now: the directory's keys are out of reach.
        """
        ...
