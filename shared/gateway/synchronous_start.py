"""Holds calls of Synapse's own wire route until their outcome is known.

Such a caller understands only a run's id, or that nothing was started. So no run may start after it was refused:

    waiting, and this call's own    withdrawn: the same id opens it again           → 429 or 503
    sent, or another call's         read again until it is final                    → its outcome
    still open when time is up      left to its recovery message and the results    → 504
    due only after that             the same, at once                               → 504
"""

from functools import partial
from typing import Final

from shared.gateway.runner import OnOpen, Progress, Runner
from shared.gateway.throttle import PATIENCE
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import StorageUnavailable
from shared.ports import Clock, Records
from shared.runs import record as records
from shared.runs.delivery import Delivery
from shared.runs.record import Record, Status

PLATFORM: Final = 230.0  # its front end ends an HTTP call then (learn, functions-scale: "Time out")
LONGEST: Final = 200.0
TOKEN: Final = 10.0  # what the identity service may take: see `SynapsePipelines`
_SHORTEST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0


class SynchronousStart:
    """Waits with open requests on behalf of their callers."""

    def __init__(
        self, *, clock: Clock, records: Records, runner: Runner, call_timeout: float
    ) -> None:
        self._clock = clock
        self._records = records
        self._runner = runner
        # A step takes a wait for a place, a token, and after a 401 another token and a second call. It has to end
        # before the platform disconnects its caller.
        self._last_step = PLATFORM - (PATIENCE + TOKEN + 2 * call_timeout)

    def begin(self) -> OnOpen:
        """Start the caller's time now, so that it includes what precedes the first visit."""
        return partial(self._hold, self._clock.monotonic())

    async def _hold(self, began: float, progress: Progress, delivery: Delivery) -> Progress:
        """Bring a request to an end that its caller understands, or stop when time is up."""
        until, last_step = began + LONGEST, began + self._last_step
        while (wait := progress.wait) is not None:
            record = progress.stored.record
            left = until - self._clock.monotonic()
            if _may_be_withdrawn(record) and record.delivery.is_same(delivery):
                progress = await self._withdraw(progress, wait)
            elif left > 0 and (wait < left or record.status is not Status.WAITING):
                pause = max(_SHORTEST_PAUSE, min(wait, _LONGEST_PAUSE, left))
                progress = await self._look(progress, wait - pause, pause, last_step)
            else:
                break
        return progress

    async def _look(
        self, progress: Progress, wait: float, pause: float, last_step: float
    ) -> Progress:
        await self._clock.pause(pause)
        stored = await self._records.get(progress.stored.record.request_id)
        if stored is None:
            msg = "The record was deleted while its caller waited."
            raise StorageUnavailable(msg)
        if stored.version == progress.stored.version and wait > 0:
            # It is not due: Synapse is asked no more often than for any other request.
            return Progress(stored=stored, wait=wait)
        return await self._runner.advance(stored, until=last_step)

    async def _withdraw(self, progress: Progress, wait: float) -> Progress:
        record = progress.stored.record
        error = self._why(record)
        withdrawn = records.withdraw(record, error, wait, self._clock.now())
        return await self._runner.advance(await self._runner.settle(progress.stored, withdrawn))

    def _why(self, record: Record) -> CloudError:
        last = (record.error,) if record.error else ()
        is_throttled = any(error.code == Code.THROTTLED for error in last)
        rests = self._runner.throttle.starts(record.endpoint).remaining() > 0
        if is_throttled or rests or record.http_status == 429:
            message = "The workspace is throttled. Nothing was started: ask again with the same id."
            return CloudError(code=Code.THROTTLED, message=message, details=last)
        message = "Synapse can't be called now. Nothing was started: ask again with the same id."
        return CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message, details=last)


def _may_be_withdrawn(record: Record) -> bool:
    """Return whether no run was started for a request, and none will be."""
    return record.status is Status.WAITING and not record.may_run
