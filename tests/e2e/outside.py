"""The world outside the app: who sends requests, and who reads results, audit and Synapse's own log."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

from local.synapse.client import Simulator

PATIENCE = 30.0


class Outside:
    """Clients of one running stack."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        requests: QueueClient,
        results: QueueClient,
        audit: TableClient,
        synapse: Simulator,
    ) -> None:
        self.http = http
        self.synapse = synapse
        self._requests = requests
        self._results = results
        self._audit = audit
        self._told: list[dict[str, Any]] = []

    async def put(self, content: Mapping[str, Any] | str, *, plain: bool = True) -> str:
        """Put a message on the requests queue; gives its id."""
        text = content if isinstance(content, str) else json.dumps(content)
        text = text if plain else base64.b64encode(text.encode()).decode()
        return str((await self._requests.send_message(text)).id)

    async def post_event(self, event: Mapping[str, Any]) -> int:
        """Deliver an event as Event Grid does; gives the answer's status."""
        answer = await self.http.post(
            "/runtime/webhooks/eventgrid",
            params={"functionName": "start_from_event"},
            json=[event],
            headers={"aeg-event-type": "Notification"},
        )
        return answer.status_code

    async def results(self, request_id: str, expected: int = 1) -> list[dict[str, Any]]:
        """Wait for so many results of a request."""

        async def look() -> list[dict[str, Any]] | None:
            try:
                async for message in self._results.receive_messages(messages_per_page=32):
                    self._told.append(json.loads(base64.b64decode(message.content)))
                    await self._results.delete_message(message)
            except ResourceNotFoundError:
                return None
            found = [told for told in self._told if told.get("requestId") == request_id]
            return found if len(found) >= expected else None

        return await eventually(look, f"{expected} results of {request_id}")

    async def audited(
        self, name: str, expected: int = 1, *, by: str = "requestId"
    ) -> list[dict[str, Any]]:
        """Wait for so many audit entries of a request, or of a delivery."""

        async def look() -> list[dict[str, Any]] | None:
            try:
                wanted = self._audit.query_entities(f"{by} eq @name", parameters={"name": name})
                found = [dict(entity) async for entity in wanted]
            except ResourceNotFoundError:
                return None
            return found if len(found) >= expected else None

        return await eventually(look, f"{expected} audit entries of {name}")


async def eventually[T](look: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Look until there is something."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = await look()
        if found is not None:
            return found
        await asyncio.sleep(0.05)
    message = f"there were not {what} within {PATIENCE:.0f} s"
    raise AssertionError(message)


@asynccontextmanager
async def outside(
    *,
    url: str,
    storage: str,
    synapse: str,
    requests: str = "run-requests",
    results: str = "run-results",
) -> AsyncIterator[Outside]:
    """Open the clients, and close them."""
    async with AsyncExitStack() as clients:
        enter = clients.enter_async_context
        yield Outside(
            http=await enter(httpx.AsyncClient(base_url=url, timeout=60)),
            requests=await enter(QueueClient.from_connection_string(storage, requests)),
            results=await enter(QueueClient.from_connection_string(storage, results)),
            audit=await enter(TableClient.from_connection_string(storage, "runaudit")),
            synapse=await enter(Simulator(synapse)),
        )
