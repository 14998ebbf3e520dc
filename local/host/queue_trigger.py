"""Runs functions on queue messages, and says what happens to each message then.

It is received under a lease that is renewed while the function runs. Success deletes it; failure makes it visible
again after `visibilityTimeout`, until `maxDequeueCount` failures: then a copy goes to the poison queue.
Receiving follows the platform: a batch whenever at most `newBatchThreshold` messages are being worked on, else a wait
from 100 ms, doubling while the queue is empty.
"""

import asyncio
import contextlib
import logging

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.queue import QueueMessage

from local.host import queue_message, settings
from local.host.host_json import Queues
from local.host.invocations import Invocations
from local.host.storage import Storage
from local.host.worker import Function

LOG = logging.getLogger(__name__)
SHORTEST_WAIT = 0.1
POISON = "-poison"
LONGEST_NAME = 63


class QueueTrigger:
    """Runs one function for the messages of its queue."""

    def __init__(
        self,
        function: Function,
        *,
        options: Queues,
        lease: int,
        storage: Storage,
        invocations: Invocations,
    ) -> None:
        binding = function.trigger.fields
        name = settings.resolve(binding["queueName"]).lower()
        connection = binding.get("connection")
        self._function = function
        self._data_type = binding.get("dataType")
        self._options = options
        self._lease = lease
        self._storage = storage
        self._invocations = invocations
        self._queue = storage.queue(connection, name)
        self._poison = (
            None
            if name.endswith(POISON) or len(name + POISON) > LONGEST_NAME
            else storage.queue(connection, name + POISON)
        )
        self._working: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def create(self) -> None:
        """Create the queue, if the storage service can be reached."""
        try:
            await self._storage.create(self._queue)
        except AzureError as fault:
            LOG.warning("queue %s: %s", self._queue.queue_name, fault)

    async def poll(self) -> None:
        """Receive until told to stop."""
        wait = SHORTEST_WAIT
        while not self._stopping.is_set():
            messages = await self._receive()
            for message in messages:
                self._begin(message)
            if messages:
                wait = SHORTEST_WAIT
                await self._room()
            else:
                await self._rest(wait)
                wait = min(wait * 2, self._options.max_polling_interval)

    def stop(self) -> None:
        """Receive no more; what is being received is still worked on, else it would wait for its lease to end."""
        self._stopping.set()

    async def drained(self) -> None:
        """Wait until no message is being worked on."""
        while self._working:
            await asyncio.wait(self._working)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _receive(self) -> list[QueueMessage]:
        batch = self._options.batch_size
        pages = self._queue.receive_messages(
            messages_per_page=batch, visibility_timeout=self._lease
        )
        try:
            async for page in pages.by_page():
                return [message async for message in page]
        except AzureError as fault:
            LOG.warning("queue %s: %s", self._queue.queue_name, fault)
            await self.create()
        return []

    def _begin(self, message: QueueMessage) -> None:
        task = asyncio.create_task(self._process(message))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _room(self) -> None:
        while len(self._working) > self._options.new_batch_threshold:
            await asyncio.wait(self._working, return_when=asyncio.FIRST_COMPLETED)

    async def _process(self, message: QueueMessage) -> None:
        count = message.dequeue_count or 1
        if count > 1:
            LOG.info("message %s is received again: dequeue count %d", message.id, count)
        try:
            if count > self._options.max_dequeue_count:
                await self._to_poison(message)  # it was received too often without an end: a crash
            elif await self._succeeds(message, count):
                await self._queue.delete_message(message)
            elif self._poison is not None:  # else it stays invisible until its lease ends
                await self._failed(message, count)
        except queue_message.Undecodable:
            await self._to_poison(message)
        except HttpResponseError as fault:
            LOG.warning("message %s is no longer ours: %s", message.id, fault.reason)
        except AzureError as fault:
            LOG.warning("message %s: %s", message.id, fault)

    async def _succeeds(self, message: QueueMessage, count: int) -> bool:
        raw = queue_message.body(message.content, self._options.encoding)
        try:
            data = queue_message.data(raw, self._data_type)
        except UnicodeDecodeError:
            LOG.error("%s failed: the message is not UTF-8", self._function.name)  # noqa: TRY400 (its text is enough)
            return False
        running = asyncio.ensure_future(
            self._invocations.run(
                self._function, data, metadata=queue_message.metadata(message, count)
            )
        )
        while not (await asyncio.wait({running}, timeout=self._lease / 2))[0]:
            await self._renew(message)
        return running.result().error is None

    async def _renew(self, message: QueueMessage) -> None:
        try:
            renewed = await self._queue.update_message(
                message.id, message.pop_receipt, visibility_timeout=self._lease
            )
        except AzureError as fault:
            LOG.warning("message %s: the lease is not renewed: %s", message.id, fault)
        else:
            message.pop_receipt = renewed.pop_receipt

    async def _failed(self, message: QueueMessage, count: int) -> None:
        if count >= self._options.max_dequeue_count:
            await self._to_poison(message)
        else:
            delay = self._options.retry_delay
            await self._queue.update_message(
                message.id, message.pop_receipt, visibility_timeout=delay
            )

    async def _to_poison(self, message: QueueMessage) -> None:
        if self._poison is None:
            return
        LOG.warning(
            "Message has reached MaxDequeueCount of %d. Moving message to queue '%s'.",
            self._options.max_dequeue_count,
            self._poison.queue_name,
        )
        await self._storage.send(self._poison, message.content)
        await self._queue.delete_message(message)
