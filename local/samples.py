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


@dataclass(slots=True, kw_only=True)
class Outcome:
    """The outcome of one sample: its audit entry, its result message, and the HTTP status."""

    sample: Sample
    delivery_id: str | None = None
    request_id: str | None = None
    http_status: int | None = None
    started: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    audit: Message | None = None
    result: Message | None = None

    @property
    def missing(self) -> bool:
        return self.audit is None or self.result is None

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
    )


class Senders:
    """The real entry points."""

    def __init__(self, http: httpx.AsyncClient, requests: QueueClient) -> None:
        self._http = http
        self._requests = requests

    async def send(self, sample: Sample) -> Outcome:
        """Send one sample."""
        outcome = Outcome(sample=sample)
        if sample.entry == "queue":
            message = await self._requests.send_message(sample.content.decode())
            outcome.delivery_id = message.id
        elif sample.entry == "http":
            answer = await self._http.post(
                "/api/runs", content=sample.content, headers={"content-type": "application/json"}
            )
            outcome.http_status = answer.status_code
            outcome.request_id = json.loads(sample.content).get("requestId")
        else:
            event = json.loads(sample.content)
            answer = await self._http.post(
                "/runtime/webhooks/eventgrid",
                params={"functionName": "start_from_event"},
                json=[event],
                headers={"aeg-event-type": "Notification"},
            )
            answer.raise_for_status()
            outcome.delivery_id = event["id"]
        return outcome


class Readers:
    """Reads what the gateway wrote: the results queue and the audit table."""

    def __init__(self, results: QueueClient, audit: TableClient) -> None:
        self._results = results
        self._audit = audit
        self.messages: list[Message] = []

    async def read(self, outcomes: list[Outcome]) -> None:
        """Take the results from the queue, read the audit, and match both with the outcomes."""
        try:
            async for message in self._results.receive_messages(messages_per_page=32):
                self.messages.append(json.loads(base64.b64decode(message.content)))
                await self._results.delete_message(message)
            entries = [dict(entity) async for entity in self._audit.list_entities()]
        except ResourceNotFoundError:  # nothing was written yet
            return
        for outcome in filter(lambda outcome: outcome.missing, outcomes):
            self._match(outcome, entries)

    def _match(self, outcome: Outcome, entries: list[dict[str, Any]]) -> None:
        outcome.audit = _first(entries, _is_audit_of(outcome))
        if outcome.audit is None:
            return
        entry = outcome.audit
        outcome.result = _first(
            self.messages,
            lambda message: (
                message.get("requestId") == (entry.get("requestId") or None)
                and message.get("correlationId") == (entry.get("correlationId") or None)
                and message["status"] == entry["status"]
            ),
        )
        if outcome.result is not None:
            outcome.seconds = time.monotonic() - outcome.started


def _is_audit_of(outcome: Outcome) -> Callable[[Message], bool]:
    if outcome.delivery_id is not None:
        return lambda entry: entry["deliveryId"] == outcome.delivery_id
    return lambda entry: entry["source"] == "http" and entry.get("requestId") == outcome.request_id


def _first(found: list[Any], wanted: Callable[[Message], bool]) -> Message | None:
    return next(filter(wanted, found), None)


async def play(
    samples: list[Sample], senders: Senders, readers: Readers, *, patience: float
) -> list[Outcome]:
    """Send every sample and wait for the outcomes, for at most `patience` seconds."""
    outcomes: list[Outcome] = []
    until = time.monotonic() + patience
    first = [sample for sample in samples if sample.after is None]
    later = [sample for sample in samples if sample.after is not None]
    for wave in (first, later):
        outcomes += await asyncio.gather(*map(senders.send, wave))
        while any(outcome.missing for outcome in outcomes) and time.monotonic() < until:
            await asyncio.sleep(0.05)
            await readers.read(outcomes)
    return sorted(outcomes, key=lambda outcome: outcome.sample.name)
