"""The contract of the `Records` port, on the fake and on Azurite: what is known of a workspace."""

import asyncio

import pytest

from shared.adapters.storage import records
from shared.ports import Echo
from tests.contracts.worlds import RecordsWorld

ENDPOINT = "https://w.dev.azuresynapse.net"


async def test_of_a_workspace_nothing_is_known_at_first(records_world: RecordsWorld) -> None:
    """No run was seen yet."""
    assert await records_world.records.echo(ENDPOINT) is Echo.UNKNOWN


async def test_a_workspace_that_echoes_is_confirmed(records_world: RecordsWorld) -> None:
    """Every process knows it then, and of this workspace alone."""
    for _ in range(3):
        await records_world.records.note_echo(ENDPOINT, echoed=True)

    assert await records_world.another_process().echo(ENDPOINT) is Echo.CONFIRMED
    assert await records_world.records.echo("https://x.dev.azuresynapse.net") is Echo.UNKNOWN


@pytest.mark.parametrize(
    "seen", [(False,), (True, False), (False, True), (True, False, True)], ids=str
)
async def test_one_run_without_its_id_breaks_the_trust(
    records_world: RecordsWorld, seen: tuple[bool, ...]
) -> None:
    """Nothing that is seen later mends it, in any process."""
    for echoed in seen:
        await records_world.records.note_echo(ENDPOINT, echoed=echoed)
    await records_world.another_process().note_echo(ENDPOINT, echoed=True)

    assert await records_world.records.echo(ENDPOINT) is Echo.BROKEN


async def test_another_process_may_break_what_this_one_confirmed(
    records_world: RecordsWorld,
) -> None:
    """Reading is never answered from memory."""
    await records_world.records.note_echo(ENDPOINT, echoed=True)
    await records_world.another_process().note_echo(ENDPOINT, echoed=False)
    await records_world.records.note_echo(ENDPOINT, echoed=True)

    assert await records_world.records.echo(ENDPOINT) is Echo.BROKEN


@pytest.mark.parametrize("echoed", [True, False])
async def test_an_operator_clears_a_mark_and_it_can_come_again(
    records_world: RecordsWorld, *, echoed: bool
) -> None:
    """What this process wrote before keeps it from nothing."""
    await records_world.records.note_echo(ENDPOINT, echoed=echoed)
    await records_world.clear_echo(ENDPOINT)
    assert await records_world.records.echo(ENDPOINT) is Echo.UNKNOWN

    await records_world.records.note_echo(ENDPOINT, echoed=echoed)

    expected = Echo.CONFIRMED if echoed else Echo.BROKEN
    assert await records_world.records.echo(ENDPOINT) is expected


@pytest.mark.parametrize("seen", [(True,), (False, True)], ids=str)
async def test_a_process_that_knew_it_learns_anew_what_was_cleared(
    records_world: RecordsWorld, monkeypatch: pytest.MonkeyPatch, seen: tuple[bool, ...]
) -> None:
    """Without anybody's look: else the first lost answer would find nothing known."""
    monkeypatch.setattr(records, "REMEMBERED", 0.0)
    for echoed in seen:
        await records_world.records.note_echo(ENDPOINT, echoed=echoed)
    await records_world.clear_echo(ENDPOINT)

    await records_world.records.note_echo(ENDPOINT, echoed=True)

    assert await records_world.another_process().echo(ENDPOINT) is Echo.CONFIRMED


async def test_of_concurrent_notes_the_broken_one_stays(records_world: RecordsWorld) -> None:
    """Whichever comes first."""
    processes = [records_world.another_process() for _ in range(20)]

    await asyncio.gather(
        *(process.note_echo(ENDPOINT, echoed=i != 10) for i, process in enumerate(processes))
    )

    assert await records_world.records.echo(ENDPOINT) is Echo.BROKEN


async def test_a_workspace_is_no_record(records_world: RecordsWorld) -> None:
    """Even a request whose id is the endpoint's would have its own row."""
    await records_world.records.note_echo(ENDPOINT, echoed=True)

    assert await records_world.records.get(ENDPOINT) is None
