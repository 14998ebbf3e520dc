"""What a test plans to go wrong in a fake: tests/fakes/mishaps.py."""

import pytest

from shared.kernel.errors import StorageUnavailable
from shared.runs.record import Status
from shared.runs.request import Resume
from tests.fakes.clock import FakeClock
from tests.fakes.queues import FakeRequests
from tests.fakes.records import FakeRecords
from tests.unit.builders import a_record


async def test_an_operation_fails_before_it_did_anything() -> None:
    """Once, as planned."""
    records = FakeRecords(FakeClock())
    records.mishaps.fail("insert")

    with pytest.raises(StorageUnavailable):
        await records.insert(a_record())

    assert records.all() == []
    await records.insert(a_record())
    assert records.mishaps.calls == ["insert", "insert"]


async def test_an_operation_fails_after_it_landed() -> None:
    """Its caller can't tell that from the other."""
    records = FakeRecords(FakeClock())
    records.mishaps.fail("insert", landed=True)

    with pytest.raises(StorageUnavailable):
        await records.insert(a_record())

    assert records.all() == [a_record()]


async def test_any_operation_may_fail() -> None:
    """So many times, where none is named."""
    requests = FakeRequests(FakeClock())
    requests.mishaps.fail(times=2)

    with pytest.raises(StorageUnavailable):
        await requests.enqueue(Resume(resume="r"), 0)
    with pytest.raises(StorageUnavailable):
        await requests.enqueue(Resume(resume="r"), 0)
    receipt = await requests.enqueue(Resume(resume="r"), 0)

    assert [message.receipt for message in requests.due()] == [receipt]


async def test_another_process_may_come_between() -> None:
    """Just before the operation, once."""
    records = FakeRecords(FakeClock())

    async def overtake() -> None:
        await records.insert(a_record(status=Status.REJECTED))

    records.mishaps.meanwhile("insert", overtake)
    await records.insert(a_record())

    assert [record.status for record in records.all()] == [Status.REJECTED]


async def test_messages_are_taken_when_they_are_due() -> None:
    """And stay taken."""
    clock = FakeClock()
    requests = FakeRequests(clock)
    await requests.enqueue(Resume(resume="late"), 10)
    await requests.enqueue(Resume(resume="soon"), 0)

    first = requests.take_due()
    clock.advance(10)
    second = requests.take_due()

    assert [message.resume.resume for message in first + second] == ["soon", "late"]
    assert requests.messages == []
