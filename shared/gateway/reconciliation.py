"""Decides what a lost answer of createRun means, and what follows from it.

1. The run exists: it is adopted by its id, never by similarity. A run of another pipeline is not adopted.
2. It does not exist after the settle window, in a workspace known to give runs the id that was sent:
   nothing was started, so the request is sent again with the same id.
3. Unknown: the workspace is not known to do so, or the identity may not look. Then the setting
   UNKNOWN_OUTCOME decides whether the request fails or is sent again.
"""

from dataclasses import dataclass
from typing import Final

from shared.config.settings import UnknownOutcome
from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Echo
from shared.runs.record import Record
from shared.synapse.reply import Absent, Forbidden, Found, Look, RunSeen, Unreachable

FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 600.0
PATIENCE: Final = 24 * 3600.0  # how long an unreachable workspace is asked


@dataclass(frozen=True, slots=True)
class Adopt:
    """The run exists."""

    run_id: str


@dataclass(frozen=True, slots=True)
class LookAgain:
    """It is too early to decide: look again in `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Send the request again with the same id, for the given reason."""

    why: str
    may_run: bool  #: whether the earlier send may have started a run that was never seen


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The outcome can't be determined, for the given reason."""

    why: str


Finding = Adopt | LookAgain | SendAgain | GiveUp


def conclude(
    look: Look,
    *,
    pipeline_name: str,
    age: float,
    settle: float,
    echo: Echo,
    policy: UnknownOutcome,
) -> Finding:
    """Decide what a look at the run means.

    Args:
        look: what was seen.
        pipeline_name: of the request.
        age: seconds since the answer was known to be lost.
        settle: seconds within which a run may still show.
        echo: whether the workspace gives runs the id that was sent.
        policy: what is done if that can't be determined.
    """
    if isinstance(look, Found):
        if look.pipeline_name and look.pipeline_name.casefold() != pipeline_name.casefold():
            return GiveUp(f"the run with its id is one of pipeline {look.pipeline_name}")
        return Adopt(look.run_id)
    if isinstance(look, Unreachable) and age < PATIENCE:
        return LookAgain(_pause(age, LONGEST_PAUSE if age >= settle else settle - age))
    if age < settle:
        return LookAgain(_pause(age, settle - age))
    if isinstance(look, Absent) and echo is Echo.CONFIRMED:
        why = f"no run after {age:.0f} s in a workspace that keeps the id"
        return SendAgain(why, may_run=False)
    why = _doubt(look, age)
    return SendAgain(why, may_run=True) if policy is UnknownOutcome.RESEND else GiveUp(why)


def _doubt(look: Absent | Forbidden | Unreachable, age: float) -> str:
    match look:
        case Absent():
            return f"no run has the id after {age:.0f} s, but the workspace is not known to keep it"
        case Forbidden(error=error):
            return f"the gateway may not look: {error.message}"
        case Unreachable(error=error):
            return f"the workspace could not be asked for {age / 3600:.0f} h: {error.message}"


def _pause(age: float, longest: float) -> float:
    """Return a pause that doubles the age, so that a few looks span the window."""
    return max(0.2, min(max(FIRST_PAUSE, age), longest))


def outcome_unknown(record: Record, why: str, seen: tuple[RunSeen, ...]) -> CloudError:
    """Return the error that says that a run may exist, how to find out, and which runs it might be."""
    message = (
        f"createRun was sent and its answer was lost; {why}. Look for run "
        f"{record.client_request_id} of pipeline {record.pipeline_name} in Synapse Studio's Monitor hub, "
        "then resolve this request. Synapse Monitoring Operator lets the gateway look by itself."
    )
    runs = tuple(
        CloudError(
            code=Code.RUN_SEEN, message=f"{run.status} since {run.run_start}", target=run.run_id
        )
        for run in seen
    )
    return CloudError(code=Code.OUTCOME_UNKNOWN, message=message, details=runs)
