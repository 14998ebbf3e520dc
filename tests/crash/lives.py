"""How the runs of a play go: they take a while and end one way or another; some end only when all else is done."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from local.synapse.activity import Activity
from local.synapse.client import ControlRefused, SeenRun, Simulator
from local.synapse.faults import Live

NO_FILE = Activity(name="copy", status="Failed", error_code="2200", message="No such file.")
FAILED = Live(outcome="Failed", run_seconds=1.0, activities=(NO_FILE,))
CANCELLED = Live(outcome="Cancelled")
LONG = Live(run_seconds=20.0)
ENDLESS = Live(run_seconds=None)
#: Each with its share of all runs. A run may have several: one that is long may fail, too.
SHARES = ((FAILED, 0.15), (CANCELLED, 0.1), (LONG, 0.2), (ENDLESS, 0.03))


async def give(synapse: Simulator) -> list[int]:
    """Let runs that are started from now on go so; gives what takes it back."""
    return [
        await synapse.fault(life, operation="createRun", times=None, probability=share)
        for life, share in SHARES
    ]


async def take_back(synapse: Simulator, given: Iterable[int]) -> None:
    """Let runs that are started from now on end soon, as their pipeline says."""
    for number in given:
        await synapse.remove_faults(number)


async def end(synapse: Simulator, runs: Sequence[SeenRun]) -> None:
    """End those that have not ended, each third one as a failure."""
    going = [run.run_id for run in runs if run.run_end is None]
    for number, run_id in enumerate(going):
        with suppress(ControlRefused):  # it has ended by itself since it was seen
            if number % 3:
                await synapse.end(run_id)
            else:
                await synapse.end(run_id, outcome="Failed", activities=[NO_FILE])
