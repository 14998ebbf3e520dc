"""What the readers of `run-outcomes` get."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from shared.kernel.cloud_error import CloudError, Code
from shared.runs import open_run, outcome as outcomes
from shared.runs.open_run import OpenRun
from shared.runs.outcome import End, RunEnd, RunOutcome
from shared.runs.record import Status
from tests.unit.builders import NOW, a_record

STARTED = a_record(status=Status.STARTED, run_id="run-1", followed=True)


def a_run(**changes: Any) -> OpenRun:
    run = open_run.of_record(replace(STARTED, first_sent_at=NOW), NOW)
    assert run is not None
    return replace(run, **changes)


def an_outcome(end: End = End.SUCCEEDED, **changes: Any) -> RunOutcome:
    return outcomes.of_run(a_run(), RunEnd(end=end, **changes))


def test_absent_fields_are_left_out() -> None:
    assert json.loads(an_outcome().to_json()) == {
        "outcomeId": an_outcome().outcome_id,
        "requestId": "order-17",
        "generation": 1,
        "runId": "run-1",
        "outcome": "Succeeded",
        "pipelineName": "copy",
        "workspace": "default",
        "source": "queue",
        "correlationId": "c-1",
    }


def test_equal_ids_are_the_same_news() -> None:
    """A run has one end, so the id does not depend on it."""
    first = an_outcome().outcome_id

    assert an_outcome(End.FAILED).outcome_id == first
    for other in (a_run(generation=2), a_run(request_id="other"), a_run(run_id="run-2")):
        assert outcomes.of_run(other, RunEnd(end=End.SUCCEEDED)).outcome_id != first


def test_an_outcome_fits_a_queue_message() -> None:
    details = tuple(
        CloudError(code="2200", message="ü<&>" * 3_000, target=f"activity {number}")
        for number in range(10)
    )
    error = CloudError(code=Code.RUN_FAILED, message="x" * 9_000, details=details)

    text = an_outcome(End.FAILED, error=error).to_json()

    assert len(base64.b64encode(text.encode())) <= 64 * 1024
    assert "left out for length" in json.loads(text)["error"]["message"]


def test_a_pipelines_name_that_looks_like_a_secret_is_cut() -> None:
    run = a_run(pipeline_name="sig=" + "A" * 43 + "%3D")

    assert "AAAA" not in outcomes.of_run(run, RunEnd(end=End.LOST)).to_json()


@pytest.mark.parametrize(
    "changes",
    [
        {"followed": False},
        {"status": Status.FAILED},
        {"status": Status.WAITING},
        {"run_id": None},
    ],
)
def test_a_request_that_is_not_followed_has_no_open_run(changes: dict[str, Any]) -> None:
    assert open_run.of_record(replace(STARTED, **changes), NOW) is None
