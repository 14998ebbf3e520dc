"""Which activities of a run are listed when, and with which errors."""

import pytest

from local.synapse.activities import Row, rows, wire
from local.synapse.activity import Activity, told
from local.synapse.pipelines import Catalogue, Pipeline
from local.synapse.runs import Run
from local.synapse.wire import SECOND
from local.synapse.workspace import Order, Workspace

NO = Activity(name="Load", status="Failed", message="no")
EACH = Activity(name="Each", type="ForEach", inside=(NO, Activity(name="Clean", type="Delete")))


def run(*activities: Activity, outcome: str = "Failed", quoted: str = "") -> Run:
    """Begun at 100 s, ends at 108 s."""
    plan = {"name": "p", "queuedSeconds": 0, "runSeconds": 8, "outcome": outcome}
    pipeline = Pipeline.model_validate(plan | {"activities": activities})
    workspace = Workspace(Catalogue(), clock=lambda: 100 * SECOND)
    return workspace.start(Order(pipeline=pipeline, quoted=quoted))


def at(one: Run, second: float) -> list[tuple[str, str, float, float | None]]:
    """Name, status, start and end, in seconds."""

    def seconds(row: Row) -> float | None:
        return None if row.ended is None else row.ended / SECOND

    return [
        (row.activity.name, row.status, row.starts / SECOND, seconds(row))
        for row in rows(one, int(second * SECOND))
    ]


def test_activities_share_the_runs_time() -> None:
    """One after another; what has not begun is not listed."""
    one = run(Activity(name="A"), NO)

    assert at(one, 99) == []
    assert at(one, 101) == [("A", "InProgress", 100, None)]
    assert at(one, 104) == [("A", "Succeeded", 100, 104), ("Load", "InProgress", 104, None)]
    assert at(one, 108)[1] == ("Load", "Failed", 104, 108)


def test_a_container_comes_before_what_it_holds() -> None:
    """And fails with it: ActivityRuns_QueryByPipelineRun.json has this order."""
    assert at(run(EACH), 108) == [
        ("Each", "Failed", 100, 108),
        ("Load", "Failed", 100, 104),
        ("Clean", "Succeeded", 104, 108),
    ]


def test_what_happens_inside_until_can_be_over() -> None:
    """A failure inside doesn't stop it."""
    until = Activity(name="Until", type="Until", status="Succeeded", inside=(NO,))

    assert [status for _, status, *_ in at(run(until), 108)] == ["Succeeded", "Failed"]
    assert told((until,)) == ""


def test_each_attempt_is_a_row() -> None:
    """The last one counts."""
    one = run(Activity(name="A", attempts=3, message="busy"), outcome="Succeeded")
    shown = [wire(row) for row in rows(one, 108 * SECOND)]

    assert [row["retryAttempt"] for row in shown] == [None, 1, 2]
    assert [row["status"] for row in shown] == ["Failed", "Failed", "Succeeded"]
    assert [row["error"]["message"] for row in shown] == ["busy", "busy", ""]
    assert len({row["activityRunId"] for row in shown}) == 3


def test_a_cancelled_run_leaves_what_had_begun() -> None:
    """In progress while it is being cancelled."""
    one = run(Activity(name="A"), Activity(name="B"), Activity(name="C"), Activity(name="D"))
    one.cancel_asked, one.cancel_takes = 103 * SECOND, 10 * SECOND

    assert at(one, 112) == [("A", "Succeeded", 100, 102), ("B", "InProgress", 102, None)]
    assert at(one, 113)[1] == ("B", "Cancelled", 102, 113)


@pytest.mark.parametrize(
    ("outcome", "message", "expected"),
    [("Failed", "no", "Failed"), ("Succeeded", "", "Succeeded"), ("Cancelled", "", "Cancelled")],
)
def test_without_any_there_is_one_that_ends_as_the_run(
    outcome: str, message: str, expected: str
) -> None:
    one = run(outcome=outcome)
    one.message = "no"
    (row,) = rows(one, 108 * SECOND)

    assert (row.status, wire(row)["error"]["message"]) == (expected, message)


def test_the_error_is_there_on_success_too() -> None:
    """Empty but for its target; without details, which a failure has."""
    good, bad = (wire(row)["error"] for row in rows(run(Activity(name="A"), NO), 108 * SECOND))

    assert good == {"errorCode": "", "message": "", "failureType": "", "target": "A"}
    assert bad == {
        "errorCode": "2200",
        "message": "no",
        "failureType": "UserError",
        "target": "Load",
        "details": [],
    }


def test_details_may_be_a_text_or_absent() -> None:
    """All three are seen in public code."""
    text, absent = (Activity(name="A", status="Failed", details=details) for details in ("", None))
    first, second = (wire(row)["error"] for row in rows(run(text, absent), 108 * SECOND))

    assert first["details"] == ""
    assert "details" not in second


def test_a_failure_is_told_once_for_each_level() -> None:
    """In the run's message and in that of what holds it."""
    one = run(EACH, quoted=" Parameters: {}")
    each, load, _ = (wire(row)["error"] for row in rows(one, 108 * SECOND))

    inner = "Operation on target Load failed: no"
    assert (each["errorCode"], each["message"]) == ("BadRequest", f"{inner} Parameters: {{}}")
    assert load["message"] == "no Parameters: {}"
    assert one.failure == f"Operation on target Each failed: {inner} Parameters: {{}}"


def test_the_row_has_the_fields_of_the_example() -> None:
    """In its order."""
    (row,) = rows(run(Activity(name="A", output={"filesRead": 1})), 108 * SECOND)
    shown = wire(row)

    assert list(shown) == [
        *("activityRunEnd", "activityName", "activityRunStart", "activityType", "durationInMs"),
        *("retryAttempt", "error", "activityRunId", "input", "linkedServiceName", "output"),
        *("userProperties", "pipelineName", "pipelineRunId", "status"),
    ]
    assert (shown["durationInMs"], shown["output"]) == (8000, {"filesRead": 1})
