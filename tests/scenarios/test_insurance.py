"""A caller over HTTP who gets no answer may never ask again: what was claimed for it must heal by itself."""

import pytest

from shared.errors import StorageUnavailable
from tests.scenarios.world import World, a_request


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
