"""A caller over HTTP who gets no answer may never ask again: what was claimed for it must heal by itself."""

from collections.abc import Awaitable, Callable

import pytest

from shared.kernel.errors import StorageUnavailable
from shared.ports import Echo
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Status
from shared.synapse.reply import Throttled
from tests.scenarios.world import ENDPOINT, World, a_request
from tests.unit.builders import ERROR


async def test_nothing_is_claimed_that_no_recovery_message_stands_for() -> None:
    """Found by the crash harness: the process died when the claim had landed and the message had not.

    The record stayed Starting for good, for nothing was left that would ever look at it.
    """
    world = World()
    world.requests.mishaps.fail("enqueue", landed=False)

    with pytest.raises(StorageUnavailable):
        await world.host.call(a_request())

    assert world.records.all() == []
    assert world.pipelines.calls == []


async def test_a_recovery_message_whose_claim_never_landed_finds_nothing_and_starts_nothing() -> (
    None
):
    world = World()
    world.records.mishaps.fail("insert", landed=False)

    with pytest.raises(StorageUnavailable):
        await world.host.call(a_request())
    await world.drain()

    assert world.pipelines.calls == []
    assert world.requests.messages == []
    assert [entry.error.code for entry in world.audit.entries if entry.error] == ["NotFound"]


async def stop_before_the_claim(world: World, seconds: float) -> None:
    """Freeze the process between its recovery message and its claim; others take the message meanwhile."""

    async def frozen() -> None:
        world.clock.advance(seconds)
        other = world.restart()
        for message in world.requests.take_due():
            await other.deliver(message.resume.to_json().encode(), "own")

    world.records.mishaps.meanwhile("insert", frozen)


async def test_a_request_whose_recovery_message_came_and_went_still_waits_in_the_queue() -> None:
    """The process was stopped before its claim, and the message found no record yet."""
    world = World()
    await stop_before_the_claim(world, 200.0)
    world.pipelines.script(Throttled(error=ERROR, retry_after=30.0))

    await world.host.call(a_request())
    await world.drain()

    assert world.record.status is Status.STARTED
    assert len({result.result_id for result in world.results.published}) == 1
    assert len(world.pipelines.runs) == 1


async def test_who_dies_after_a_claim_that_came_too_late_leaves_a_message() -> None:
    world = World()
    world.records.echoes[ENDPOINT] = Echo.CONFIRMED
    await stop_before_the_claim(world, 200.0)
    world.records.mishaps.fail("update", landed=False)

    with pytest.raises(StorageUnavailable):
        await world.host.call(a_request())
    world.restart()
    await world.drain()

    assert world.record.status is Status.STARTED
    assert len(world.pipelines.runs) == 1


async def test_a_rerun_whose_recovery_message_came_and_went_still_waits_in_the_queue() -> None:
    world = World()
    await world.deliver()

    async def frozen() -> None:
        world.clock.advance(200.0)
        other = world.restart()
        for message in world.requests.take_due():
            await other.deliver(message.resume.to_json().encode(), "own")

    world.pipelines.script(Throttled(error=ERROR, retry_after=30.0))
    world.records.mishaps.meanwhile("update", frozen)
    asker = Delivery(id="h-2", source=Source.HTTP)

    await world.host.operations.rerun("order-17", 2, asker, "key", {"day": 1})
    await world.drain()

    assert (world.record.status, world.record.generation) == (Status.STARTED, 2)
    assert len(world.pipelines.runs) == 2


async def test_a_message_without_a_record_that_can_t_be_put_back_is_noted_and_makes_no_other() -> (
    None
):
    """Where puts fail and land all the same, messages would multiply."""
    world = World()
    world.records.mishaps.fail("insert", landed=False)
    with pytest.raises(StorageUnavailable):
        await world.host.call(a_request())
    world.clock.advance(200.0)
    (message,) = world.requests.take_due()
    world.requests.mishaps.fail("enqueue", landed=True)

    await world.host.deliver(message.resume.to_json().encode(), "own")

    assert [entry.error.code for entry in world.audit.entries if entry.error] == ["NotFound"]
    assert len(world.requests.messages) == 1


def frozen_by_others(world: World, *, put_fails: bool = False) -> Callable[[], Awaitable[None]]:
    """Freeze a process for longer than its lease, while another takes the messages that show."""

    async def frozen() -> None:
        world.clock.advance(200.0)
        if put_fails:
            world.requests.mishaps.fail("enqueue", landed=False)
        other = world.restart()
        for message in world.requests.take_due():
            await other.deliver(message.resume.to_json().encode(), "own")

    return frozen


async def test_a_put_that_fails_leaves_no_late_record_alone() -> None:
    world = World()
    world.records.echoes[ENDPOINT] = Echo.CONFIRMED
    world.records.mishaps.meanwhile("insert", frozen_by_others(world, put_fails=True))
    world.records.mishaps.fail("update", landed=False)

    with pytest.raises(StorageUnavailable):
        await world.host.call(a_request())
    world.restart()
    await world.drain()

    assert world.record.status is Status.STARTED


async def test_a_rerun_that_lands_late_is_resumed_if_its_process_dies_then() -> None:
    """Its message has found the generation before meanwhile, and is gone."""
    world = World()
    await world.deliver()
    world.records.echoes[ENDPOINT] = Echo.CONFIRMED
    freeze = frozen_by_others(world)

    async def frozen() -> None:
        await freeze()
        world.records.mishaps.meanwhile("update", dies)

    async def dies() -> None:
        world.records.mishaps.fail("update", landed=False)

    world.records.mishaps.meanwhile("update", frozen)

    with pytest.raises(StorageUnavailable):
        await world.host.operations.rerun(
            "order-17", 2, Delivery(id="h-2", source=Source.HTTP), "key", {"day": 1}
        )
    world.restart()
    await world.drain()

    assert (world.record.status, world.record.generation) == (Status.STARTED, 2)
