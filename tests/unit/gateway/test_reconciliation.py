"""A lost answer is never decided by a guess."""

import pytest

from shared.config.settings import UnknownOutcome
from shared.gateway.reconciliation import (
    PATIENCE,
    Adopt,
    Finding,
    GiveUp,
    LookAgain,
    SendAgain,
    conclude,
    outcome_unknown,
)
from shared.kernel.cloud_error import CloudError
from shared.ports import Echo
from shared.synapse.reply import Absent, Forbidden, Found, Look, RunSeen, Unreachable
from tests.unit.builders import ERROR, a_record

FOUND = Found(run_id="r", pipeline_name="copy", status="Queued")
FORBIDDEN, UNREACHABLE = Forbidden(error=ERROR), Unreachable(error=ERROR)


def conclusion(look: Look, age: float, echo: Echo, policy: UnknownOutcome) -> Finding:
    return conclude(look, pipeline_name="copy", age=age, settle=60.0, echo=echo, policy=policy)


@pytest.mark.parametrize("age", [0.0, 30.0, 60.0, 1e6])
@pytest.mark.parametrize("echo", Echo)
@pytest.mark.parametrize("policy", UnknownOutcome)
def test_a_run_that_is_there_is_adopted(age: float, echo: Echo, policy: UnknownOutcome) -> None:
    assert conclusion(FOUND, age, echo, policy) == Adopt("r")


@pytest.mark.parametrize("look", [Absent(), FORBIDDEN, UNREACHABLE])
@pytest.mark.parametrize(
    ("age", "pause"), [(0.0, 2.0), (2.0, 2.0), (10.0, 10.0), (45.0, 15.0), (59.9, 0.2)]
)
@pytest.mark.parametrize("policy", UnknownOutcome)
def test_within_the_window_it_is_looked_for_again(
    look: Look, age: float, pause: float, policy: UnknownOutcome
) -> None:
    finding = conclusion(look, age, Echo.CONFIRMED, policy)

    assert isinstance(finding, LookAgain)
    assert finding.seconds == pytest.approx(pause)


@pytest.mark.parametrize(
    ("look", "echo", "policy", "expected"),
    [
        (Absent(), Echo.CONFIRMED, UnknownOutcome.FAIL, SendAgain),
        (Absent(), Echo.CONFIRMED, UnknownOutcome.RESEND, SendAgain),
        (Absent(), Echo.UNKNOWN, UnknownOutcome.FAIL, GiveUp),
        (Absent(), Echo.BROKEN, UnknownOutcome.FAIL, GiveUp),
        (Absent(), Echo.UNKNOWN, UnknownOutcome.RESEND, SendAgain),
        (Absent(), Echo.BROKEN, UnknownOutcome.RESEND, SendAgain),
        (FORBIDDEN, Echo.CONFIRMED, UnknownOutcome.FAIL, GiveUp),
        (FORBIDDEN, Echo.CONFIRMED, UnknownOutcome.RESEND, SendAgain),
        (UNREACHABLE, Echo.CONFIRMED, UnknownOutcome.FAIL, LookAgain),
        (UNREACHABLE, Echo.BROKEN, UnknownOutcome.RESEND, LookAgain),
    ],
)
def test_after_the_window(
    look: Look, echo: Echo, policy: UnknownOutcome, expected: type[Finding]
) -> None:
    assert isinstance(conclusion(look, 60.0, echo, policy), expected)


@pytest.mark.parametrize(
    ("policy", "expected"), [(UnknownOutcome.FAIL, GiveUp), (UnknownOutcome.RESEND, SendAgain)]
)
def test_an_unreachable_workspace_is_asked_for_a_day(
    policy: UnknownOutcome, expected: type[Finding]
) -> None:
    assert conclusion(UNREACHABLE, PATIENCE - 1, Echo.CONFIRMED, policy) == LookAgain(600.0)
    assert isinstance(conclusion(UNREACHABLE, PATIENCE, Echo.CONFIRMED, policy), expected)


@pytest.mark.parametrize(
    ("look", "age", "echo", "policy", "expected"),
    [
        (Absent(), 61.4, Echo.CONFIRMED, UnknownOutcome.FAIL, SendAgain("no run after 61 s in a workspace that keeps the id", may_run=False)),
        (Absent(), 61.4, Echo.UNKNOWN, UnknownOutcome.FAIL, GiveUp("no run has the id after 61 s, but the workspace is not known to keep it")),
        (FORBIDDEN, 61.4, Echo.CONFIRMED, UnknownOutcome.RESEND, SendAgain("the gateway may not look: It went wrong.", may_run=True)),
        (UNREACHABLE, PATIENCE, Echo.CONFIRMED, UnknownOutcome.FAIL, GiveUp("the workspace could not be asked for 24 h: It went wrong.")),
        (UNREACHABLE, 60.0, Echo.CONFIRMED, UnknownOutcome.FAIL, LookAgain(60.0)),
    ],
)  # fmt: skip
def test_a_conclusion_says_why(
    look: Look, age: float, echo: Echo, policy: UnknownOutcome, expected: Finding
) -> None:
    assert conclusion(look, age, echo, policy) == expected


def test_an_unknown_outcome_names_the_run_the_role_and_the_runs_it_might_be() -> None:
    record = a_record()
    seen = (RunSeen(run_id="other", status="InProgress", run_start="2026-11-24T08:00:00Z"),)

    assert outcome_unknown(record, "nobody may look", seen) == CloudError(
        code="OutcomeUnknown",
        message=(
            "createRun was sent and its answer was lost; nobody may look. Look for run "
            f"{record.client_request_id} of pipeline copy in Synapse Studio's Monitor hub, then resolve "
            "this request. Synapse Monitoring Operator lets the gateway look by itself."
        ),
        details=(
            CloudError(
                code="RunSeen", message="InProgress since 2026-11-24T08:00:00Z", target="other"
            ),
        ),
    )


def test_an_unknown_outcome_without_a_list_has_no_details() -> None:
    assert outcome_unknown(a_record(), "nobody may look", ()).details == ()
