"""What a contract test may do to the storage behind a port, on the fake and on Azurite alike."""

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, override

import pytest
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from local.azurite import server as azurite
from local.faults import Cut
from local.storage_proxy.faults import Fault, Match, Point
from local.storage_proxy.server import Listening
from shared.adapters.storage import audit_entity
from shared.adapters.storage.account import Account
from shared.adapters.storage.audit import TableAudit
from shared.adapters.storage.facts import ByConnectionString
from shared.adapters.storage.record_entity import ROW_KEY, partition_key
from shared.adapters.storage.records import TableRecords
from shared.ports import Audit, AuditKey, Records
from tests.fakes.audit import FakeAudit
from tests.fakes.clock import FakeClock
from tests.fakes.records import FakeRecords

REMOVED = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Azurite, and the proxy before it."""

    proxy: Listening

    @property
    def connection_string(self) -> str:
        return azurite.connection_string(
            queue_port=self.proxy.queue_port, table_port=self.proxy.table_port
        )

    def account(self) -> Account:
        return Account(ByConnectionString(text=self.connection_string))

    def cut_answers(self, *operations: str, times: int = 1) -> None:
        """Cut the next calls of these operations after they landed."""
        for operation in operations:
            self.proxy.proxy.faults.add(
                Fault(
                    act=Cut(), point=Point.FORWARDED, match=Match(operation=operation), times=times
                )
            )


def fresh_name() -> str:
    """Name a table or a queue that nobody has used."""
    return f"t{secrets.token_hex(8)}"


class RecordsWorld(Protocol):
    """Records, and the table behind them."""

    records: Records

    def another_process(self) -> Records:
        """Give what another process of the app would use."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Let storage time pass."""
        ...

    def jump(self, by: timedelta) -> None:
        """Set the host's wall clock wrong."""
        ...

    def lose_answers(self, times: int = 1) -> None:
        """Let the next writes land and their answers get lost."""
        ...

    async def row(self, request_id: str) -> Mapping[str, object]:
        """Give the entity as it lies in the table."""
        ...

    async def tamper(self, request_id: str, column: str, value: object) -> None:
        """Change a column by hand; REMOVED takes it away."""
        ...

    async def clear_echo(self, endpoint: str) -> None:
        """Forget a workspace, as an operator does."""
        ...


class FakeRecordsWorld(RecordsWorld):
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.fake = FakeRecords(self.clock)
        self.records: Records = self.fake

    @override
    def another_process(self) -> Records:
        return self.fake

    @override
    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @override
    def jump(self, by: timedelta) -> None:
        self.clock.wall_offset += by

    @override
    def lose_answers(self, times: int = 1) -> None:
        self.fake.lose_answers(times)

    @override
    async def row(self, request_id: str) -> Mapping[str, object]:
        return self.fake.row(request_id)

    @override
    async def tamper(self, request_id: str, column: str, value: Any) -> None:
        if value is REMOVED:
            del self.fake.row(request_id)[column]
        else:
            self.fake.row(request_id)[column] = value

    @override
    async def clear_echo(self, endpoint: str) -> None:
        self.fake.echoes.pop(endpoint, None)


class TableRecordsWorld(RecordsWorld):
    def __init__(self, storage: Storage, account: Account, patch: pytest.MonkeyPatch) -> None:
        self._storage = storage
        self._account = account
        self._patch = patch
        self._table = fresh_name()
        self.records = self.another_process()

    @override
    def another_process(self) -> Records:
        return TableRecords(self._account, self._table)

    @override
    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @override
    def jump(self, by: timedelta) -> None:
        right = time.time
        self._patch.setattr(time, "time", lambda: right() + by.total_seconds())

    @override
    def lose_answers(self, times: int = 1) -> None:
        self._storage.cut_answers("insertRecord", "mergeRecord", times=times)

    @override
    async def row(self, request_id: str) -> Mapping[str, object]:
        async with self._client() as client:
            return await client.get_entity(partition_key(request_id), ROW_KEY)

    @override
    async def tamper(self, request_id: str, column: str, value: object) -> None:
        async with self._client() as client:
            entity = await client.get_entity(partition_key(request_id), ROW_KEY)
            if value is REMOVED:
                del entity[column]
            else:
                entity[column] = value
            await client.upsert_entity(entity, mode=UpdateMode.REPLACE)

    @override
    async def clear_echo(self, endpoint: str) -> None:
        async with self._client() as client:
            await client.delete_entity(partition_key(endpoint), "workspace")

    def _client(self) -> TableClient:
        return TableClient.from_connection_string(self._storage.connection_string, self._table)


class AuditWorld(Protocol):
    """The audit, and the table behind it."""

    audit: Audit

    def lose_answers(self) -> None:
        """Let the next entry land and its answer get lost."""
        ...

    async def rows(self) -> list[Mapping[str, object]]:
        """Give the entities as they lie in the table, in the order of their keys."""
        ...


class FakeAuditWorld(AuditWorld):
    def __init__(self) -> None:
        self.fake = FakeAudit(page_size=50)
        self.audit: Audit = self.fake

    @override
    def lose_answers(self) -> None:
        """The fake's answers are never lost."""

    @override
    async def rows(self) -> list[Mapping[str, object]]:
        entities = (dict(audit_entity.encode(entry)) for entry in self.fake.entries)
        return sorted(entities, key=lambda row: (str(row["PartitionKey"]), str(row["RowKey"])))


class TableAuditWorld(AuditWorld):
    def __init__(self, storage: Storage, account: Account) -> None:
        self._storage = storage
        self._table = fresh_name() + "audit"
        self.audit: Audit = TableAudit(account, self._table)

    @override
    def lose_answers(self) -> None:
        self._storage.cut_answers("insertAudit")

    @override
    async def rows(self) -> list[Mapping[str, object]]:
        async with TableClient.from_connection_string(
            self._storage.connection_string, self._table
        ) as client:
            return [row async for row in client.list_entities()]

    async def put(self, entity: Mapping[str, str]) -> None:
        """Put a row there that is none of ours."""
        async with TableClient.from_connection_string(
            self._storage.connection_string, self._table
        ) as client:
            await client.create_entity(entity)


async def all_pages(audit: Audit, before: datetime) -> list[list[AuditKey]]:
    """Read every page of old entries."""
    return [page async for page in audit.oldest(before)]
