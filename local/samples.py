"""Sends the samples through the real entry points, and compares what comes out with what their files expect."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One file of `samples/requests`."""

    name: str
    shows: str
    entry: str  #: queue, http or event-grid
    content: bytes
    correlation_id: str | None
    after: str | None  #: the sample whose result must be out first
    expect: Message
    ends: str | None  #: the outcome of the run that it starts


@dataclass(slots=True, kw_only=True)
class Played:
    """What came of one sample: its audit entry, its result message, the HTTP status, and how its run ended."""

    sample: Sample
    delivery_id: str | None = None
    request_id: str | None = None
    http_status: int | None = None
    started: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    audit: Message | None = None
    result: Message | None = None
    outcome: Message | None = None

    @property
    def missing(self) -> bool:
        return self.audit is None or self.result is None

    @property
    def is_open(self) -> bool:
        """Say whether its run is to end yet."""
        is_started = (self.result or {}).get("status") == "Started"
        return self.sample.ends is not None and is_started and self.outcome is None

    def faults(self) -> list[str]:
        """Return what differs from what the sample's file expects."""
        if self.audit is None or self.result is None:
            return [f"no {'audit entry' if self.result else 'result message'}"]
        error = self.result.get("error") or {}
        found = {
            "status": self.result["status"],
            "code": error.get("code"),
            "duplicate": self.result["duplicate"],
            "http": self.http_status,
        }
        wrong = [
            f"{k} {found[k]} instead of {v}" for k, v in self.sample.expect.items() if found[k] != v
        ]
        if self.audit["status"] != found["status"] or self.audit.get("errorCode") != found["code"]:
            wrong.append("audit entry and result message differ")
        return wrong

    def end_fault(self) -> str | None:
        """Return how the run's end differs from what the sample's file expects."""
        if self.outcome is None:
            return "no outcome message"
        found = self.outcome["outcome"]
        return None if found == self.sample.ends else f"{found} instead of {self.sample.ends}"


def load(directory: Path) -> list[Sample]:
    """Read the samples in the order of their names."""
    return [_read(path) for path in sorted(directory.glob("*.json"))]


def _read(path: Path) -> Sample:
    given = json.loads(path.read_bytes())
    body = given.get("body")
    content = given["text"].encode() if "text" in given else json.dumps(body).encode()
    if given.get("encoding") == "base64":
        content = base64.b64encode(content)
    return Sample(
        name=path.stem,
        shows=given["shows"],
        entry=given["entry"],
        content=content,
        correlation_id=body.get("correlationId") if isinstance(body, dict) else None,
        after=given.get("after"),
        expect=given["expect"],
        ends=given.get("ends"),
    )


class Senders:
    """The real entry points."""

    def __init__(self, http: httpx.AsyncClient, requests: QueueClient) -> None:
        self._http = http
        self._requests = requests

    async def send(self, sample: Sample) -> Played:
        """Send one sample."""
        one = Played(sample=sample)
        if sample.entry == "queue":
            message = await self._requests.send_message(sample.content.decode())
            one.delivery_id = message.id
        elif sample.entry == "http":
            answer = await self._http.post(
                "/api/runs", content=sample.content, headers={"content-type": "application/json"}
            )
            one.http_status = answer.status_code
            one.request_id = json.loads(sample.content).get("requestId")
        else:
            event = json.loads(sample.content)
            answer = await self._http.post(
                "/runtime/webhooks/eventgrid",
                params={"functionName": "start_from_event"},
                json=[event],
                headers={"aeg-event-type": "Notification"},
            )
            answer.raise_for_status()
            one.delivery_id = event["id"]
        return one


class Readers:
    """Reads what the gateway wrote: the results queue and the audit table."""

    def __init__(self, results: QueueClient, audit: TableClient) -> None:
        self._results = results
        self._audit = audit
        self.messages: list[Message] = []

    async def read(self, played: list[Played]) -> None:
        """Take the results from the queue, read the audit, and match both with the samples."""
        try:
            async for message in self._results.receive_messages(messages_per_page=32):
                self.messages.append(json.loads(base64.b64decode(message.content)))
                await self._results.delete_message(message)
            entries = [dict(entity) async for entity in self._audit.list_entities()]
        except ResourceNotFoundError:  # nothing was written yet
            return
        for one in filter(lambda one: one.missing, played):
            self._match(one, entries)

    def _match(self, one: Played, entries: list[dict[str, Any]]) -> None:
        one.audit = _first(entries, _is_audit_of(one))
        if one.audit is None:
            return
        entry = one.audit
        one.result = _first(
            self.messages,
            lambda message: (
                message.get("requestId") == (entry.get("requestId") or None)
                and message.get("correlationId") == (entry.get("correlationId") or None)
                and message["status"] == entry["status"]
            ),
        )
        if one.result is not None:
            one.seconds = time.monotonic() - one.started


def _is_audit_of(one: Played) -> Callable[[Message], bool]:
    by_delivery = one.delivery_id is not None
    name, value = ("deliveryId", one.delivery_id) if by_delivery else ("requestId", one.request_id)
    # The end of its run has an entry of its own, with the delivery's id too.
    return lambda entry: entry["event"] == "delivery" and entry.get(name) == value


def _first(found: list[Any], wanted: Callable[[Message], bool]) -> Message | None:
    return next(filter(wanted, found), None)


async def play(
    samples: list[Sample], senders: Senders, readers: Readers, *, patience: float
) -> list[Played]:
    """Send every sample and wait for what comes of it, for at most `patience` seconds."""
    played: list[Played] = []
    until = time.monotonic() + patience
    first = [sample for sample in samples if sample.after is None]
    later = [sample for sample in samples if sample.after is not None]
    for wave in (first, later):
        played += await asyncio.gather(*map(senders.send, wave))
        while any(one.missing for one in played) and time.monotonic() < until:
            await asyncio.sleep(0.05)
            await readers.read(played)
    return sorted(played, key=lambda one: one.sample.name)


async def follow(played: list[Played], outcomes: QueueClient, *, patience: float) -> list[Played]:
    """Wait until the runs that the samples started have ended, for at most `patience` seconds; return those samples."""
    until = time.monotonic() + patience
    while any(one.is_open for one in played) and time.monotonic() < until:
        try:
            async for message in outcomes.receive_messages(messages_per_page=32):
                told = json.loads(base64.b64decode(message.content))
                await outcomes.delete_message(message)
                for one in filter(_is_of_run(told["runId"]), played):
                    one.outcome = told
        except ResourceNotFoundError:  # no run has ended yet
            pass
        await asyncio.sleep(0.1)
    return [one for one in played if one.sample.ends is not None]


def _is_of_run(run_id: str) -> Callable[[Played], bool]:
    return lambda one: one.is_open and one.result is not None and one.result["runId"] == run_id
