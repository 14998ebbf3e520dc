"""The message on the requests queue that resumes a request if the process that holds it dies."""

from collections.abc import Awaitable, Callable

from shared.kernel.errors import StorageUnavailable
from shared.ports import Clock, Receipt, Requests
from shared.runs.delivery import Delivery
from shared.runs.record import Record
from shared.runs.request import Resume


class QueueMessage:
    """The message that brought a delivery: the platform delivers it again until it is acknowledged."""

    def __init__(self, requests: Requests, delivery: Delivery, principal: str | None) -> None:
        self._requests = requests
        self._delivery = delivery
        self._principal = principal

    async def cover[T](self, record: Record, write: Callable[[Record], Awaitable[T]]) -> T:
        """Write the record."""
        return await write(record)

    async def defer(self, record: Record, seconds: float) -> None:
        """Put a message of the gateway's own in its place."""
        await self._requests.enqueue(_resume(record, self._delivery, self._principal), seconds)

    async def withdraw(self) -> None:
        """Do nothing: the platform deletes the message when the function returns."""


class RecoveryMessage:
    """A message that is enqueued before the record is written, for a caller who may not ask again.

    The order matters: a process that died after writing the record alone would leave it unattended. A message
    without a record is audited and starts nothing.
    """

    def __init__(
        self,
        clock: Clock,
        requests: Requests,
        delivery: Delivery,
        principal: str | None,
        *,
        lease: float,
    ) -> None:
        self._clock = clock
        self._requests = requests
        self._delivery = delivery
        self._principal = principal
        self._lease = lease
        self._receipt: Receipt | None = None
        self._hidden_until = 0.0  # on the monotonic clock

    async def cover[T](self, record: Record, write: Callable[[Record], Awaitable[T]]) -> T:
        """Put the message on the queue, hidden until the lease has certainly lapsed, then write the record.

        If the write took longer than the lease, the message may have been delivered meanwhile and answered by the
        record before: then another one is enqueued. If the process dies before that, see `Gateway.resume`.
        """
        if self._receipt is None:
            await self._put(record)
        written = await write(record)
        if self._clock.monotonic() >= self._hidden_until:
            await self._put(record)
        return written

    async def defer(self, record: Record, seconds: float) -> None:
        """Make the message visible when the request is due.

        If another process has taken it, a new one replaces it: that process may have found no record yet. At
        worst the answer is published twice.
        """
        if self._receipt is None or not await self._postponed(self._receipt, seconds):
            message = _resume(record, self._delivery, self._principal)
            self._receipt = await self._requests.enqueue(message, seconds)

    async def withdraw(self) -> None:
        """Delete the message, if one was enqueued."""
        if self._receipt is not None:
            await self._requests.withdraw(self._receipt)

    async def _postponed(self, receipt: Receipt, seconds: float) -> bool:
        try:
            return await self._requests.postpone(receipt, seconds)
        except StorageUnavailable:
            # It becomes visible by itself: the request merely starts late, or is looked at early.
            if self._clock.monotonic() < self._hidden_until:
                return True
            raise

    async def _put(self, record: Record) -> None:
        seconds = max(record.wait_seconds, self._lease * 1.1 + 1)
        self._hidden_until = self._clock.monotonic() + self._lease
        message = _resume(record, self._delivery, self._principal, record.fingerprint)
        self._receipt = await self._requests.enqueue(message, seconds)


Message = QueueMessage | RecoveryMessage


def _resume(
    record: Record, delivery: Delivery, principal: str | None, fingerprint: str | None = None
) -> Resume:
    return Resume(
        resume=record.request_id, delivery=delivery, principal=principal, fingerprint=fingerprint
    )
