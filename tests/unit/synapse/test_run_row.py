"""A run as Synapse shows it: recorded rows, and whatever else may stand there."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from shared.synapse import run_row
from shared.synapse.run_row import RunRow, State

# azure-sdk-for-net, PipelineRunClientLiveTests/TestGet.json, shortened.
RESOURCE = "/SUBSCRIPTIONS/AB/RESOURCEGROUPS/XY/PROVIDERS/MICROSOFT.SYNAPSE/WORKSPACES/W"
RUN_ID = "a9f1db9c-0000-4000-8000-000000000001"
RECORDED: dict[str, Any] = {
    "id": f"{RESOURCE}/pipelineruns/{RUN_ID}",
    "runId": RUN_ID,
    "debugRunId": None,
    "runGroupId": RUN_ID,
    "pipelineName": "copy",
    "parameters": {"day": "1"},
    "invokedBy": {"id": "x", "name": "Manual", "invokedByType": "Manual"},
    "runStart": "2021-01-19T20:11:09.1234567Z",
    "runEnd": "2021-01-19T20:11:11.5Z",
    "durationInMs": 2377,
    "status": "Succeeded",
    "message": "",
    "lastUpdated": "2021-01-19T20:11:11.5Z",
    "annotations": [],
    "isLatest": True,
}


def a_row(**changes: Any) -> RunRow:
    row = run_row.read(RECORDED | changes)
    assert row is not None
    return row


def test_a_recorded_row_is_read() -> None:
    assert a_row() == RunRow(
        run_id=RUN_ID,
        pipeline_name="copy",
        status="Succeeded",
        message="",
        group_id=RUN_ID,
        run_start=datetime(2021, 1, 19, 20, 11, 9, 123456, tzinfo=UTC),
        run_end=datetime(2021, 1, 19, 20, 11, 11, 500000, tzinfo=UTC),
        duration_ms=2377,
        parameters={"day": "1"},
        resource=RESOURCE,
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Queued", State.OPEN),
        ("InProgress", State.OPEN),
        ("Canceling", State.OPEN),
        ("Succeeded", State.ENDED),
        ("Failed", State.ENDED),
        ("Cancelled", State.ENDED),
        ("succeeded", State.UNKNOWN),
        ("Uncertain", State.UNKNOWN),
        (None, State.UNKNOWN),
    ],
)
def test_what_a_status_means(status: str | None, state: State) -> None:
    assert a_row(status=status).state is state


@pytest.mark.parametrize(
    "content", [None, 5, [], {}, {"runId": None}, {"runId": "a b"}, {"runId": ""}]
)
def test_what_names_no_run_is_none(content: Any) -> None:
    assert run_row.read(content) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(changes=st.dictionaries(st.sampled_from(sorted(RECORDED)), JSON, max_size=6))
def test_no_row_raises(changes: dict[str, Any]) -> None:
    row = run_row.read(RECORDED | changes)

    if row is not None:
        assert row.state in State
        assert len(row.message) <= run_row.MAX_MESSAGE
        run_row.monitor_url(row, "https://w.dev.azuresynapse.net")


@pytest.mark.parametrize(
    "value", ["", "yesterday", None, 5, "9999-12-31T23:59:60Z", "0001-01-01T00:00:00+23:00"]
)
def test_what_is_no_time_is_none(value: Any) -> None:
    assert a_row(runEnd=value).run_end is None


def test_a_time_without_an_offset_is_in_utc() -> None:
    assert run_row.read_time("2021-01-19T20:11:09") == datetime(2021, 1, 19, 20, 11, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("endpoint", "studio"),
    [
        ("https://w.dev.azuresynapse.net", "web.azuresynapse.net"),
        ("https://w.dev.azuresynapse.usgovcloudapi.net", "web.azuresynapse.usgovcloudapi.net"),
        ("https://w.dev.azuresynapse.azure.cn", "web.azuresynapse.azure.cn"),
    ],
)
def test_the_address_in_studio_follows_the_cloud(endpoint: str, studio: str) -> None:
    assert run_row.monitor_url(a_row(), endpoint) == (
        f"https://{studio}/en/monitoring/pipelineruns/{RUN_ID}?workspace="
        "%2FSUBSCRIPTIONS%2FAB%2FRESOURCEGROUPS%2FXY%2FPROVIDERS%2FMICROSOFT.SYNAPSE%2FWORKSPACES%2FW"
    )


@pytest.mark.parametrize(
    ("changes", "endpoint"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"id": None}, "https://w.dev.azuresynapse.net"),
        ({"id": f"{RESOURCE}/sqlPools/{RUN_ID}"}, "https://w.dev.azuresynapse.net"),
        (
            {"id": f"https://evil.example{RESOURCE}/pipelineruns/x"},
            "https://w.dev.azuresynapse.net",
        ),
    ],
)
def test_an_address_that_is_not_known_is_left_out(changes: dict[str, Any], endpoint: str) -> None:
    assert run_row.monitor_url(a_row(**changes), endpoint) is None
