"""How many calls a new request takes, and which of them wait for one another."""

import asyncio
from typing import Final

from tests.scenarios.world import World, a_request, later

#: Of `note_echo`, which `TableRecords` writes once in five minutes for each workspace.
ECHO: Final = ["note_echo"]


async def a_world_at_work() -> World:
    """Return a world whose process has started a run just now: it knows that the open runs are followed."""
    world = World()
    await world.deliver("m-0", requestId="order-0")
    for fake in (world.records, world.requests, world.results, world.audit, world.open_runs):
        fake.mishaps.calls.clear()
    world.chains.mishaps.calls.clear()
    return world


def publishes_audits_and_follows_together(world: World) -> None:
    """Let none of them end before the others have begun."""
    all_three = asyncio.Barrier(3)
    world.results.mishaps.meanwhile("publish", all_three.wait)
    world.audit.mishaps.meanwhile("append", all_three.wait)
    world.open_runs.mishaps.meanwhile("add", all_three.wait)


def ends(world: World) -> list[list[str]]:
    return [fake.mishaps.calls for fake in (world.results, world.audit, world.open_runs)]


async def test_a_queue_message_takes_five_calls_of_storage_three_in_sequence() -> None:
    world = await a_world_at_work()
    publishes_audits_and_follows_together(world)

    async with asyncio.timeout(10):
        await world.deliver()

    assert world.records.mishaps.calls == ["insert", "update", *ECHO]
    assert ends(world) == [["publish"], ["append"], ["add"]]
    assert (world.requests.mishaps.calls, world.chains.mishaps.calls) == ([], [])


async def test_the_first_run_of_a_process_begins_a_chain_or_reads_it() -> None:
    world = World()

    await world.deliver()

    assert (world.requests.mishaps.calls, world.chains.mishaps.calls) == (
        ["enqueue"],
        ["get", "insert"],
    )
    world.restart()
    await world.deliver("m-2", requestId="order-18")
    assert world.chains.mishaps.calls == ["get", "insert", "get"]


async def test_a_request_takes_one_call_of_synapse() -> None:
    world = World()

    await world.deliver()

    assert len(world.pipelines.calls) == 1
    assert (world.pipelines.looks, world.pipelines.queries, world.pipelines.lists) == ([], [], 0)


async def test_a_call_takes_two_more_for_its_recovery_message() -> None:
    """Put before the record is, and deleted after the answer is published."""
    world = await a_world_at_work()
    publishes_audits_and_follows_together(world)

    async with asyncio.timeout(10):
        await world.host.call(a_request())

    assert world.records.mishaps.calls == ["insert", "update", *ECHO]
    assert ends(world) == [["publish"], ["append"], ["add"]]
    assert world.requests.mishaps.calls == ["enqueue", "withdraw"]


async def test_a_request_that_was_deferred_reads_its_record_once() -> None:
    world = World()
    await world.deliver(notBefore=later(world, 60.0))
    before = len(world.records.mishaps.calls)
    publishes_audits_and_follows_together(world)

    async with asyncio.timeout(10):
        await world.drain()

    assert world.records.mishaps.calls[before:] == ["get", "update", "update", *ECHO]
    assert len(world.pipelines.calls) == 1
