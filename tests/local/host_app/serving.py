"""Gives a test a host of its own, and a look into the queues behind it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueServiceClient

from local import process
from local.azurite import server

APP = Path(__file__).parent
PATIENCE = 8.0
NEVER = "0 0 0 1 1 *"


@asynccontextmanager
async def host(
    connection: str,
    *flags: str,
    app: Path = APP,
    tasks: str = "tasks",
    timer: str = NEVER,
    **env: str,
) -> AsyncIterator[process.Child]:
    """Run the small app."""
    settings = {
        "TestStorage": connection,
        "TASKS_QUEUE": tasks,
        "TIMER": timer,
        **env,
    }
    command = process.module("local.host", "--port", "0", "--app", str(app), *flags)
    child = await process.start(command, env=settings)
    try:
        yield child
    finally:
        if child.process.poll() is None:
            await child.stop()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.03)


async def says(child: process.Child, words: str) -> None:
    """Wait until a server has written these words."""

    async def said() -> bool:
        return words in child.output()

    await until(said)


class Queues:
    """The queues, seen by a test."""

    def __init__(self, azurite: server.Azurite) -> None:
        self._service = QueueServiceClient.from_connection_string(azurite.connection_string)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._service.close()

    async def create(self, name: str) -> None:
        await self._service.create_queue(name)

    async def names(self) -> set[str]:
        return {queue.name async for queue in self._service.list_queues()}

    async def send(self, name: str, content: object) -> str:
        """Send text as it is, anything else as JSON; returns the message's id."""
        text = content if isinstance(content, str) else json.dumps(content)
        return (await self._service.get_queue_client(name).send_message(text)).id

    async def receive(self, name: str) -> list[QueueMessage]:
        """Receive what is visible, and leave it."""
        queue = self._service.get_queue_client(name)
        return [message async for message in queue.receive_messages()]

    async def receive_and_release(self, name: str) -> None:
        """Receive one message, as a process does that then crashes, without the wait for its lease."""
        queue = self._service.get_queue_client(name)
        message = await queue.receive_message()
        assert message is not None
        await queue.update_message(message, visibility_timeout=0)

    async def take(self, name: str, wanted: Callable[[str], bool] = bool) -> QueueMessage:
        """Wait for a message, remove and return it; others before it are removed too."""
        queue = self._service.get_queue_client(name)
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    message = await queue.receive_message()
                except ResourceNotFoundError:
                    message = None
                if message is None:
                    await asyncio.sleep(0.03)
                    continue
                await queue.delete_message(message)
                if wanted(message.content):
                    return message

    async def told(self, **wanted: Any) -> dict[str, Any]:
        """Wait for what `on_task` tells of the message that has these fields."""

        def fits(text: str) -> bool:
            return (
                text.startswith("{")
                and json.loads(text).get("wanted", {}).items() >= wanted.items()
            )

        told: dict[str, Any] = json.loads((await self.take("told", fits)).content)
        return told

    async def count(self, name: str) -> int:
        """Return how many messages there are, visible or not."""
        properties = await self._service.get_queue_client(name).get_queue_properties()
        return properties.approximate_message_count or 0

    async def empties(self, name: str) -> None:
        """Wait until the queue holds nothing, visible or not."""

        async def empty() -> bool:
            return not await self.count(name)

        await until(empty)
