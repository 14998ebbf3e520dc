"""The interfaces through which the follower reaches the world; see `ports`."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.runs.identity import workspace_key
from shared.runs.open_run import Listed, OpenRun
from shared.runs.outcome import RecordedOutcome, RunOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The chain of delayed messages that follows the open runs of one workspace: `shared/gateway/chains.py`."""

    endpoint: str
    token: str  #: the message that continues it; empty: it has ended
    delay: float  #: seconds from the last write to the next visit
    waited: float = 0.0  #: seconds from the last visit to the last write
    lived: float = 0.0  #: seconds from its first visit to the last one
    mark: datetime | None = None  #: Synapse's time: all that ended before is told
    span: float | None = None  #: seconds of a window that may be too wide; None: to the present
    idle: float = 0.0  #: seconds since a run ended
    refused_since: datetime | None = None  #: the looks are refused: a role is missing

    @property
    def key(self) -> str:
        """Return the workspace's key."""
        return workspace_key(self.endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedChain:
    """A chain as the storage service has it."""

    chain: Chain
    version: str  #: the entity's ETag
    age: float  #: seconds since its last write, by the storage service's own clock


class Chains(Protocol):
    """The chains in the `runs` table: one row for each workspace that ever had an open run."""

    async def get(self, key: str) -> VersionedChain | None:
        """Read the chain of a workspace."""
        ...

    async def all(self) -> list[VersionedChain]:
        """Read every chain."""
        ...

    async def insert(self, chain: Chain) -> VersionedChain | None:
        """Write the chain of a workspace that has none; None if another process was quicker."""
        ...

    async def update(self, stored: VersionedChain, chain: Chain) -> VersionedChain | None:
        """Write a chain if it is unchanged since `stored` was read; None if it was changed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """An open run as the storage service has it."""

    run: OpenRun
    age: float  #: seconds since its last write, by the storage service's own clock


class OpenRuns(Protocol):
    """The index of open runs in the `runs` table: a few partitions for each workspace, keyed by run id."""

    async def add(self, run: OpenRun) -> None:
        """Insert a run; one that is there already stays as it is."""
        ...

    async def get(self, endpoint: str, run_id: str) -> StoredRun | None:
        """Read one run."""
        ...

    async def listed(self, endpoint: str) -> list[Listed]:
        """List every open run of a workspace."""
        ...

    def pages(self) -> AsyncGenerator[list[tuple[OpenRun, datetime]]]:
        """Page through the open runs of all workspaces, each with the time of its row by the storage service's clock."""
        ...

    async def endpoints(self) -> list[str]:
        """Return the endpoint of every workspace that has open runs."""
        ...

    async def note_missing(self, endpoint: str, run: Listed) -> None:
        """Keep how many looks in a row found no such run, if it is still in the index."""
        ...

    async def remove(self, endpoint: str, run_ids: Sequence[str]) -> None:
        """Delete runs from the index; ones already gone are not an error."""
        ...


class Outcomes(Protocol):
    """How runs ended: entities beside the record in the `runs` table, one for each generation."""

    async def record(self, recorded: RecordedOutcome) -> RecordedOutcome:
        """Insert an outcome if its generation has none; return the one that stands."""
        ...

    async def get(self, request_id: str, generation: int) -> RecordedOutcome | None:
        """Read the outcome of one generation."""
        ...

    async def of_request(self, request_id: str) -> list[RecordedOutcome]:
        """Read the outcomes of all generations, the first one first."""
        ...

    async def forget(self, request_id: str) -> None:
        """Delete the outcomes of all generations."""
        ...


class OutcomeMessages(Protocol):
    """The `run-outcomes` queue."""

    async def publish(self, outcome: RunOutcome, /) -> None:
        """Put one outcome on the queue."""
        ...
