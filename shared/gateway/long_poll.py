"""Waits for a deferred request to become final, on behalf of a caller.

By looking at its record until that is final. Nothing is held meanwhile: whoever takes the message from the
queue settles the request, publishes its result, and this only reads what came of it.
"""

from typing import Final

from shared.gateway.gateway import Answered, Deferred, Reception
from shared.kernel.errors import StorageUnavailable
from shared.ports import Clock, Records
from shared.runs import result as run_result
from shared.runs.delivery import Delivery
from shared.runs.record import FINAL, Record

SHORTEST: Final = 0.25  # seconds between two looks; each time half as many more, up to
LONGEST: Final = 5.0


class LongPoll:
    """Waits for records to become final."""

    def __init__(self, *, clock: Clock, records: Records) -> None:
        self._clock = clock
        self._records = records

    async def wait(self, deferred: Deferred, delivery: Delivery, until: float) -> Reception:
        """Wait for a request's answer, or give up and leave it to the results queue.

        Args:
            deferred: what is known of the request so far.
            delivery: whom the answer is for.
            until: when to give up, in the clock's monotonic seconds.
        """
        if self._clock.monotonic() + deferred.seconds > until:
            return deferred  # its time comes later than the caller's patience ends
        pause, record = SHORTEST, deferred.record
        while (left := until - self._clock.monotonic()) > 0:
            await self._clock.pause(min(pause, left))
            pause = min(LONGEST, pause * 1.5)
            record = await self._look(record)
            if record.status in FINAL:
                again = not record.delivery.is_same(delivery)
                told = delivery.model_copy(update={"duplicate": again})
                return Answered(result=run_result.answer(record, told), record=record)
        return Deferred(record=record, seconds=deferred.seconds)

    async def _look(self, record: Record) -> Record:
        try:
            stored = await self._records.get(record.request_id)
        except StorageUnavailable:
            return record  # the request is safe where it is: look again
        return stored.record if stored else record
