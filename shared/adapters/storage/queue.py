"""One queue, through Azure's client."""

import math
from collections.abc import Awaitable, Callable
from typing import Final

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from shared.adapters.storage.call import reach
from shared.adapters.storage.facts import Changed, Missing, NotCreated
from shared.adapters.track import Track
from shared.kernel import strict_json
from shared.ports import Receipt

LONGEST_DELAY: Final = 6 * 24 * 3600.0  # the service's limit is seven days
_AT_ONCE: Final = 32  # messages of one call (learn, rest/api/storageservices/get-messages)
_NEVER: Final = -1  # expires a message; the service's own default is seven days


class Queue:
    """One queue. It is created when the service says that it does not exist."""

    def __init__(self, client: QueueClient, track: Track) -> None:
        self._client = client
        self._track = track
        self._what = f"queue {client.queue_name}"

    async def put(self, text: str, *, delay: float = 0.0) -> Receipt:
        """Put a message, which never expires, on the queue. JSON in it stays the same JSON."""
        sent = await self._track.watch(
            self._call(
                lambda: self._client.send_message(
                    strict_json.for_xml(text),
                    visibility_timeout=_seconds(delay),
                    time_to_live=_NEVER,
                )
            )
        )
        return _receipt(sent)

    async def take(self, lease: float) -> list[tuple[str, Receipt]]:
        """Take up to 32 messages, hidden from others for `lease` seconds; none if there is no queue."""

        async def receive() -> list[tuple[str, Receipt]]:
            found = self._client.receive_messages(
                messages_per_page=_AT_ONCE,
                max_messages=_AT_ONCE,
                visibility_timeout=max(1, _seconds(lease)),
            )
            return [(message.content or "", _receipt(message)) async for message in found]

        try:
            return await reach(self._what, receive)
        except NotCreated:
            return []

    async def hide(self, receipt: Receipt, delay: float) -> bool:
        """Hide a message from now on; False if it is gone or was taken."""
        try:
            await reach(
                self._what,
                lambda: self._client.update_message(
                    receipt.message_id, receipt.pop_receipt, visibility_timeout=_seconds(delay)
                ),
            )
        except (Missing, Changed, NotCreated):
            return False
        return True

    async def delete(self, receipt: Receipt) -> None:
        """Delete a message; one that is gone or was taken is not an error."""
        try:
            await reach(
                self._what,
                lambda: self._client.delete_message(receipt.message_id, receipt.pop_receipt),
            )
        except (Missing, Changed, NotCreated):
            return

    async def _call[T](self, operation: Callable[[], Awaitable[T]]) -> T:
        try:
            return await reach(self._what, operation)
        except NotCreated:
            await reach(self._what, self._create)
            return await reach(self._what, operation)

    async def _create(self) -> None:
        try:
            await self._client.create_queue()
        except ResourceExistsError:
            return


def _receipt(message: QueueMessage) -> Receipt:
    return Receipt(message_id=str(message.id), pop_receipt=str(message.pop_receipt))


def _seconds(delay: float) -> int:
    return math.ceil(min(max(delay, 0.0), LONGEST_DELAY))
