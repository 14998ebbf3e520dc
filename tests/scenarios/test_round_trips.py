"""How many calls a new request takes, and which of them wait for one another."""

import asyncio
from typing import Final

from tests.scenarios.world import World, a_request, later

#: Of `note_echo`, which `TableRecords` writes once in five minutes for each workspace.
ECHO: Final = ["note_echo"]


def publishes_and_audits_together(world: World) -> None:
    """Let neither end before the other has begun."""
    both = asyncio.Barrier(2)
    world.results.mishaps.meanwhile("publish", both.wait)
    world.audit.mishaps.meanwhile("append", both.wait)


async def test_a_queue_message_takes_four_calls_of_storage_three_in_sequence() -> None:
    world = World()
    publishes_and_audits_together(world)

    async with asyncio.timeout(10):
        await world.deliver()

    assert world.records.mishaps.calls == ["insert", "update", *ECHO]
    assert (world.results.mishaps.calls, world.audit.mishaps.calls) == (["publish"], ["append"])
    assert world.requests.mishaps.calls == []


async def test_a_request_takes_one_call_of_synapse() -> None:
    world = World()

    await world.deliver()

    assert len(world.pipelines.calls) == 1
    assert (world.pipelines.looks, world.pipelines.queries, world.pipelines.lists) == ([], [], 0)


async def test_a_call_takes_two_more_for_its_recovery_message() -> None:
    """Put before the record is, and deleted after the answer is published."""
    world = World()
    publishes_and_audits_together(world)

    async with asyncio.timeout(10):
        await world.host.call(a_request())

    assert world.records.mishaps.calls == ["insert", "update", *ECHO]
    assert (world.results.mishaps.calls, world.audit.mishaps.calls) == (["publish"], ["append"])
    assert world.requests.mishaps.calls == ["enqueue", "withdraw"]


async def test_a_request_that_was_deferred_reads_its_record_once() -> None:
    world = World()
    await world.deliver(notBefore=later(world, 60.0))
    before = len(world.records.mishaps.calls)
    publishes_and_audits_together(world)

    async with asyncio.timeout(10):
        await world.drain()

    assert world.records.mishaps.calls[before:] == ["get", "update", "update", *ECHO]
    assert len(world.pipelines.calls) == 1
