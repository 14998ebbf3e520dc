"""What a contract test may do to the storage behind the ports of followed runs, on the fakes and on Azurite alike."""

import asyncio
import base64
from typing import Protocol, override

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.adapters.storage.account import Account
from shared.adapters.storage.following import TableChains, TableOpenRuns, TableOutcomes
from shared.adapters.storage.queues import AnswerQueue
from shared.following_ports import Chains, OpenRuns, OutcomeMessages, Outcomes
from tests.contracts.queue_worlds import QueueOfAzurite
from tests.contracts.worlds import Storage, fresh_name
from tests.fakes.clock import FakeClock
from tests.fakes.following import FakeChains, FakeOpenRuns, FakeOutcomeMessages, FakeOutcomes


class FollowingWorld(Protocol):
    """Chains, open runs and outcomes, and the table and the queue behind them."""

    chains: Chains
    open_runs: OpenRuns
    outcomes: Outcomes
    messages: OutcomeMessages

    async def pass_time(self, seconds: float) -> None:
        """Let storage time pass."""
        ...

    def lose_answers(self) -> None:
        """Let the next write of a chain land and its answer get lost."""
        ...

    async def spoil_chain(self, key: str) -> None:
        """Make a chain unreadable, as a newer version might."""
        ...

    async def texts(self) -> list[str]:
        """Give the JSON that the queue's readers get."""
        ...


class FakeFollowingWorld(FollowingWorld):
    def __init__(self) -> None:
        self._clock = FakeClock()
        self._chains = FakeChains(self._clock)
        self._messages = FakeOutcomeMessages()
        self.chains: Chains = self._chains
        self.open_runs: OpenRuns = FakeOpenRuns(self._clock)
        self.outcomes: Outcomes = FakeOutcomes()
        self.messages: OutcomeMessages = self._messages

    @override
    async def pass_time(self, seconds: float) -> None:
        self._clock.advance(seconds)

    @override
    def lose_answers(self) -> None:
        self._chains.lose_answers()

    @override
    async def spoil_chain(self, key: str) -> None:
        self._chains._cells[key].entity["schemaVersion"] = 99

    @override
    async def texts(self) -> list[str]:
        return [outcome.to_json() for outcome in self._messages.published]


class TableFollowingWorld(FollowingWorld):
    def __init__(self, storage: Storage, account: Account) -> None:
        self._storage = storage
        self._table, queue = fresh_name(), fresh_name()
        self._queue = QueueOfAzurite(storage, queue)
        self.chains: Chains = TableChains(account, self._table)
        self.open_runs: OpenRuns = TableOpenRuns(account, self._table)
        self.outcomes: Outcomes = TableOutcomes(account, self._table)
        self.messages: OutcomeMessages = AnswerQueue(account, queue)

    @override
    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @override
    def lose_answers(self) -> None:
        self._storage.cut_answers("insertChain", "mergeChain")

    @override
    async def spoil_chain(self, key: str) -> None:
        async with TableClient.from_connection_string(
            self._storage.connection_string, self._table
        ) as client:
            entity = {"PartitionKey": "follow", "RowKey": key, "schemaVersion": 99}
            await client.upsert_entity(entity, mode=UpdateMode.MERGE)

    @override
    async def texts(self) -> list[str]:
        return [base64.b64decode(text).decode() for text in await self._queue.peek()]
