import pytest

from local.synapse.pipelines import Catalogue, Pipeline
from local.synapse.runs import THROTTLED, Run, Status, last_updated, start_time, status, wire
from local.synapse.wire import SECOND
from local.synapse.workspace import Order, Workspace, dashed

RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Synapse/workspaces/w"


def a_run(**changes: object) -> Run:
    """Created at 100 s, started at 101 s, succeeded at 110 s."""
    run = Run(
        run_id="r",
        group_id="r",
        pipeline="copy",
        parameters={},
        invoked_by="i",
        created=100 * SECOND,
        starts=101 * SECOND,
        ends=110 * SECOND,
        outcome=Status.SUCCEEDED,
        message="it broke",
        visible=0,
        cancel_takes=2 * SECOND,
    )
    for name, value in changes.items():
        setattr(run, name, value)
    return run


class Workshop:
    """A workspace whose clock stands at `now` seconds."""

    def __init__(self, **pipeline: object) -> None:
        self.now = 0.0
        self.pipeline = Pipeline.model_validate(
            {"name": "copy", "queuedSeconds": 0, "runSeconds": 10, "cancelSeconds": 0, **pipeline}
        )
        catalogue = Catalogue(pipelines=(self.pipeline,))
        self.workspace = Workspace(catalogue, clock=lambda: int(self.now * SECOND))

    def start(self) -> Run:
        return self.workspace.start(Order(pipeline=self.pipeline))

    def statuses(self, runs: list[Run]) -> list[str]:
        return [status(run, int(self.now * SECOND)).value for run in runs]


@pytest.mark.parametrize(
    ("second", "expected", "updated"),
    [
        (100, Status.QUEUED, 100),
        (101, Status.IN_PROGRESS, 101),
        (109, Status.IN_PROGRESS, 101),
        (110, Status.SUCCEEDED, 110),
        (999, Status.SUCCEEDED, 110),
    ],
)
def test_a_run_goes_its_way_by_the_clock(second: int, expected: Status, updated: int) -> None:
    """Queued, in progress, and then its outcome."""
    assert status(a_run(), second * SECOND) is expected
    assert last_updated(a_run(), second * SECOND) == updated * SECOND


@pytest.mark.parametrize(
    ("second", "expected", "updated"),
    [
        (102, Status.IN_PROGRESS, 101),
        (103, Status.CANCELING, 103),
        (105, Status.CANCELLED, 105),
        (999, Status.CANCELLED, 105),
    ],
)
def test_a_cancelled_run_is_cancelling_for_a_while(
    second: int, expected: Status, updated: int
) -> None:
    """Cancelled at 103 s, which takes 2 s."""
    run = a_run(cancel_asked=103 * SECOND)

    assert status(run, second * SECOND) is expected
    assert last_updated(run, second * SECOND) == updated * SECOND


def test_a_run_cancelled_in_the_queue_never_starts() -> None:
    """Its planned start is past, and still it was cancelled last."""
    run = a_run(cancel_asked=100 * SECOND + 1, cancel_takes=0)

    assert status(run, 105 * SECOND) is Status.CANCELLED
    assert last_updated(run, 105 * SECOND) == 100 * SECOND + 1


def test_the_wire_shape_is_the_recorded_one() -> None:
    """Names and their order of test_pipeline.yaml, the id in capitals up to its last part."""
    shown = wire(a_run(), 110 * SECOND, RESOURCE)

    assert list(shown) == [
        *("id", "runId", "debugRunId", "runGroupId", "pipelineName", "parameters", "invokedBy"),
        *("runStart", "runEnd", "durationInMs", "status", "message", "output", "lastUpdated"),
        *("annotations", "runDimension", "isLatest"),
    ]
    assert shown["id"] == (
        "/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.SYNAPSE/WORKSPACES/W/pipelineruns/r"
    )
    assert shown["invokedBy"] == {"id": "i", "name": "Manual", "invokedByType": "Manual"}
    assert (shown["durationInMs"], shown["message"]) == (10_000, "")


@pytest.mark.parametrize(
    ("second", "outcome", "message"),
    [
        (100, Status.FAILED, None),
        (105, Status.FAILED, ""),
        (110, Status.FAILED, "it broke"),
        (110, Status.SUCCEEDED, ""),
    ],
)
def test_a_message_is_null_then_empty_then_said(
    second: int, outcome: Status, message: str | None
) -> None:
    """Null while queued, as in TestPipelineRunV2.json."""
    shown = wire(a_run(outcome=outcome), second * SECOND, RESOURCE)

    assert shown["message"] == message
    assert (shown["runEnd"] is None) == (shown["durationInMs"] is None) == (second < 110)


@pytest.mark.parametrize(
    ("ends", "concurrency", "expected"),
    [
        ([], 1, 5),
        ([4], 1, 5),  # over already
        ([8], 1, 8),
        ([8, 9], 2, 8),
        ([8, 9, 12], 2, 9),
        ([8, 9, 12], None, 5),
    ],
)
def test_a_run_starts_when_a_place_is_free(
    ends: list[int], concurrency: int | None, expected: int
) -> None:
    """Ready at 5: as soon as fewer than `concurrency` earlier ones go on."""
    assert start_time(5, [a_run(ends=end) for end in ends], concurrency) == expected


def test_concurrency_queues_the_rest() -> None:
    """Two at a time, ten seconds each."""
    shop = Workshop(concurrency=2)
    runs = [shop.start() for _ in range(5)]

    assert shop.statuses(runs) == ["InProgress"] * 2 + ["Queued"] * 3
    shop.now = 11
    assert shop.statuses(runs) == ["Succeeded"] * 2 + ["InProgress"] * 2 + ["Queued"]


def test_cancelling_lets_the_next_one_start() -> None:
    """Whoever waits moves up."""
    shop = Workshop(concurrency=1)
    runs = [shop.start() for _ in range(3)]
    shop.now = 2
    shop.workspace.cancel(runs[0])

    assert shop.statuses(runs) == ["Cancelled", "InProgress", "Queued"]
    assert runs[2].starts == 12 * SECOND


def test_what_has_ended_can_not_be_cancelled() -> None:
    """It keeps its outcome."""
    shop = Workshop()
    run = shop.start()
    shop.now = 10
    shop.workspace.cancel(run)

    assert shop.statuses([run]) == ["Succeeded"]


def test_beyond_a_hundred_queued_a_run_fails() -> None:
    """azure-docs #85538: the run fails, not the call."""
    shop = Workshop(concurrency=1)
    runs = [shop.start() for _ in range(102)]

    assert shop.statuses(runs[-2:]) == ["Queued", "Failed"]
    assert runs[-1].message == THROTTLED


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("315eaa5c77e7d429073fa3e1cd2d0aa4", "315eaa5c-77e7-d429-073f-a3e1cd2d0aa4"),
        ("315EAA5C-77E7-D429-073F-A3E1CD2D0AA4", "315eaa5c-77e7-d429-073f-a3e1cd2d0aa4"),
        ("order-17", None),
        ("", None),
        (None, None),
    ],
)
def test_a_guid_is_known_in_any_spelling(given: str | None, expected: str | None) -> None:
    """What is none counts as absent."""
    assert dashed(given) == expected
