"""A ticket says what it was issued for, and nothing else passes for one."""

import base64

import pytest
from hypothesis import given, strategies as st

from shared.auth import ticket as tickets
from shared.auth.ticket import LIFETIME, PERIOD, Ticket
from shared.runs.request import REQUEST_ID

SECRET, OTHER = b"s" * 32, b"o" * 32
NOW = 1_795_000_000.0
IDS = st.from_regex(REQUEST_ID.replace("$", r"\Z"))
TICKETS = st.builds(
    Ticket,
    request_id=IDS,
    generation=st.integers(1, 2**31 - 1),
    key=st.integers(0, 2**16 - 1),
    expires=st.integers(0, 2**32 - 1),
)
EXAMPLE = tickets.encode(tickets.issue("order-17", 1, NOW), SECRET)


@given(TICKETS)
def test_a_ticket_is_read_as_it_was_written(ticket: Ticket) -> None:
    text = tickets.encode(ticket, SECRET)

    signed = tickets.decode(text)

    assert signed is not None
    assert signed.ticket == ticket
    assert (signed.is_genuine(SECRET), signed.is_genuine(OTHER)) == (True, False)


@given(TICKETS)
def test_a_ticket_goes_into_a_url_as_it_is(ticket: Ticket) -> None:
    text = tickets.encode(ticket, SECRET)

    assert len(text) <= 303
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")))
def test_any_text_is_a_genuine_ticket_or_none(text: str) -> None:
    signed = tickets.decode(text)

    assert signed is None or not signed.is_genuine(SECRET)


@given(st.integers(0, len(EXAMPLE) - 1), st.characters(codec="ascii"))
def test_a_ticket_with_another_character_is_forged(at: int, character: str) -> None:
    forged = EXAMPLE[:at] + character + EXAMPLE[at + 1 :]

    signed = tickets.decode(forged)

    assert forged == EXAMPLE or signed is None or not signed.is_genuine(SECRET)


@pytest.mark.parametrize(
    "text",
    ["", "A", "AAAA", EXAMPLE + "A", EXAMPLE + "=", EXAMPLE[:-1], EXAMPLE + "\n", "é" * 50, "A" * 400],
)  # fmt: skip
def test_what_is_too_short_or_too_long_is_no_ticket(text: str) -> None:
    signed = tickets.decode(text)

    assert signed is None or not signed.is_genuine(SECRET)


@pytest.mark.parametrize("request_id", ["a/b", "a b", "", "ä"])
def test_what_can_be_no_request_id_is_no_ticket(request_id: str) -> None:
    """Even signed: nothing but an id reaches the table."""
    head = tickets._HEAD.pack(1, 1, 1, 1) + request_id.encode("latin-1")
    text = tickets._text(head + tickets._sign(head, SECRET))

    assert tickets.decode(text) is None


@pytest.mark.parametrize(("version", "generation"), [(2, 1), (1, 0)])
def test_another_version_and_no_generation_are_no_ticket(version: int, generation: int) -> None:
    head = tickets._HEAD.pack(version, 1, 1, generation) + b"order-17"
    text = tickets._text(head + tickets._sign(head, SECRET))

    assert tickets.decode(text) is None


@pytest.mark.parametrize(
    ("later", "counts"), [(0, True), (LIFETIME - 1, True), (LIFETIME, False), (PERIOD * 2, False)]
)
def test_a_ticket_counts_for_eight_days(later: float, counts: bool) -> None:
    ticket = tickets.issue("order-17", 1, NOW)

    assert tickets.is_current(ticket, NOW + later) is counts


def test_two_keys_count_at_a_change() -> None:
    """Also on a host whose clock is behind: the next key may have signed already."""
    change = (int(NOW) // PERIOD + 1) * PERIOD
    before, after = tickets.issue("a", 1, change - 1), tickets.issue("a", 1, change)

    assert after.key == before.key + 1
    assert tickets.is_current(before, change + LIFETIME - 2)
    assert tickets.is_current(after, change - 5)


def test_an_old_key_forges_no_ticket_that_counts() -> None:
    old = int(NOW) // PERIOD - 2
    forged = Ticket(request_id="a", generation=1, key=old, expires=2**32 - 1)

    assert not tickets.is_current(forged, NOW)
