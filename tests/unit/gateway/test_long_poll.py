"""How a caller waits for a request that was deferred."""

from dataclasses import replace

from shared.gateway import long_poll
from shared.gateway.gateway import Answered, Deferred
from shared.ports import VersionedRecord
from shared.runs.record import Reason, start, wait
from tests.fakes.clock import FakeClock
from tests.fakes.records import FakeRecords
from tests.unit.builders import DELIVERY, NOW, a_record

PATIENT = 60.0


class Waiting:
    """A request that waits, and whoever may settle it meanwhile."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.records = FakeRecords(self.clock)
        self.record = wait(a_record(), 1.0, Reason.THROTTLED, NOW)

    async def begin(self) -> None:
        await self.records.insert(self.record)

    async def settle(self) -> None:
        stored = await self.records.get(self.record.request_id)
        assert isinstance(stored, VersionedRecord)
        await self.records.update(stored, start(stored.record, "a-run", "createRun", NOW))

    async def wait(self, seconds: float = 1.0) -> Answered | Deferred:
        deferred = Deferred(record=self.record, seconds=seconds)
        until = self.clock.monotonic() + PATIENT
        return await long_poll.wait(self.clock, self.records, deferred, DELIVERY, until)


async def test_an_answer_that_comes_is_given() -> None:
    waiting = Waiting()
    await waiting.begin()
    waiting.records.mishaps.meanwhile("get", waiting.settle)

    answered = await waiting.wait()

    assert isinstance(answered, Answered)
    assert (answered.result.run_id, answered.result.duplicate) == ("a-run", False)


async def test_another_deliverys_request_is_answered_as_a_duplicate() -> None:
    waiting = Waiting()
    first = DELIVERY.model_copy(update={"id": "m-0"})
    waiting.record = replace(waiting.record, delivery=first)
    await waiting.begin()
    await waiting.settle()

    answered = await waiting.wait()

    assert isinstance(answered, Answered)
    assert answered.result.duplicate


async def test_a_look_that_fails_is_made_again() -> None:
    """The request is safe where it is."""
    waiting = Waiting()
    await waiting.begin()
    await waiting.settle()
    waiting.records.mishaps.fail("get", times=3)

    assert isinstance(await waiting.wait(), Answered)


async def test_patience_ends() -> None:
    """With what is known by then, and not a moment later."""
    waiting = Waiting()
    began = waiting.clock.monotonic()

    deferred = await waiting.wait()

    assert deferred == Deferred(record=waiting.record, seconds=1.0)
    assert waiting.clock.monotonic() - began == PATIENT


async def test_nobody_waits_in_vain() -> None:
    waiting = Waiting()
    began = waiting.clock.monotonic()

    assert isinstance(await waiting.wait(seconds=PATIENT + 1), Deferred)
    assert waiting.clock.monotonic() == began
