"""The number of examples that hypothesis makes up: counts in tests are the full profile's, and other profiles scale them."""

from hypothesis import settings

FULL = 100  #: hypothesis's own default, which a test without a count of its own gets
FAST = 10


def examples(full: int) -> int:
    """Return how many of `full` examples the loaded profile asks for, at least one."""
    return max(1, full * settings().max_examples // FULL)
