"""The `runs` table: one record for each request, and what is known of each workspace."""

import asyncio
import secrets
from typing import Final, override

from shared.adapters.storage import columns
from shared.adapters.storage.account import Account
from shared.adapters.storage.columns import Entity
from shared.adapters.storage.facts import Changed, Exists, Missing
from shared.adapters.storage.record_entity import (
    LEASE_OWNER,
    ROW_KEY,
    changes,
    decode,
    encode,
    partition_key,
)
from shared.ports import Conflict, Echo, Records, VersionedRecord
from shared.runs.record import Record

WORKSPACE_ROW: Final = "workspace"
# Seconds for which a process does not check whether an operator has cleared what it wrote.
REMEMBERED: Final = 300.0
_ECHO: Final = columns.member(Echo)


class TableRecords(Records):
    """Records in Azure Table Storage.

    Each write carries a lease owner of its own. A write whose answer was lost is sent again; if the first try had
    landed, the second fails (409, 412), and that owner shows that the stored write is this one.
    """

    def __init__(self, account: Account, table: str) -> None:
        self._account = account
        self._table = table
        self._known_to_echo: dict[str, float] = {}  #: since when, in the event loop's time

    @override
    async def get(self, request_id: str) -> VersionedRecord | None:
        found = await self._read(request_id)
        return None if found is None else found[0]

    @override
    async def insert(self, record: Record) -> VersionedRecord | Conflict:
        owner = _fresh_owner()
        entity = {**_keys(record.request_id), **encode(record), LEASE_OWNER: owner}
        try:
            etag = await self._account.table(self._table).insert(entity)
        except Exists:
            return await self._winner(record, owner)
        return VersionedRecord(record=record, version=etag, age=0.0)

    @override
    async def update(self, stored: VersionedRecord, record: Record) -> VersionedRecord | Conflict:
        owner = _fresh_owner()
        entity = {
            **_keys(record.request_id),
            **changes(stored.record, record),
            LEASE_OWNER: owner,
        }
        try:
            etag = await self._account.table(self._table).merge(entity, stored.version)
        except Missing:
            return Conflict(stored=None)
        except Changed:
            return await self._winner(record, owner)
        return VersionedRecord(record=record, version=etag, age=0.0)

    @override
    async def delete(self, stored: VersionedRecord) -> bool:
        partition = partition_key(stored.record.request_id)
        try:
            await self._account.table(self._table).delete(partition, ROW_KEY, stored.version)
        except Changed:
            return False
        return True

    @override
    async def echo(self, endpoint: str) -> Echo:
        found, _ = await self._workspace(endpoint)
        if found is not Echo.CONFIRMED:
            # An operator has cleared it, or another process marked it: what was written here is void.
            self._known_to_echo.pop(endpoint, None)
        return found

    @override
    async def note_echo(self, endpoint: str, *, echoed: bool) -> None:
        if not echoed:
            # BROKEN wins over everything, so it needs no condition.
            await self._account.table(self._table).replace(_workspace(endpoint, Echo.BROKEN))
            self._known_to_echo.pop(endpoint, None)
            return
        now = asyncio.get_running_loop().time()
        if now - self._known_to_echo.get(endpoint, -REMEMBERED) >= REMEMBERED:
            await self._confirm(endpoint)
            self._known_to_echo[endpoint] = now

    async def _confirm(self, endpoint: str) -> None:
        """Write CONFIRMED if nothing is known; a concurrent writer knows as much or more."""
        table = self._account.table(self._table)
        found, etag = await self._workspace(endpoint)
        if found is not Echo.UNKNOWN:
            return
        entity = _workspace(endpoint, Echo.CONFIRMED)
        try:
            await (table.insert(entity) if etag is None else table.merge(entity, etag))
        except (Exists, Changed, Missing):
            return

    async def _workspace(self, endpoint: str) -> tuple[Echo, str | None]:
        try:
            row = await self._account.table(self._table).get(partition_key(endpoint), WORKSPACE_ROW)
        except Missing:
            return Echo.UNKNOWN, None
        return Echo(columns.read(row.values, "echo", _ECHO)), row.etag

    async def _winner(self, record: Record, owner: str) -> VersionedRecord | Conflict:
        """Return the record as stored after a conflict: this process's own write, or another's."""
        found = await self._read(record.request_id)
        if found is None:
            return Conflict(stored=None)
        stored, its_owner = found
        if its_owner == owner:
            return VersionedRecord(record=record, version=stored.version, age=stored.age)
        return Conflict(stored=stored)

    async def _read(self, request_id: str) -> tuple[VersionedRecord, object] | None:
        table = self._account.table(self._table)
        try:
            row = await table.get(partition_key(request_id), ROW_KEY)
        except Missing:
            return None
        stored = VersionedRecord(record=decode(row.values), version=row.etag, age=row.age)
        return stored, row.values.get(LEASE_OWNER)


def _keys(request_id: str) -> Entity:
    return {"PartitionKey": partition_key(request_id), "RowKey": ROW_KEY}


def _workspace(endpoint: str, echo: Echo) -> Entity:
    return {
        "PartitionKey": partition_key(endpoint),
        "RowKey": WORKSPACE_ROW,
        "endpoint": columns.fit(endpoint),
        "echo": echo.value,
    }


def _fresh_owner() -> str:
    return secrets.token_hex(16)
