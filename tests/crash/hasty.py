"""Run the local host with the follower's one long wait shortened: `python -m tests.crash.hasty`, with its arguments.

A visit hides the next one for two minutes, and no setting changes that; here it is seconds, as with what settings change.
So a play sees the end of many visits that died, and visits that overlap.
"""

import runpy

from shared.gateway import chain

HOLD = 4.0


def hurry() -> None:
    chain.HOLD = HOLD  # type: ignore[misc] # a constant to everybody else


if __name__ == "__main__":
    hurry()
    runpy.run_module("local.host", run_name="__main__", alter_sys=True)
