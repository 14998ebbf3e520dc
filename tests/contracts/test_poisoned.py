"""The contract of the `Poisoned` port, on the fake and on Azurite."""

import asyncio

import pytest

from local.storage_proxy.faults import REFUSED, Fault, Match
from shared.adapters.storage.account import Account
from shared.adapters.storage.queues import PoisonQueue
from shared.kernel.errors import StorageUnavailable
from tests.contracts.queue_worlds import FakePoisonedWorld, PoisonedWorld, PoisonQueueWorld
from tests.contracts.worlds import Storage, fresh_name

TEXTS = ['{"pipelineName":"é😀"}', "eyJwaXBlbGluZU5hbWUiOiJjb3B5In0=", "junk <&>"]


type World = type[FakePoisonedWorld] | PoisonQueueWorld


@pytest.fixture(params=["fake", "azurite"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        return FakePoisonedWorld
    storage: Storage = request.getfixturevalue("storage")
    return PoisonQueueWorld(storage, request.getfixturevalue("account"))


async def filled(world: World, texts: list[str]) -> PoisonedWorld:
    if isinstance(world, PoisonQueueWorld):
        await world.queue.fill(texts)
        return world
    return world(texts)


async def test_messages_are_taken_as_they_are(world: World) -> None:
    """In either encoding, and each only once while its lease holds."""
    poison = await filled(world, TEXTS)

    taken = await poison.poisoned.take(60)

    assert [body.decode() for body, _ in taken] == TEXTS
    assert await poison.poisoned.take(60) == []
    assert await poison.left() == 3


async def test_all_are_taken_in_the_end(world: World) -> None:
    """However many there are."""
    poison = await filled(world, [f"message {number}" for number in range(70)])

    taken = set()
    while page := await poison.poisoned.take(60):
        taken |= {body for body, _ in page}

    assert len(taken) == 70


async def test_a_message_goes_back(world: World) -> None:
    """It lies on the requests queue then, unchanged, and no longer on this one."""
    poison = await filled(world, TEXTS)
    ((body, receipt), *_) = await poison.poisoned.take(60)

    await poison.poisoned.put_back(body, receipt)

    assert await poison.put_back() == [TEXTS[0]]
    assert await poison.left() == 2


async def test_a_message_of_an_operator_goes_back(world: World) -> None:
    """It takes nothing off the poison queue."""
    poison = await filled(world, TEXTS)

    await poison.poisoned.put_back(b"{}")

    assert await poison.put_back() == ["{}"]
    assert await poison.left() == 3


async def test_a_message_that_is_gone_goes_back_all_the_same(world: World) -> None:
    """A copy too many finds its record; a lost one finds nothing."""
    poison = await filled(world, TEXTS)
    ((body, receipt), *_) = await poison.poisoned.take(60)

    await poison.poisoned.put_back(body, receipt)
    await poison.poisoned.put_back(body, receipt)

    assert await poison.put_back() == [TEXTS[0]] * 2


# What only the queue can show.


async def test_where_nothing_was_given_up_nothing_is_taken(account: Account) -> None:
    """The platform creates the queue with its first message."""
    assert await PoisonQueue(account, fresh_name()).take(60) == []


@pytest.mark.slow
async def test_what_is_not_put_back_shows_again(storage: Storage, account: Account) -> None:
    """After its lease; also an empty message is one."""
    poison = PoisonQueueWorld(storage, account)
    await poison.queue.fill([""])

    first = await poison.poisoned.take(0.5)
    await asyncio.sleep(1.3)
    second = await poison.poisoned.take(0.5)

    assert [body for body, _ in first] == [body for body, _ in second] == [b""]


async def test_a_message_that_could_not_be_put_back_stays(
    storage: Storage, account: Account
) -> None:
    """First in, then out."""
    poison = PoisonQueueWorld(storage, account)
    await poison.queue.fill(TEXTS)
    ((body, receipt), *_) = await poison.poisoned.take(60)
    storage.proxy.proxy.faults.add(Fault(act=REFUSED, match=Match(operation="putMessage")))

    with pytest.raises(StorageUnavailable):
        await poison.poisoned.put_back(body, receipt)

    assert await poison.left() == 3
