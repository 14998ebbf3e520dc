"""The ports of tables and queues, each call measured; the metrics of requests are read from what is written."""

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, override

from opentelemetry.trace import SpanKind

from shared.adapters.telemetry import metrics, spans
from shared.adapters.telemetry.spans import Call, calling
from shared.ports import (
    Audit,
    AuditKey,
    Conflict,
    Echo,
    Receipt,
    Records,
    Requests,
    Results,
    VersionedRecord,
)
from shared.runs.audit_entry import AuditEntry
from shared.runs.audit_query import Page, Wanted
from shared.runs.outcome import End
from shared.runs.record import Reason, Record, Status
from shared.runs.request import Follow, Resume
from shared.runs.result import ResultStatus, RunResult

#: How a lost answer was settled, by the state that follows Unknown.
_SETTLED: Final = {
    Status.STARTED: "found",
    Status.WAITING: "sent again",
    Status.STARTING: "sent again",
    Status.FAILED: "given up",
    Status.REJECTED: "given up",
}


def table_call(operation: str, table: str, what: str | None = None) -> AbstractContextManager[Call]:
    """Measure a call of a table; `what` names what it is about, if the table holds several things."""
    attributes = {
        "db.system.name": "azure_table",
        "db.operation.name": operation,
        "db.collection.name": table,
    }
    return calling(f"{operation} {what or table}", SpanKind.CLIENT, metrics.TABLES, attributes)


def queue_call(operation: str, queue: str) -> AbstractContextManager[Call]:
    """Measure a call of a queue."""
    kind = SpanKind.PRODUCER if operation == "send" else SpanKind.CLIENT
    attributes = {
        "messaging.system": "azure_queue",
        "messaging.operation.name": operation,
        "messaging.destination.name": queue,
    }
    return calling(f"{operation} {queue}", kind, metrics.QUEUES, attributes)


class TracedRecords(Records):
    """The table of records."""

    def __init__(self, port: Records, table: str) -> None:
        self._port = port
        self._name = table

    @override
    async def get(self, request_id: str) -> VersionedRecord | None:
        with table_call("get", self._name) as call:
            found = await self._port.get(request_id)
            call.seen["run_gateway.found"] = int(found is not None)
        return found

    @override
    async def insert(self, record: Record) -> VersionedRecord | Conflict:
        with table_call("insert", self._name) as call:
            return _written(await self._port.insert(record), call)

    @override
    async def update(self, stored: VersionedRecord, record: Record) -> VersionedRecord | Conflict:
        with table_call("update", self._name) as call:
            outcome = _written(await self._port.update(stored, record), call)
            call.seen["run_gateway.status"] = record.status
        if isinstance(outcome, VersionedRecord):
            _count(stored.record, record)
        return outcome

    @override
    async def delete(self, stored: VersionedRecord) -> bool:
        with table_call("delete", self._name):
            return await self._port.delete(stored)

    @override
    async def echo(self, endpoint: str) -> Echo:
        return await self._port.echo(endpoint)

    @override
    async def note_echo(self, endpoint: str, *, echoed: bool) -> None:
        await self._port.note_echo(endpoint, echoed=echoed)


def _written(outcome: VersionedRecord | Conflict, call: Call) -> VersionedRecord | Conflict:
    if isinstance(outcome, Conflict):
        call.seen["run_gateway.outcome"] = "Conflict"
    return outcome


def _count(before: Record, after: Record) -> None:
    """Count what a change of state says: a lost answer, how it was settled, a wait after a 429."""
    if after.status is Status.UNKNOWN and before.status is not Status.UNKNOWN:
        metrics.LOST.add(1, {"run_gateway.workspace": after.workspace})
    elif before.status is Status.UNKNOWN and after.status is not Status.UNKNOWN:
        settled = {"run_gateway.settled": _SETTLED[after.status]}
        metrics.SETTLED.add(1, settled | {"run_gateway.workspace": after.workspace})
    if after.history[-1].event == Reason.THROTTLED:
        metrics.THROTTLED.add(after.wait_seconds, {"run_gateway.workspace": after.workspace})


def _count_run(entry: AuditEntry, outcome: End, workspace: str) -> None:
    """Count the end of a run. Its pipeline exists, or there would be no run."""
    known = {"run_gateway.workspace": workspace, "run_gateway.pipeline": entry.pipeline_name or ""}
    ended = known | {"run_gateway.outcome": outcome.value}
    metrics.RUNS_ENDED.add(1, ended)
    if entry.duration_ms:  # Synapse gives none of a run that it does not know
        metrics.RUN_DURATION.record(entry.duration_ms / 1000, ended)


class TracedAudit(Audit):
    """The table of audit entries, each of which is the end of a delivery or of a run."""

    def __init__(self, port: Audit, table: str, workspaces: frozenset[str]) -> None:
        self._port = port
        self._name = table
        self._workspaces = workspaces  #: configured ones: a refused request may name any

    @override
    async def append(self, entry: AuditEntry) -> None:
        with table_call("append", self._name):
            await self._port.append(entry)
        workspace = entry.workspace if entry.workspace in self._workspaces else "None"
        known = {"run_gateway.source": entry.source.value, "run_gateway.workspace": workspace}
        if entry.outcome is not None:
            _count_run(entry, entry.outcome, workspace)
            return
        code = metrics.code(entry.error.code if entry.error else None)
        ended = known | {"run_gateway.status": entry.status.value, "run_gateway.code": code}
        metrics.ENDED.add(1, ended)
        if entry.status is ResultStatus.STARTED and not entry.duplicate:
            metrics.TIME_TO_STARTED.record(entry.duration_ms / 1000, known)

    @override
    def oldest(self, before: datetime) -> AsyncGenerator[list[AuditKey]]:
        return self._port.oldest(before)

    @override
    async def delete(self, entries: list[AuditKey]) -> None:
        await self._port.delete(entries)

    @override
    async def page(self, wanted: Wanted) -> Page:
        return await self._port.page(wanted)


class TracedResults(Results):
    """The queue of results."""

    def __init__(self, port: Results, queue: str) -> None:
        self._port = port
        self._name = queue

    @override
    async def publish(self, result: RunResult) -> None:
        with queue_call("send", self._name):
            await self._port.publish(result)


class TracedRequests(Requests):
    """The queue of requests: the gateway's own messages name the visit that put them there."""

    def __init__(self, port: Requests, queue: str) -> None:
        self._port = port
        self._name = queue

    @override
    async def enqueue(self, message: Resume | Follow, delay: float) -> Receipt:
        visit = spans.visit()
        if visit is not None and isinstance(message, Resume):
            message = message.model_copy(update={"deferred_by": spans.traceparent(visit)})
        with queue_call("send", self._name) as call:
            call.seen["run_gateway.delay_seconds"] = round(delay)
            return await self._port.enqueue(message, delay)

    @override
    async def postpone(self, receipt: Receipt, delay: float) -> bool:
        with queue_call("postpone", self._name) as call:
            call.seen["run_gateway.delay_seconds"] = round(delay)
            return await self._port.postpone(receipt, delay)

    @override
    async def withdraw(self, receipt: Receipt) -> None:
        with queue_call("settle", self._name):
            await self._port.withdraw(receipt)
