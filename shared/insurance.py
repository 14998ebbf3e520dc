"""Who takes a request up again where the process dies that holds it? A recovery message on the requests queue."""

from collections.abc import Awaitable, Callable

from shared.delivery import Delivery
from shared.ports import Clock, Receipt, Requests
from shared.record import Record
from shared.run_request import Resume
from shared.runner import Standing

#: Stay with an open request for this delivery; gives where it stands when the caller is answered.
Attend = Callable[[Standing, Delivery], Awaitable[Standing]]


class Insurance:
    """A recovery message."""

    def __init__(
        self,
        clock: Clock,
        requests: Requests,
        first: Record,
        lease: float,
        attend: Attend | None = None,
    ) -> None:
        self.attend = attend
        self._clock = clock
        self._requests = requests
        self._lease = lease
        self._seconds = max(first.wait_seconds, lease * 1.1 + 1)
        self._message = Resume(
            resume=first.request_id, delivery=first.delivery, fingerprint=first.fingerprint
        )
        self._receipt: Receipt | None = None

    async def cover[T](self, write: Callable[[], Awaitable[T]]) -> T:
        """Write a record; both it and its message have landed when this returns.

        One after the other: a process that died when the record alone had landed would leave one that
        nobody ever looks at. A message without a record is noted and starts nothing.
        """
        since = self._clock.monotonic()
        await self._take_out()
        written = await write()
        if self._clock.monotonic() - since >= self._lease:
            await self._take_out()  # the first one may have come and gone before there was a record
        return written

    async def move(self, seconds: float) -> None:
        """Let it show when the request's time has come.

        Where somebody has taken it, another goes in its place: that one may have found no record yet, and
        noted so. At worst the answer is told twice.
        """
        if self._receipt and not await self._requests.postpone(self._receipt, seconds):
            self._receipt = await self._requests.enqueue(self._message, seconds)

    async def cancel(self) -> None:
        """Take it back: the answer is out."""
        if self._receipt is not None:
            await self._requests.withdraw(self._receipt)

    async def _take_out(self) -> None:
        """Put the message on the queue; it shows when the lease has lapsed for sure."""
        self._receipt = await self._requests.enqueue(self._message, self._seconds)
