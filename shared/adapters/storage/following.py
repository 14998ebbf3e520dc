"""Open runs, chains and outcomes in the `runs` table."""

import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import override

from shared.adapters.storage import following_entity as entities
from shared.adapters.storage.account import Account
from shared.adapters.storage.columns import TIMESTAMP
from shared.adapters.storage.facts import Changed, Exists, Missing
from shared.adapters.storage.record_entity import partition_key
from shared.following_ports import Chain, Chains, OpenRuns, Outcomes, StoredRun, VersionedChain
from shared.kernel import log_line
from shared.kernel.errors import RecordUnreadable
from shared.runs.open_run import Listed, OpenRun
from shared.runs.outcome import RecordedOutcome


class TableChains(Chains):
    """Chains in Azure Table Storage: all in one partition, so that they can be listed."""

    def __init__(self, account: Account, table: str) -> None:
        self._account = account
        self._table = table

    @override
    async def get(self, key: str) -> VersionedChain | None:
        try:
            row = await self._account.table(self._table).get(entities.CHAINS, key)
        except Missing:
            return None
        chain = entities.read_chain(row.values)
        return VersionedChain(chain=chain, version=row.etag, age=row.age)

    @override
    async def all(self) -> list[VersionedChain]:
        table = self._account.table(self._table)
        query = f"PartitionKey eq '{entities.CHAINS}'"
        keys = [
            str(row["RowKey"])
            async for page in table.pages(query, select=("RowKey",))
            for row in page
        ]
        # Read one by one, since only the answer about a single entity tells its age; workspaces are few.
        found = [await self.get(key) for key in keys]
        return [chain for chain in found if chain]

    @override
    async def insert(self, chain: Chain) -> VersionedChain | None:
        try:
            etag = await self._account.table(self._table).insert(entities.write_chain(chain))
        except Exists:
            return await self._own(chain)
        return VersionedChain(chain=chain, version=etag, age=0.0)

    @override
    async def update(self, stored: VersionedChain, chain: Chain) -> VersionedChain | None:
        table = self._account.table(self._table)
        try:
            etag = await table.merge(entities.write_chain(chain), stored.version)
        except Missing:
            return None
        except Changed:
            return await self._own(chain)
        return VersionedChain(chain=chain, version=etag, age=0.0)

    async def _own(self, chain: Chain) -> VersionedChain | None:
        """Return the chain as stored after a conflict, if it is what was to be written: the answer was lost."""
        found = await self.get(chain.key)
        return found if found and found.chain == chain else None


