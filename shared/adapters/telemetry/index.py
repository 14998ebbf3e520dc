"""The ports of the follower, each call measured: the index of open runs, chains, outcomes and their messages."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, override

from shared.adapters.telemetry.storage import queue_call, table_call
from shared.config.settings import Settings
from shared.following_ports import (
    Chain,
    Chains,
    OpenRuns,
    OutcomeMessages,
    Outcomes,
    StoredRun,
    VersionedChain,
)
from shared.gateway.tracking import FollowPorts
from shared.runs.open_run import Listed, OpenRun
from shared.runs.outcome import RecordedOutcome, RunOutcome

_CHAIN: Final = "chain"
_RUN: Final = "open run"
_OUTCOME: Final = "outcome"


def traced(ports: FollowPorts, settings: Settings) -> FollowPorts:
    """Return the ports with telemetry around them."""
    table, queue, messages = settings.runs_table, settings.outcomes_queue, ports.messages
    return replace(
        ports,
        chains=TracedChains(ports.chains, table),
        open_runs=TracedOpenRuns(ports.open_runs, table),
        outcomes=TracedOutcomes(ports.outcomes, table),
        messages=TracedMessages(messages, queue or settings.outbox_queue) if messages else None,
    )


class TracedChains(Chains):
    """The chains that follow open runs."""

    def __init__(self, port: Chains, table: str) -> None:
        self._port = port
        self._table = table

    @override
    async def get(self, key: str) -> VersionedChain | None:
        with table_call("get", self._table, _CHAIN):
            return await self._port.get(key)

    @override
    async def all(self) -> list[VersionedChain]:
        with table_call("list", self._table, _CHAIN):
            return await self._port.all()

    @override
    async def insert(self, chain: Chain) -> VersionedChain | None:
        with table_call("insert", self._table, _CHAIN):
            return await self._port.insert(chain)

    @override
    async def update(self, stored: VersionedChain, chain: Chain) -> VersionedChain | None:
        with table_call("update", self._table, _CHAIN):
            return await self._port.update(stored, chain)


class TracedOpenRuns(OpenRuns):
    """The index of open runs."""

    def __init__(self, port: OpenRuns, table: str) -> None:
        self._port = port
        self._table = table

    @override
    async def add(self, run: OpenRun) -> None:
        with table_call("insert", self._table, _RUN):
            await self._port.add(run)

    @override
    async def get(self, endpoint: str, run_id: str) -> StoredRun | None:
        with table_call("get", self._table, _RUN):
            return await self._port.get(endpoint, run_id)

    @override
    async def listed(self, endpoint: str) -> list[Listed]:
        with table_call("list", self._table, _RUN) as call:
            found = await self._port.listed(endpoint)
            call.seen["run_gateway.found"] = len(found)
        return found

    @override
    def pages(self) -> AsyncGenerator[list[tuple[OpenRun, datetime]]]:
        return self._port.pages()

    @override
    async def endpoints(self) -> list[str]:
        with table_call("list", self._table, _RUN):
            return await self._port.endpoints()

    @override
    async def note_missing(self, endpoint: str, run: Listed) -> None:
        with table_call("update", self._table, _RUN):
            await self._port.note_missing(endpoint, run)

    @override
    async def remove(self, endpoint: str, run_ids: Sequence[str]) -> None:
        with table_call("delete", self._table, _RUN):
            await self._port.remove(endpoint, run_ids)


class TracedOutcomes(Outcomes):
    """How runs ended, beside their records."""

    def __init__(self, port: Outcomes, table: str) -> None:
        self._port = port
        self._table = table

    @override
    async def record(self, recorded: RecordedOutcome) -> RecordedOutcome:
        with table_call("insert", self._table, _OUTCOME):
            return await self._port.record(recorded)

    @override
    async def get(self, request_id: str, generation: int) -> RecordedOutcome | None:
        with table_call("get", self._table, _OUTCOME):
            return await self._port.get(request_id, generation)

    @override
    async def of_request(self, request_id: str) -> list[RecordedOutcome]:
        with table_call("list", self._table, _OUTCOME):
            return await self._port.of_request(request_id)

    @override
    async def forget(self, request_id: str) -> None:
        with table_call("delete", self._table, _OUTCOME):
            await self._port.forget(request_id)


class TracedMessages(OutcomeMessages):
    """The queue of outcomes."""

    def __init__(self, port: OutcomeMessages, queue: str) -> None:
        self._port = port
        self._queue = queue

    @override
    async def publish(self, outcome: RunOutcome) -> None:
        with queue_call("send", self._queue):
            await self._port.publish(outcome)
