"""Reaches the queues of a connection with Microsoft's SDK, one client for each queue."""

import contextlib

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from local.azurite.server import connection_string as emulator
from local.host import settings


class Storage:
    """The queues of all connections."""

    def __init__(self) -> None:
        self._services: dict[str, QueueServiceClient] = {}
        self._queues: dict[tuple[str, str], QueueClient] = {}

    def queue(self, connection: str | None, name: str) -> QueueClient:
        """Return the queue's client."""
        address = settings.connection_string(connection)
        key = (address, name)
        if key not in self._queues:
            self._queues[key] = self._service(address).get_queue_client(name)
        return self._queues[key]

    async def create(self, queue: QueueClient) -> None:
        """Create the queue if it is missing."""
        with contextlib.suppress(ResourceExistsError):
            await queue.create_queue()

    async def send(self, queue: QueueClient, text: str) -> None:
        """Send a text, and create the queue only if that turns out to be needed."""
        try:
            await queue.send_message(text)
        except ResourceNotFoundError:
            await self.create(queue)
            await queue.send_message(text)

    async def close(self) -> None:
        for service in self._services.values():
            await service.close()

    def _service(self, address: str) -> QueueServiceClient:
        if address not in self._services:
            self._services[address] = QueueServiceClient.from_connection_string(
                emulator() if address == settings.EMULATOR else address,
                transport=AioHttpTransport(
                    use_env_settings=False
                ),  # reading them costs 0.4 ms a call
                retry_total=2,
                initial_backoff=0.2,
                increment_base=0,
                random_jitter_range=0,
            )
        return self._services[address]
