"""Waits for a deferred request to become final, on behalf of a caller.

It polls the record and holds nothing meanwhile: the process that takes the message from the queue settles the
request and publishes its result; this only reads the outcome.
"""

from typing import Final

from shared.gateway.gateway import Answered, Deferred, Reception
from shared.kernel.errors import StorageUnavailable
from shared.ports import Clock, Records
from shared.runs import result as run_result
from shared.runs.delivery import Delivery
from shared.runs.record import FINAL, Record

SHORTEST: Final = 0.25  # seconds between the first two reads; each pause is half as long again
LONGEST: Final = 5.0


async def wait(
    clock: Clock, records: Records, deferred: Deferred, delivery: Delivery, until: float
) -> Reception:
    """Wait for a request's answer, or give up and leave it to the results queue.

    Args:
        clock: the host's time.
        records: where the request's record is read.
        deferred: what is known of the request so far.
        delivery: the delivery to answer.
        until: when to give up, in the clock's monotonic seconds.
    """
    if clock.monotonic() + deferred.seconds > until:
        return deferred  # it is due later than the caller waits
    pause, record = SHORTEST, deferred.record
    while (left := until - clock.monotonic()) > 0:
        await clock.pause(min(pause, left))
        pause = min(LONGEST, pause * 1.5)
        record = await _look(records, record)
        if record.status in FINAL:
            is_duplicate = not record.delivery.is_same(delivery)
            recipient = delivery.model_copy(update={"duplicate": is_duplicate})
            return Answered(result=run_result.answer(record, recipient), record=record)
    return Deferred(record=record, seconds=deferred.seconds)


async def _look(records: Records, record: Record) -> Record:
    try:
        stored = await records.get(record.request_id)
    except StorageUnavailable:
        return record  # the request is safe, and its record is read again
    return stored.record if stored else record
