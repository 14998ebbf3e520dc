from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from local.synapse.client import Simulator
from local.synapse.in_process import calling, simulating
from local.synapse.pipelines import Pipeline
from local.synapse.wire import moment, stamp

ALWAYS = {
    "lastUpdatedAfter": "0001-01-01T00:00:00.0000000Z",
    "lastUpdatedBefore": "9999-12-31T23:59:59.9999999Z",
}
PIPELINES = (
    Pipeline(name="slow", queued_seconds=0, run_seconds=60),
    Pipeline(name="quick", queued_seconds=0, run_seconds=0),
    Pipeline(name="broken", queued_seconds=0, run_seconds=0, outcome="Failed", message="no"),
)


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with simulating(*PIPELINES) as simulator:
        yield simulator


@pytest.fixture
async def caller(sim: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(sim) as client:
        yield client


async def names(caller: httpx.AsyncClient, **query: Any) -> list[str]:
    """Ask for runs and give the names of their pipelines."""
    answer = await caller.post("/queryPipelineRuns", json=ALWAYS | query)
    return [run["pipelineName"] for run in answer.raise_for_status().json()["value"]]


async def ids(caller: httpx.AsyncClient, **query: Any) -> list[str]:
    """Ask for runs and give their ids."""
    answer = await caller.post("/queryPipelineRuns", json=ALWAYS | query)
    return [run["runId"] for run in answer.raise_for_status().json()["value"]]


def where(operand: str, operator: str, *values: object) -> dict[str, Any]:
    return {"operand": operand, "operator": operator, "values": values}


@pytest.mark.parametrize(
    "body",
    [
        {"lastUpdatedAfter": ALWAYS["lastUpdatedAfter"]},
        {"lastUpdatedBefore": ALWAYS["lastUpdatedBefore"]},
        {"filters": [where("Status", "Equals", "Succeeded")]},
        {"continuationToken": "eyJza2lwIjogMH0="},
    ],
)
async def test_without_both_bounds_the_list_is_empty(
    sim: Simulator, caller: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """azure-rest-api-specs #18369."""
    await sim.start_other("quick")
    answer = await caller.post("/queryPipelineRuns", json=body)

    assert answer.content == b'{"value":[]}'


async def test_an_empty_body_asks_for_all(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """azure-rest-api-specs #18369: the first 100."""
    await sim.start_other("quick")

    assert len((await caller.post("/queryPipelineRuns", json={})).json()["value"]) == 1


async def test_both_bounds_belong_to_the_window(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """At or after, at or before; a tick further the run is out."""
    first = await sim.start_other("quick")
    updated = (await sim.run(first)).last_updated
    later = stamp(moment(updated) + 100)

    exactly = {"lastUpdatedAfter": updated, "lastUpdatedBefore": updated}
    assert await ids(caller, **exactly) == [first]
    assert await ids(caller, lastUpdatedAfter=later) == []


async def test_runs_come_in_the_order_of_their_start(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    """Whatever lastUpdated says: TestQueryRuns.json (Azure/azure-sdk-for-net)."""
    first, second = await sim.start_other("slow"), await sim.start_other("quick")
    await sim.end(first)

    assert (await sim.run(first)).last_updated > (await sim.run(second)).last_updated
    assert await ids(caller) == [first, second]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], ["slow", "quick", "broken"]),
        ([where("PipelineName", "Equals", "quick")], ["quick"]),
        ([where("PipelineName", "NotEquals", "quick")], ["slow", "broken"]),
        ([where("PipelineName", "In", "quick", "slow")], ["slow", "quick"]),
        ([where("PipelineName", "NotIn", "quick", "slow")], ["broken"]),
        ([where("Status", "Equals", "InProgress")], ["slow"]),
        ([where("Status", "In", "Failed", "Succeeded")], ["quick", "broken"]),
        (
            [where("Status", "NotEquals", "Failed"), where("PipelineName", "In", "quick")],
            ["quick"],
        ),
    ],
)
async def test_filters_all_have_to_hold(
    sim: Simulator, caller: httpx.AsyncClient, filters: list[Any], expected: list[str]
) -> None:
    """Runs come oldest first."""
    for pipeline in PIPELINES:
        await sim.start_other(pipeline.name)

    assert await names(caller, filters=filters) == expected


async def test_runs_are_found_by_their_times(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """RunStart and RunEnd compare as times; what hasn't ended has no RunEnd."""
    for pipeline in PIPELINES:
        await sim.start_other(pipeline.name)
    slow, quick, _ = await sim.runs()

    assert await names(caller, filters=[where("RunStart", "Equals", slow.run_start)]) == ["slow"]
    assert await names(caller, filters=[where("RunEnd", "Equals", slow.run_start)]) == []
    assert "slow" in await names(
        caller, filters=[where("RunEnd", "NotEquals", quick.run_end or "")]
    )


async def test_a_group_is_found_whole_and_its_latest_alone(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    """LatestOnly leaves the last of each group if it has JSON's true, and a text has no effect: Azure-DataFactory #639."""
    first = await sim.start_other("quick")
    again = await caller.post(
        "/pipelines/quick/createRun", params={"referencePipelineRunId": first, "isRecovery": "true"}
    )
    group = where("RunGroupId", "Equals", first)

    assert await ids(caller, filters=[group]) == [first, again.json()["runId"]]
    for latest, expected in ((True, 1), ("true", 2), ("True", 2), (1, 2)):
        found = await ids(caller, filters=[group, where("LatestOnly", "Equals", latest)])
        assert len(found) == expected
        assert found[-1] == again.json()["runId"]


async def test_a_group_can_only_be_asked_for_alone(caller: httpx.AsyncClient) -> None:
    """azure-sdk-for-net #22025, with the typing error of the original."""
    asked = {"filters": [where("RunGroupId", "In", "a", "b")]}
    answer = await caller.post("/queryPipelineRuns", json=ALWAYS | asked)

    assert answer.status_code == 400
    assert "does not support and array of values" in answer.json()["message"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([{"orderBy": "RunStart", "order": "DESC"}], ["broken", "quick", "slow"]),
        ([{"orderBy": "PipelineName", "order": "ASC"}], ["broken", "quick", "slow"]),
        ([{"orderBy": "Status", "order": "ASC"}], ["broken", "slow", "quick"]),
        ([{"orderBy": "RunEnd", "order": "DESC"}], ["slow", "broken", "quick"]),
    ],
)
async def test_runs_come_in_the_order_asked_for(
    sim: Simulator, caller: httpx.AsyncClient, order: list[Any], expected: list[str]
) -> None:
    """By one field or several."""
    for pipeline in PIPELINES:
        await sim.start_other(pipeline.name)

    assert await names(caller, orderBy=order) == expected


async def test_a_page_has_a_hundred_runs(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """The continuation token gives the next; the last page has none."""
    for _ in range(105):
        await caller.post("/pipelines/quick/createRun")
    first = (await caller.post("/queryPipelineRuns", json=ALWAYS)).json()
    token = {"continuationToken": first["continuationToken"]}
    second = (await caller.post("/queryPipelineRuns", json=ALWAYS | token)).json()

    assert (len(first["value"]), len(second["value"])) == (100, 5)
    assert "continuationToken" not in second
    assert len({run["runId"] for run in first["value"] + second["value"]}) == 105


@pytest.mark.parametrize(
    "body",
    [
        ALWAYS | {"filters": [where("RunId", "Equals", "x")]},  # there is no such operand
        ALWAYS | {"filters": [where("status", "Equals", "x")]},  # azure-rest-api-specs #18369
        ALWAYS | {"filters": [where("Status", "Like", "x")]},
        ALWAYS | {"filters": [where("RunEnd", "Equals", "x")]},
        ALWAYS | {"orderBy": [{"orderBy": "LastUpdated", "order": "ASC"}]},
        ALWAYS | {"orderBy": [{"orderBy": "RunGroupId", "order": "ASC"}]},
        ALWAYS | {"lastUpdatedAfter": "yesterday"},
        ALWAYS | {"continuationToken": "?"},
        ALWAYS | {"continuationToken": "e30="},  # an object, but not ours
        ["no object"],
    ],
)
async def test_a_query_that_can_not_be_read_is_refused(
    caller: httpx.AsyncClient, body: object
) -> None:
    """With the flat shape of a 400."""
    answer = await caller.post("/queryPipelineRuns", json=body)

    assert answer.status_code == 400
    assert answer.json()["code"] == "BadRequest"
