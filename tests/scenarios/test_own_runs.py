"""A request starts a run of its own, whatever other records of the same id have started in that workspace."""

import asyncio

import pytest

from shared.kernel.errors import StorageUnavailable
from shared.ports import Echo
from shared.runs.record import Status
from shared.synapse.reply import Unknown
from tests.scenarios.world import ENDPOINT, World
from tests.unit.builders import ERROR


async def test_two_gateways_at_one_workspace_start_a_run_each() -> None:
    """They share no table: the same requestId is another request there."""
    one, other = World(), World()
    other.synapse = other.pipelines = one.pipelines
    other.restart()

    await one.deliver()
    await other.deliver()

    assert len(one.pipelines.runs) == 2
    assert one.result.run_id != other.result.run_id


async def test_an_id_that_is_used_again_after_its_record_is_gone_starts_a_new_run() -> None:
    world = World()
    await world.deliver()
    stored = await world.records.get("order-17")
    assert stored
    await world.records.delete(stored)

    await world.deliver("m-2")

    assert [run.run_id for run in world.pipelines.runs] == [
        result.run_id for result in world.results.published
    ]
    assert len(world.pipelines.runs) == 2


async def test_an_insert_that_lands_late_and_its_redelivery_start_one_run() -> None:
    """The writer was told that its insert failed; the redelivery has drawn another nonce and finds the record."""
    world = World()
    world.records.echoes[ENDPOINT] = Echo.CONFIRMED
    world.records.mishaps.fail("insert", landed=True)
    with pytest.raises(StorageUnavailable):
        await world.deliver()

    await world.deliver()
    await world.drain()

    assert world.record.status is Status.STARTED
    assert len(world.pipelines.runs) == 1
    assert {result.run_id for result in world.results.published} == {world.record.run_id}


async def test_an_insert_that_lands_after_its_redelivery_has_claimed_changes_nothing() -> None:
    world = World()

    async def redelivered() -> None:
        await world.deliver()

    world.records.mishaps.meanwhile("insert", redelivered)
    await asyncio.gather(world.deliver())
    await world.drain()

    assert len(world.pipelines.runs) == len(world.pipelines.calls) == 1
    assert {result.run_id for result in world.results.published} == {world.record.run_id}


async def test_a_run_of_another_pipeline_is_never_adopted() -> None:
    """Should somebody else's run ever have the id: the request's outcome is unknown, and nothing is sent again."""
    world = World(UNKNOWN_OUTCOME="resend")
    lost = Unknown(error=ERROR)

    def start_another(call: object) -> Unknown:
        run = world.pipelines.start(world.pipelines.calls[-1])
        run.pipeline_name = "somebodyElses"
        return lost

    world.pipelines.script(start_another)
    await world.deliver()

    assert (world.record.status, world.record.run_id) == (Status.FAILED, None)
    assert world.record.error
    assert world.record.error.code == "OutcomeUnknown"
    assert "somebodyElses" in world.record.error.message
    assert len(world.pipelines.calls) == 1
