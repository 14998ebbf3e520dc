"""The message on the requests queue that takes a request up again if the process that holds it dies."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from shared.kernel.errors import StorageUnavailable
from shared.ports import Clock, Receipt, Requests
from shared.runs.delivery import Delivery
from shared.runs.record import Record
from shared.runs.request import Resume


class Message(Protocol):
    """What outlives the process: code holds either kind, without branches."""

    async def cover[T](self, record: Record, write: Callable[[Record], Awaitable[T]]) -> T:
        """Write a record; both it and a message that resumes it have landed when this returns."""
        ...

    async def defer(self, record: Record, seconds: float) -> None:
        """Let the request be taken up again in so many seconds, for this delivery."""
        ...

    async def withdraw(self) -> None:
        """Take the message back: the answer is out."""
        ...


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
        await self._requests.enqueue(_owed(record, self._delivery, self._principal), seconds)

    async def withdraw(self) -> None:
        """Leave it to the platform, which deletes it when the function returns."""


class RecoveryMessage:
    """A message that is enqueued before the record is written, for a caller who may not ask again.

    One after the other: a process that died when the record alone had landed would leave one that is never
    looked at. A message without a record is noted and starts nothing.
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
        """Put the message on the queue, hidden until the lease has lapsed for sure, then write the record.

        A write that takes longer is waited for: see `Gateway.resume`.
        """
        if self._receipt is None:
            await self._put(record)
        return await write(record)

    async def defer(self, record: Record, seconds: float) -> None:
        """Let it show when the request's time has come.

        If another process has taken it, another goes in its place: that one may have found no record yet, and
        noted so. At worst the answer is published twice.
        """
        if self._receipt is None or not await self._postponed(self._receipt, seconds):
            owed = _owed(record, self._delivery, self._principal)
            self._receipt = await self._requests.enqueue(owed, seconds)

    async def withdraw(self) -> None:
        """Delete it, where one was put."""
        if self._receipt is not None:
            await self._requests.withdraw(self._receipt)

    async def _postponed(self, receipt: Receipt, seconds: float) -> bool:
        try:
            return await self._requests.postpone(receipt, seconds)
        except StorageUnavailable:
            # While it is still hidden it will show by itself: the request merely starts late, or is looked at early.
            if self._clock.monotonic() < self._hidden_until:
                return True
            raise

    async def _put(self, record: Record) -> None:
        seconds = max(record.wait_seconds, self._lease * 1.1 + 1)
        self._hidden_until = self._clock.monotonic() + self._lease
        owed = _owed(record, self._delivery, self._principal, record.fingerprint)
        self._receipt = await self._requests.enqueue(owed, seconds)


def _owed(
    record: Record, delivery: Delivery, principal: str | None, fingerprint: str | None = None
) -> Resume:
    return Resume(
        resume=record.request_id, delivery=delivery, principal=principal, fingerprint=fingerprint
    )
