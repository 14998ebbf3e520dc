"""The contract of the `Outbox` port, on the fake and on Azurite, and of results that are written there, too."""

import json

import pytest

from shared.adapters.storage.account import Account
from shared.adapters.storage.outbox import OutboxQueue, ResultsAndEvents
from shared.kernel.errors import StorageUnavailable
from shared.ports import Outbox
from shared.runs import cloud_event
from tests.contracts.queue_worlds import QueueOfAzurite
from tests.contracts.worlds import Storage, fresh_name
from tests.fakes.clock import FakeClock
from tests.fakes.queues import FakeResults
from tests.fakes.topic import FakeOutbox
from tests.unit.runs.test_cloud_event import SOURCE, a_message, a_result


class OutboxWorld:
    """The port, and the texts that show on the queue."""

    def __init__(self, storage: Storage | None, account: Account | None) -> None:
        name = fresh_name()
        self.fake = FakeOutbox(FakeClock())
        self.queue = QueueOfAzurite(storage, name) if storage else None
        self.outbox: Outbox = OutboxQueue(account, name) if account else self.fake

    async def texts(self) -> list[str]:
        if self.queue:
            return await self.queue.peek()
        now = self.fake._clock.monotonic()
        return [one.message.to_json() for one in self.fake.messages if one.due <= now]


@pytest.fixture(params=["fake", "azurite"])
def world(request: pytest.FixtureRequest) -> OutboxWorld:
    if request.param == "fake":
        return OutboxWorld(None, None)
    storage, account = (request.getfixturevalue(name) for name in ("storage", "account"))
    return OutboxWorld(storage, account)


async def test_an_event_is_read_as_it_was_put(world: OutboxWorld) -> None:
    """As plain JSON, in a queue that did not exist before."""
    await world.outbox.put(a_message(rounds=2))

    (text,) = await world.texts()
    assert cloud_event.read(text.encode()) == a_message(rounds=2)


async def test_an_event_is_hidden_for_its_delay(world: OutboxWorld) -> None:
    await world.outbox.put(a_message(), 60.0)

    assert await world.texts() == []


async def test_a_result_is_written_to_both_queues(world: OutboxWorld) -> None:
    results = FakeResults()

    await ResultsAndEvents(results, world.outbox, source=SOURCE).publish(a_result())

    assert results.published == [a_result()]
    assert await world.texts() == [a_message().to_json()]


async def test_an_event_that_can_t_be_written_is_the_delivery_s_failure() -> None:
    """Then the message is not acknowledged, and the next delivery writes both again."""
    outbox, results = FakeOutbox(FakeClock()), FakeResults()
    outbox.mishaps.fail("put")

    with pytest.raises(StorageUnavailable):
        await ResultsAndEvents(results, outbox, source=SOURCE).publish(a_result())


async def test_events_never_expire(storage: Storage, account: Account) -> None:
    world = OutboxWorld(storage, account)
    await world.outbox.put(a_message())
    assert world.queue is not None

    (message,) = await world.queue.take()

    assert message.expires_on is not None
    assert message.expires_on.year == 9999
    assert json.loads(message.content)["rounds"] == 0