class TableOpenRuns(OpenRuns):
    """The index of open runs in Azure Table Storage."""

    def __init__(self, account: Account, table: str) -> None:
        self._account = account
        self._table = table

    @override
    async def add(self, run: OpenRun) -> None:
        try:
            await self._account.table(self._table).insert(entities.write_run(run))
        except Exists:
            return

    @override
    async def get(self, endpoint: str, run_id: str) -> StoredRun | None:
        partition, key = entities.partition_of(endpoint, run_id), entities.row_of(run_id)
        try:
            row = await self._account.table(self._table).get(partition, key)
        except Missing:
            return None
        return StoredRun(run=entities.read_run(row.values), age=row.age)

    @override
    async def listed(self, endpoint: str) -> list[Listed]:
        first, last = entities.bounds(endpoint)
        query = f"PartitionKey ge '{first}' and PartitionKey le '{last}'"
        select = ("RowKey", TIMESTAMP, *entities.SELECT_LISTED)
        found: list[Listed] = []
        async for page in self._account.table(self._table).pages(query, select=select):
            for row in page:
                try:
                    found.append(entities.read_listed(row, row[TIMESTAMP]))
                except RecordUnreadable as error:
                    _complain(row, error)
        return found

    @override
    async def pages(self) -> AsyncGenerator[list[tuple[OpenRun, datetime]]]:
        query = f"PartitionKey ge '{entities.OPEN}' and PartitionKey lt '{entities.BEYOND_OPEN}'"
        select = ("RowKey", TIMESTAMP, *entities.SELECT_RUN)
        async for page in self._account.table(self._table).pages(query, select=select):
            runs: list[tuple[OpenRun, datetime]] = []
            for row in page:
                try:
                    runs.append((entities.read_run(row), entities.written_at(row[TIMESTAMP])))
                except RecordUnreadable as error:
                    _complain(row, error)
            yield runs

    @override
    async def endpoints(self) -> list[str]:
        found: dict[str, None] = {}
        after = entities.OPEN
        while row := await self._first(after):
            found[str(row.get("endpoint"))] = None
            after = str(row["PartitionKey"])
        return list(found)

    @override
    async def note_missing(self, endpoint: str, run: Listed) -> None:
        table = self._account.table(self._table)
        entity = entities.write_missing(endpoint, run)
        try:
            row = await table.get(str(entity["PartitionKey"]), str(entity["RowKey"]))
            await table.merge(entity, row.etag)
        except (Missing, Changed):
            return  # removed, or another follower has looked meanwhile

    @override
    async def remove(self, endpoint: str, run_ids: Sequence[str]) -> None:
        rows: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for run_id in run_ids:
            partition = entities.partition_of(endpoint, run_id)
            rows[partition][entities.row_of(run_id)] = None  # a transaction takes each row once
        for partition, of_partition in rows.items():
            await self._account.table(self._table).delete_all(partition, list(of_partition))

    async def _first(self, after: str) -> Mapping[str, object] | None:
        """Return the first row in a later partition of open runs."""
        query = f"PartitionKey gt '{after}' and PartitionKey lt '{entities.BEYOND_OPEN}'"
        table = self._account.table(self._table)
        select = ("PartitionKey", "endpoint")
        async with aclosing(table.pages(query, select=select, size=1)) as pages:
            async for page in pages:
                for row in page:
                    return row
        return None


class TableOutcomes(Outcomes):
    """Outcomes in Azure Table Storage, beside their request's record."""

    def __init__(self, account: Account, table: str) -> None:
        self._account = account
        self._table = table

    @override
    async def record(self, recorded: RecordedOutcome) -> RecordedOutcome:
        table = self._account.table(self._table)
        entity = entities.write_outcome(recorded)
        try:
            await table.insert(entity)
        except Exists:
            row = await table.get(str(entity["PartitionKey"]), str(entity["RowKey"]))
            return entities.read_outcome(row.values)
        return recorded

    @override
    async def get(self, request_id: str, generation: int) -> RecordedOutcome | None:
        table = self._account.table(self._table)
        try:
            row = await table.get(partition_key(request_id), entities.outcome_row(generation))
        except Missing:
            return None
        return entities.read_outcome(row.values)

    @override
    async def of_request(self, request_id: str) -> list[RecordedOutcome]:
        rows = await self._rows(request_id, entities.SELECT_OUTCOME)
        found = [entities.read_outcome(row) for row in rows]
        return sorted(found, key=lambda recorded: recorded.outcome.generation)

    @override
    async def forget(self, request_id: str) -> None:
        keys = [str(row["RowKey"]) for row in await self._rows(request_id, ("RowKey",))]
        await self._account.table(self._table).delete_all(partition_key(request_id), keys)

    async def _rows(self, request_id: str, select: Sequence[str]) -> list[Mapping[str, object]]:
        query = (
            f"PartitionKey eq '{partition_key(request_id)}'"
            f" and RowKey ge '{entities.OUTCOME}' and RowKey lt '{entities.BEYOND_OUTCOME}'"
        )
        pages = self._account.table(self._table).pages(query, select=select)
        return [row async for page in pages for row in page]


def _complain(row: Mapping[str, object], error: RecordUnreadable) -> None:
    log_line.write(logging.ERROR, "open_run_unreadable", runId=row.get("RowKey"), reason=error)
