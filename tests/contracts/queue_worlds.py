"""What a contract test may do to the queues behind a port, on the fakes and on Azurite alike."""

import asyncio
import base64
from typing import Literal, Protocol, override
from urllib.parse import parse_qs

from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from shared.adapters.storage.account import Account
from shared.adapters.storage.queues import AnswerQueue, PoisonQueue, RequestQueue
from shared.ports import Poisoned, Requests, Results
from tests.contracts.worlds import Storage, fresh_name
from tests.fakes.clock import FakeClock
from tests.fakes.queues import FakePoisoned, FakeRequests, FakeResults

type Encoding = Literal["base64", "none"]


class QueueOfAzurite:
    """A queue, as another program sees it."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._name = name

    async def fill(self, texts: list[str]) -> None:
        """Create the queue and put messages on it, as they are."""
        async with self._client() as client:
            await client.create_queue()
            for text in texts:
                await client.send_message(text)

    async def count(self) -> int:
        """Count the messages that lie there, taken or not."""
        async with self._client() as client:
            return (await client.get_queue_properties()).approximate_message_count or 0

    async def peek(self) -> list[str]:
        """Give the texts that show now."""
        async with self._client() as client:
            return [str(one.content) for one in await client.peek_messages(max_messages=32)]

    async def take(self) -> list[QueueMessage]:
        """Take what shows now out of sight."""
        async with self._client() as client:
            return [one async for one in client.receive_messages(visibility_timeout=30)]

    def _client(self) -> QueueClient:
        return QueueClient.from_connection_string(self._storage.connection_string, self._name)


class RequestsWorld(Protocol):
    """The gateway's own messages, and the queue that they lie on."""

    requests: Requests

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for the queue."""
        ...

    async def peek(self) -> list[str]:
        """Give the texts that show now."""
        ...

    async def take(self) -> None:
        """Take what shows now, as the host does to work on it."""
        ...

    def delays(self) -> list[float]:
        """Tell for how long each message was hidden when it was sent."""
        ...


class FakeRequestsWorld(RequestsWorld):
    def __init__(self) -> None:
        self._clock = FakeClock()
        self._fake = FakeRequests(self._clock)
        self.requests: Requests = self._fake

    @override
    async def pass_time(self, seconds: float) -> None:
        self._clock.advance(seconds)

    @override
    async def peek(self) -> list[str]:
        return [message.resume.to_json() for message in self._fake.due()]

    @override
    async def take(self) -> None:
        for message in self._fake.due():
            self._fake.seize(message)

    @override
    def delays(self) -> list[float]:
        return [message.due - self._clock.monotonic() for message in self._fake.messages]


class RequestQueueWorld(RequestsWorld):
    def __init__(self, storage: Storage, account: Account) -> None:
        self._storage = storage
        name = fresh_name()
        self.queue = QueueOfAzurite(storage, name)
        self.requests: Requests = RequestQueue(account, name)

    @override
    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @override
    async def peek(self) -> list[str]:
        return await self.queue.peek()

    @override
    async def take(self) -> None:
        await self.queue.take()

    @override
    def delays(self) -> list[float]:
        return [
            float(parse_qs(call.operation.query)["visibilitytimeout"][0])
            for call in self._storage.proxy.proxy.calls
            if call.operation.operation == "putMessage" and call.status == 201
        ]


class PoisonedWorld(Protocol):
    """What the platform gave up on, and both queues."""

    poisoned: Poisoned

    async def left(self) -> int:
        """Count what lies on the poison queue, taken or not."""
        ...

    async def put_back(self) -> list[str]:
        """Give the texts that lie on the requests queue."""
        ...


class FakePoisonedWorld(PoisonedWorld):
    def __init__(self, texts: list[str]) -> None:
        self._fake = FakePoisoned([text.encode() for text in texts])
        self.poisoned: Poisoned = self._fake

    @override
    async def left(self) -> int:
        return len(self._fake.bodies)

    @override
    async def put_back(self) -> list[str]:
        return [body.decode() for body in self._fake.put]


class PoisonQueueWorld(PoisonedWorld):
    def __init__(self, storage: Storage, account: Account) -> None:
        name = fresh_name()
        self._requests = QueueOfAzurite(storage, name)
        self.queue = QueueOfAzurite(storage, f"{name}-poison")
        self.poisoned: Poisoned = PoisonQueue(account, name)

    @override
    async def left(self) -> int:
        return await self.queue.count()

    @override
    async def put_back(self) -> list[str]:
        return await self._requests.peek()


class ResultsWorld(Protocol):
    """Results, and the queue that they lie on."""

    results: Results

    async def texts(self) -> list[str]:
        """Give the JSON that the queue's readers get."""
        ...


class FakeResultsWorld(ResultsWorld):
    def __init__(self) -> None:
        self._fake = FakeResults()
        self.results: Results = self._fake

    @override
    async def texts(self) -> list[str]:
        return [result.to_json() for result in self._fake.published]


class ResultQueueWorld(ResultsWorld):
    def __init__(self, storage: Storage, account: Account, encoding: Encoding) -> None:
        name = fresh_name()
        self.encoding = encoding
        self.queue = QueueOfAzurite(storage, name)
        self.results: Results = AnswerQueue(account, name, encoding=encoding)

    @override
    async def texts(self) -> list[str]:
        found = await self.queue.peek()
        if self.encoding == "base64":
            return [base64.b64decode(text, validate=True).decode() for text in found]
        return found
