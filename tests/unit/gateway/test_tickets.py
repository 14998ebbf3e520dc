"""Keys of tickets are drawn once, remembered for a while, and cost a forger's calls nothing."""

from datetime import timedelta

import pytest

from shared.auth.ticket import LIFETIME, PERIOD, Ticket
from shared.gateway.tickets import DOUBTED, KEPT, Tickets
from shared.kernel.errors import StorageUnavailable
from tests.fakes.clock import FakeClock
from tests.fakes.ticket_keys import FakeTicketKeys


class Processes:
    """Two processes of the app."""

    def __init__(self) -> None:
        self.clock, self.keys = FakeClock(), FakeTicketKeys()
        self.one = Tickets(clock=self.clock, keys=self.keys)
        self.other = Tickets(clock=self.clock, keys=self.keys)


async def read(tickets: Tickets, text: str) -> tuple[str, int] | None:
    ticket = await tickets.read(text)
    return (ticket.request_id, ticket.generation) if ticket else None


async def test_any_process_reads_what_another_issued() -> None:
    at = Processes()

    text = await at.one.issue("order-17", 2)

    assert await read(at.other, text) == ("order-17", 2)
    assert len(at.keys.standing) == 1


async def test_a_key_is_read_once_in_a_while() -> None:
    at = Processes()
    for _ in range(5):
        await at.one.read(await at.one.issue("order-17", 1))
    assert len(at.keys.mishaps.calls) == 1

    at.clock.advance(KEPT)
    await at.one.issue("order-17", 1)

    assert len(at.keys.mishaps.calls) == 2


async def test_a_ticket_of_the_last_key_counts_to_its_end() -> None:
    at = Processes()
    left = PERIOD - at.clock.now().timestamp() % PERIOD
    at.clock.advance(left - 1)
    text = await at.one.issue("order-17", 1)

    at.clock.advance(LIFETIME - 1)

    assert await read(at.other, text) == ("order-17", 1)
    await at.other.issue("order-18", 1)
    assert len(at.keys.standing) == 2
    at.clock.advance(2)
    assert await read(at.other, text) is None


async def test_a_host_whose_clock_is_off_reads_the_ticket() -> None:
    at = Processes()
    left = PERIOD - at.clock.now().timestamp() % PERIOD
    at.clock.advance(left - 5)
    at.clock.wall_offset = timedelta(seconds=10)  # the next key signs already
    text = await at.one.issue("order-17", 1)
    at.clock.wall_offset = timedelta()

    assert await read(at.other, text) == ("order-17", 1)


async def test_forged_tickets_cost_one_reading_in_half_a_minute() -> None:
    at = Processes()
    text = await at.one.issue("order-17", 1)
    forged = text[:-2] + ("AA" if text[-2:] != "AA" else "QQ")
    assert await read(at.one, forged) is None

    at.clock.advance(DOUBTED)
    calls = len(at.keys.mishaps.calls)
    for _ in range(10):
        assert await read(at.one, forged) is None
        assert await read(at.one, "x" * 60) is None

    assert len(at.keys.mishaps.calls) == calls + 1


async def test_a_key_that_was_taken_away_voids_its_tickets() -> None:
    """And the tickets of the next one count, in a process that still knows the old one, too."""
    at = Processes()
    old = await at.one.issue("order-17", 1)
    await at.other.read(old)
    at.keys.standing.clear()
    at.clock.advance(KEPT)

    new = await at.one.issue("order-17", 1)

    assert [await read(at.one, old), await read(at.other, old)] == [None, None]
    assert [await read(at.one, new), await read(at.other, new)] == [("order-17", 1)] * 2


async def test_without_the_storage_nothing_is_decided() -> None:
    at = Processes()
    text = await at.one.issue("order-17", 1)
    at.keys.mishaps.fail("secret")

    with pytest.raises(StorageUnavailable):
        await at.other.read(text)
    assert isinstance(await at.other.read(text), Ticket)
