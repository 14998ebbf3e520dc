"""What each kind of caller does when the gateway dies under it.

A queue message is put until the queue has it, but only once if its own id is to be the request's; the platform delivers
it until it is acknowledged. Event Grid sends an event until it is acknowledged. A caller over HTTP that got no answer
asks again only sometimes: where its claim had landed, the recovery message has to see to it.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.queue.aio import QueueClient

from tests.crash.plan import Entry, Posting, Request

PAUSE = 1.0  # Event Grid's is ten seconds at first
NO_HOST = 0.05
PATIENCE = 300.0
ANSWER_TIME = 20.0
LANDING = "https://landing.blob.core.windows.net/incoming"


@dataclass(slots=True, kw_only=True)
class Sent:
    """One delivery, and what its sender knows of it."""

    posting: Posting
    request_id: str | None = None  #: None for an event: the gateway derives it
    accepted: bool = False  #: the gateway or its queue has said that it has it
    answers: list[dict[str, Any]] = field(default_factory=list)  #: over HTTP
    tries: int = 0
    put_lost: bool = (
        False  #: its put had no answer: only the queue knows the id of the message, if it has it
    )


class Senders:
    """The callers of one deployment."""

    def __init__(
        self, requests: QueueClient, http: aiohttp.ClientSession, url: Callable[[], str | None]
    ) -> None:
        self._requests = requests
        self._http = http
        self._url = url
        self.sent: list[Sent] = []

    async def send(self, posting: Posting, name: str) -> None:
        """Send one delivery, as persistently as its kind is. `name` is the request's id, if it has one."""
        sent = Sent(posting=posting)
        self.sent.append(sent)
        async with asyncio.timeout(PATIENCE):
            match posting.entry:
                case Entry.PLAIN | Entry.BASE64:
                    sent.request_id = name
                    await self._put(sent)
                case Entry.NAMELESS:
                    await self._put(sent)
                case Entry.HTTP:
                    sent.request_id = name
                    await self._call(sent)
                case Entry.EVENT:
                    await self._deliver(sent)

    async def _put(self, sent: Sent) -> None:
        text = json.dumps(_body(sent))
        if sent.posting.entry is Entry.BASE64:
            text = base64.b64encode(text.encode()).decode()
        while not sent.accepted:
            sent.tries += 1
            try:
                message = await self._requests.send_message(text)
            except AzureError:  # it may have landed: then the same request comes twice
                if sent.posting.entry is Entry.NAMELESS:
                    sent.put_lost = True
                    return  # put again, it would be another request
                await asyncio.sleep(PAUSE)
                continue
            sent.accepted = True
            sent.request_id = sent.request_id or f"msg-{message.id}"

    async def _call(self, sent: Sent) -> None:
        while not sent.accepted:
            answer = await self._post("/api/runs", sent, json=_body(sent))
            if answer is not None and answer[0] != 503 and answer[0] != 500:
                sent.accepted = True
                sent.answers.append({"httpStatus": answer[0], **json.loads(answer[1])})
            elif not sent.posting.asks_again:
                return
            else:
                await asyncio.sleep(PAUSE)

    async def _deliver(self, sent: Sent) -> None:
        while not sent.accepted:
            answer = await self._post(
                "/runtime/webhooks/eventgrid",
                sent,
                params={"functionName": "start_from_event"},
                json=[_event(sent.posting)],
                headers={"aeg-event-type": "Notification"},
            )
            if answer is not None and answer[0] < 300:
                sent.accepted = True
            else:
                await asyncio.sleep(PAUSE)

    async def _post(self, path: str, sent: Sent, **request: Any) -> tuple[int, bytes] | None:
        """Post once to a host that serves; None where the answer does not come."""
        while True:
            url = self._url()
            try:
                if url is not None:
                    sent.tries += 1
                    async with self._http.post(url + path, **request) as answer:
                        return answer.status, await answer.read()
            except aiohttp.ClientConnectorError:
                sent.tries -= 1  # nothing was sent, which the caller knows
            except (aiohttp.ClientError, TimeoutError):
                return None
            await asyncio.sleep(NO_HOST)


@asynccontextmanager
async def senders(
    storage: str, queue: str, url: Callable[[], str | None]
) -> AsyncIterator[Senders]:
    """Open the callers' clients, and close them.

    Args:
        storage: a connection string; callers have a way of their own to it.
        queue: the requests queue.
        url: tells the address of a host that serves now.
    """
    async with AsyncExitStack() as clients:
        requests = await clients.enter_async_context(
            QueueClient.from_connection_string(storage, queue, retry_total=0)
        )
        http = await clients.enter_async_context(
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=ANSWER_TIME),
                connector=aiohttp.TCPConnector(limit=0),
            )
        )
        with suppress(ResourceExistsError):
            await requests.create_queue()
        yield Senders(requests, http, url)


def _body(sent: Sent) -> dict[str, Any]:
    request = sent.posting.request
    named = {} if sent.request_id is None else {"requestId": sent.request_id}
    return named | {
        "pipelineName": request.pipeline,
        "parameters": request.parameters,
        "correlationId": sent.posting.correlation_id,
    }


def _event(posting: Posting) -> dict[str, Any]:
    """A blob was created: the rule blob-created of gateway.json makes copyBlob's parameters of it."""
    file = f"{_folder(posting.request)}/orders.csv"
    return {
        "id": posting.correlation_id,
        "topic": "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/landing",
        "subject": f"/blobServices/default/containers/incoming/blobs/{file}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-11-24T08:41:00Z",
        "data": {"url": f"{LANDING}/{file}"},
        "dataVersion": "2",
        "metadataVersion": "1",
    }


def _folder(request: Request) -> str:
    return str(request.parameters["day"])
