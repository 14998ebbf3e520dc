"""The chain of delayed messages that follows the open runs of a workspace: its row's transitions.

One message at a time is under way for each workspace with open runs, and the row names its token. A visit puts the next
message first and then moves the row from the old token to the new, by ETag; a message whose token is not the row's is
dropped. So a doubled chain ends, and of two visits one stops.

A chain ends by ETag in a visit that reads the row at an age of at least `delay`, and after that an empty index. A starter
inserts its run first and then sees that the row is younger than `delay`, or makes it so: either the visit finds the run, or
its end fails.

Every function here is pure; ages are those of the storage service.
"""

from dataclasses import replace
from enum import Enum, auto
from typing import Final

from shared.following_ports import Chain, VersionedChain

#: Seconds by which an age may be short: the service gives its time in whole seconds.
GRAIN: Final = 1.0
#: Seconds for which a visit hides the next message; a visit whose process died is made up for then.
HOLD: Final = 120.0
#: Seconds after which a visit is certainly overdue, and its message is taken for lost.
LATE: Final = 600.0
#: The longest pause between visits where nothing ends, and its share of the time since a run ended.
SLOWEST: Final = 300.0
SHARE: Final = 0.05


class Need(Enum):
    """What a starter has to do for the chain."""

    NOTHING = auto()  #: it will be visited in time
    TOUCH = auto()  #: a visit is due or under way: make the row young, so that it can't end
    BEGIN = auto()  #: there is no chain, a slow one, or one whose message must be lost


def need(stored: VersionedChain | None, base: float) -> Need:
    """Decide what a starter does for a chain, after its run is in the index.

    Args:
        stored: the row, read after that.
        base: FOLLOW_SECONDS.
    """
    if stored is None or not stored.chain.token or is_lost(stored):
        return Need.BEGIN
    chain = stored.chain
    is_slow = chain.delay <= pace(chain.idle, base)  # and not resting, nor being visited
    if is_slow and chain.delay - stored.age > 2 * base:
        return Need.BEGIN
    return Need.TOUCH if stored.age + GRAIN >= chain.delay else Need.NOTHING


def trust(stored: VersionedChain, base: float) -> float:
    """Return for how many seconds from before the row was read no starter needs to read it again.

    Whatever is written to the row meanwhile has a delay of at least `base`, too.
    """
    return min(stored.chain.delay - stored.age, base) - GRAIN


def is_lost(stored: VersionedChain) -> bool:
    """Return whether the message that continues a chain must be lost."""
    chain = stored.chain
    return bool(chain.token) and chain.waited + stored.age > chain.delay + LATE


def elapsed(stored: VersionedChain) -> float:
    """Return the seconds since the last visit."""
    return stored.chain.waited + stored.age


def begun(chain: Chain | None, endpoint: str, token: str, base: float) -> Chain:
    """Return a chain that begins, in the place of a slow or an ended one."""
    if chain is None:
        return Chain(endpoint=endpoint, token=token, delay=base)
    return replace(chain, endpoint=endpoint, token=token, delay=base, waited=0.0, idle=0.0)


def touched(stored: VersionedChain) -> Chain:
    """Return the same chain, to be written anew: its age is 0 again, and what it has waited is kept."""
    return replace(stored.chain, waited=elapsed(stored))


def taken(stored: VersionedChain, token: str, base: float) -> Chain:
    """Return a chain that is being visited; `token` is that of the next visit."""
    chain, seconds = stored.chain, elapsed(stored)
    return replace(
        chain,
        token=token,
        delay=max(HOLD, base),
        waited=0.0,
        lived=chain.lived + seconds,
        idle=chain.idle + seconds,
    )


def ended(chain: Chain) -> Chain:
    """Return a chain that has ended."""
    return Chain(endpoint=chain.endpoint, token="", delay=0.0)


def pace(idle: float, base: float) -> float:
    """Return the pause after a visit, when no run has ended for `idle` seconds."""
    return max(base, min(SLOWEST, idle * SHARE))
