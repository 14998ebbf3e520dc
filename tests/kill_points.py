"""The steps of a delivery at which its process can die, and what becomes of the request: one run each time.

tests/scenarios/test_kill_points.py dies there on fakes, tests/e2e/test_kill_points.py with real hosts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

CLEAN = ("claimed", "createRun")
SENT_AGAIN = ("claimed", "answer lost", "sendAgain", "taken", "createRun")
FOUND = ("claimed", "answer lost", "found")


@dataclass(frozen=True, slots=True)
class End:
    """What came of a request."""

    posts: int  #: that were sent to the workspace
    history: tuple[str, ...]  #: of the record


KILL_POINTS: Mapping[str, End] = {
    "before the claim": End(1, CLEAN),
    "after the claim": End(1, SENT_AGAIN),
    "before sending": End(2, SENT_AGAIN),  # the first one ended on its way
    "while waiting for the answer": End(1, FOUND),
    "in the middle of the answer": End(1, FOUND),
    "after the answer": End(1, FOUND),
    "after settling": End(1, CLEAN),
    "before publishing": End(1, CLEAN),
    "after publishing": End(1, CLEAN),
    "before auditing": End(1, CLEAN),
    "after auditing": End(1, CLEAN),
    "before acknowledging": End(1, CLEAN),
    "after acknowledging": End(1, CLEAN),
}
