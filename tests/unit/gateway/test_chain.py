"""The chain of messages that follows a workspace: what a starter has to do, and its transitions."""

from dataclasses import replace

import pytest

from shared.following_ports import Chain, VersionedChain
from shared.gateway import chain as chains
from shared.gateway.chain import Need

BASE = 15.0
LIVING = Chain(endpoint="https://w", token="t", delay=15.0)
SLOW = replace(LIVING, delay=300.0, idle=10_000.0)
RESTING = replace(LIVING, delay=3_600.0)
VISITED = replace(LIVING, delay=chains.HOLD)


def stored(chain: Chain, age: float) -> VersionedChain:
    return VersionedChain(chain=chain, version="v", age=age)


@pytest.mark.parametrize(
    ("chain", "age", "expected"),
    [
        (LIVING, 0.0, Need.NOTHING),
        (LIVING, 13.9, Need.NOTHING),
        (LIVING, 14.0, Need.TOUCH),
        (LIVING, 500.0, Need.TOUCH),
        (LIVING, 616.0, Need.BEGIN),
        (replace(LIVING, waited=610.0), 6.0, Need.BEGIN),
        (replace(LIVING, token=""), 0.0, Need.BEGIN),
        (SLOW, 0.0, Need.BEGIN),
        (SLOW, 269.0, Need.BEGIN),
        (SLOW, 271.0, Need.NOTHING),
        (RESTING, 0.0, Need.NOTHING),
        (VISITED, 0.0, Need.NOTHING),
    ],
)
def test_what_a_starter_has_to_do(chain: Chain, age: float, expected: Need) -> None:
    assert chains.need(stored(chain, age), BASE) is expected


def test_where_there_is_no_chain_one_begins() -> None:
    assert chains.need(None, BASE) is Need.BEGIN


@pytest.mark.parametrize(
    ("chain", "age", "seconds"),
    [(LIVING, 0.0, 14.0), (LIVING, 10.0, 4.0), (SLOW, 0.0, 14.0), (VISITED, 5.0, 14.0)],
)
def test_for_how_long_a_chain_is_trusted(chain: Chain, age: float, seconds: float) -> None:
    """It may be replaced by one that is visited after FOLLOW_SECONDS."""
    assert chains.trust(stored(chain, age), BASE) == seconds


def test_a_touched_chain_keeps_what_it_has_waited() -> None:
    once = chains.touched(stored(LIVING, 20.0))
    twice = chains.touched(stored(once, 20.0))

    assert (twice.waited, chains.elapsed(stored(twice, 5.0))) == (40.0, 45.0)
    assert not chains.is_lost(stored(twice, 575.0))
    assert chains.is_lost(stored(twice, 575.1))


def test_a_chain_that_has_ended_is_never_lost() -> None:
    assert not chains.is_lost(stored(chains.ended(LIVING), 1e9))


def test_a_chain_that_is_taken_counts_its_time() -> None:
    chain = chains.taken(
        stored(replace(LIVING, waited=10.0, lived=100.0, idle=50.0), 5.0), "u", BASE
    )

    assert (chain.token, chain.delay, chain.waited) == ("u", chains.HOLD, 0.0)
    assert (chain.lived, chain.idle) == (115.0, 65.0)


def test_a_chain_that_begins_in_the_place_of_a_slow_one_keeps_its_mark() -> None:
    chain = chains.begun(replace(SLOW, span=4.0, lived=7.0), "https://w", "u", BASE)

    assert (chain.delay, chain.idle, chain.span, chain.lived) == (BASE, 0.0, 4.0, 7.0)


def test_a_chain_that_has_ended_keeps_nothing() -> None:
    assert chains.ended(replace(SLOW, span=4.0)) == Chain(endpoint="https://w", token="", delay=0.0)
