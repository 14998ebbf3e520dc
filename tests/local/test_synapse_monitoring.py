"""A run's life and how it is seen, over the wire and as tests script it."""

import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from local.synapse.activity import Activity
from local.synapse.client import ControlRefused, Simulator
from local.synapse.faults import Answer, Live
from local.synapse.in_process import calling, simulating
from local.synapse.pipelines import Pipeline
from local.synapse.routes import MONITORING
from local.synapse.settings import Access, Admission

WINDOW = {"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "9999-12-31T00:00:00Z"}
CALL = "/pipelines/copy/createRun"
LOAD = Activity(name="Load", status="Failed", message="no")


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    copy = Pipeline(name="copy", queued_seconds=0, run_seconds=None, cancel_seconds=None)
    async with simulating(copy, Pipeline(name="other")) as simulator:
        yield simulator


@pytest.fixture
async def caller(sim: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(sim) as client:
        yield client


async def start(caller: httpx.AsyncClient, **parameters: object) -> str:
    answer = await caller.post(CALL, json=parameters)
    return str(answer.raise_for_status().json()["runId"])


async def listed(caller: httpx.AsyncClient) -> dict[str, str]:
    """Give the status of each run as the query has it."""
    answer = await caller.post("/queryPipelineRuns", json=WINDOW)
    return {run["runId"]: run["status"] for run in answer.raise_for_status().json()["value"]}


async def looked(caller: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    run: dict[str, Any] = (await caller.get(f"/pipelineruns/{run_id}")).raise_for_status().json()
    return run


async def activities(
    caller: httpx.AsyncClient, run_id: str, pipeline: str = "copy", **query: Any
) -> list[dict[str, Any]]:
    path = f"/pipelines/{pipeline}/pipelineruns/{run_id}/queryActivityruns"
    answer = await caller.post(path, json=WINDOW | query)
    rows: list[dict[str, Any]] = answer.raise_for_status().json()["value"]
    return rows


async def test_a_single_run_is_given_a_life(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """By anything that a fault can match; what is not given stays as the pipeline says."""
    life = Live(run_seconds=0, outcome="Failed", message="no luck")
    await sim.fault(life, operation="createRun", parameters={"n": 2})
    first, second, third = [await start(caller, n=n) for n in (1, 2, 2)]

    assert await listed(caller) == {first: "InProgress", second: "Failed", third: "InProgress"}
    assert (await looked(caller, second))["message"] == "no luck"


async def test_several_lives_add_up(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """The later one counts where both say something."""
    await sim.fault(Live(run_seconds=0, outcome="Failed"), operation="createRun")
    await sim.fault(Live(outcome="Uncertain"), operation="createRun")

    assert (await looked(caller, await start(caller)))["status"] == "Uncertain"


async def test_a_run_is_ended_by_hand(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """Any number of them, one after another."""
    runs = [await start(caller) for _ in range(3)]
    await sim.end(*runs, outcome="Failed", activities=[LOAD], every=3600)

    assert list((await listed(caller)).values()) == ["Failed", "InProgress", "InProgress"]
    assert (await sim.run(runs[0])).message == "Operation on target Load failed: no"
    with pytest.raises(ControlRefused, match="has ended: Failed"):
        await sim.end(runs[0])
    with pytest.raises(ControlRefused, match="nobody"):
        await sim.end("nobody")


async def test_others_runs_have_lives_too(sim: Simulator, caller: httpx.AsyncClient) -> None:
    run = await sim.start_other("copy", life=Live(run_seconds=0, outcome="Canceled"))

    assert await listed(caller) == {run: "Canceled"}


async def test_a_rerun_is_another_run_of_the_group(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    """The old one stays Failed, and neither comes into a later window for it: TestRunV2.json (Azure/azure-powershell)."""
    first = await start(caller, n=1)
    await sim.end(first, outcome="Failed")
    before = await looked(caller, first)
    again = await sim.rerun(first, Live(run_seconds=0))
    after, rerun = await looked(caller, first), await looked(caller, again)

    assert after == before | {"isLatest": False}
    assert (rerun["runGroupId"], rerun["isLatest"], rerun["status"]) == (first, True, "Succeeded")
    with pytest.raises(ControlRefused, match="nobody"):
        await sim.rerun("nobody")


async def test_the_query_lags_and_a_look_does_not(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    run = await start(caller)
    assert await listed(caller) == {run: "InProgress"}
    await sim.settings(query_lag_seconds=3600)
    await sim.end(run)

    assert (await looked(caller, run))["status"] == "Succeeded"
    assert await listed(caller) == {run: "InProgress"}
    await sim.settings(query_lag_seconds=0)
    assert await listed(caller) == {run: "Succeeded"}


async def test_a_forgotten_run_is_not_found(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """By hand, or because it is too old."""
    lost, old = await start(caller), await start(caller)
    await sim.forget(lost)
    await sim.end(old)
    await sim.settings(history_seconds=1e-7)

    assert await listed(caller) == {}
    for run in (lost, old):
        assert (await caller.get(f"/pipelineruns/{run}")).status_code == 400
        with pytest.raises(ControlRefused, match=run):
            await sim.run(run)


async def test_activities_are_filtered_and_in_a_window(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    """The pipeline stands in the path; the window is honoured: test_pipeline.yaml (Azure/azure-cli)."""
    each = Activity(name="Each", type="ForEach", inside=(LOAD, Activity(name="Log", type="Web")))
    await sim.fault(Live(run_seconds=0, activities=(each,)), operation="createRun")
    run = await start(caller)
    failed = {"operand": "Status", "operator": "Equals", "values": ["Failed"]}
    leaves = {"operand": "ActivityType", "operator": "NotIn", "values": ["ForEach"]}
    by_name = [{"orderBy": "ActivityName", "order": "DESC"}]

    async def names(**query: Any) -> list[str]:
        return [row["activityName"] for row in await activities(caller, run, **query)]

    assert await names() == ["Each", "Load", "Log"]
    assert await names(filters=[failed]) == ["Each", "Load"]
    assert await names(filters=[failed, leaves]) == ["Load"]
    assert await names(orderBy=by_name) == ["Log", "Load", "Each"]
    assert await names(lastUpdatedBefore="2000-01-02T00:00:00Z") == []
    assert await names(pipeline="other") == []


async def test_activities_come_a_hundred_to_a_page(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    """azure-sdk-for-net #39438 and #57588."""
    items = tuple(Activity(name=f"Item{number}") for number in range(130))
    await sim.fault(Live(run_seconds=0, activities=items), operation="createRun")
    run = await start(caller)
    path = f"/pipelines/copy/pipelineruns/{run}/queryActivityruns"
    first = (await caller.post(path, json=WINDOW)).json()
    token = {"continuationToken": first["continuationToken"]}
    second = (await caller.post(path, json=WINDOW | token)).json()

    assert [len(page["value"]) for page in (first, second)] == [100, 30]
    assert "continuationToken" not in second


async def test_activities_may_show_later_than_the_run(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    await sim.fault(Live(run_seconds=0, activity_lag_seconds=3600), operation="createRun")
    run = await start(caller)

    assert await listed(caller) == {run: "Succeeded"}
    assert await activities(caller, run) == []


@pytest.mark.parametrize("operand", ["PipelineName", "status", "LatestOnly"])
async def test_an_activity_has_operands_of_its_own(
    sim: Simulator, caller: httpx.AsyncClient, operand: str
) -> None:
    run = await sim.start_other("copy")
    path = f"/pipelines/copy/pipelineruns/{run}/queryActivityruns"
    asked = {"filters": [{"operand": operand, "operator": "Equals", "values": ["x"]}]}
    answer = await caller.post(path, json=WINDOW | asked)

    assert (answer.status_code, answer.json()["code"]) == (400, "BadRequest")


async def test_looks_have_a_limit_of_their_own(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """One for GET and both queries; createRun and cancel don't count."""
    await sim.settings(monitoring=Admission(rate=1 / 60, burst=3, retry_after=9))
    run = await start(caller)
    statuses = [(await caller.get(f"/pipelineruns/{run}")).status_code]
    statuses.append((await caller.post("/queryPipelineRuns", json=WINDOW)).status_code)
    await activities(caller, run)
    refused = await caller.post("/queryPipelineRuns", json=WINDOW)

    assert (statuses, refused.status_code) == ([200, 200], 429)
    assert refused.headers["retry-after"] == "9"
    assert refused.json()["error"] == {
        "code": "TooManyPipelineRunQueryRequests",
        "message": "Number of pipeline run queries has been exceeded for resource 'local'."
        " Maximum allowed number of run queries per minute is '1'.",
    }
    assert (await caller.post(CALL)).status_code == 202
    assert (await caller.post(f"/pipelineruns/{run}/cancel")).status_code == 200
    await sim.settings(monitoring=None)
    assert (await caller.get(f"/pipelineruns/{run}")).status_code == 200


async def test_monitoring_may_be_away_alone(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """One fault for all three."""
    run = await start(caller)
    await sim.fault(Answer(status=503), operation=MONITORING, times=None)
    path = f"/pipelines/copy/pipelineruns/{run}/queryActivityruns"
    looks = [
        await caller.get(f"/pipelineruns/{run}"),
        await caller.post("/queryPipelineRuns", json=WINDOW),
        await caller.post(path, json=WINDOW),
    ]

    assert [answer.status_code for answer in looks] == [503, 503, 503]
    assert (await caller.post(CALL)).status_code == 202


async def test_a_missing_role_may_be_a_403(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """Without Synapse Monitoring Operator; runs start all the same."""
    await sim.settings(access={"*": Access(monitor=False)}, role_missing=403)
    refused = await caller.post("/queryPipelineRuns", json=WINDOW)

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "Unauthorized")
    assert "pipelines/viewOutputs/action" in refused.json()["error"]["message"]
    assert (await caller.post(CALL)).status_code == 202


@pytest.mark.parametrize("off", [-3600, 3600])
async def test_clocks_may_differ(sim: Simulator, caller: httpx.AsyncClient, off: int) -> None:
    """The answer's Date and the times in it: TestQueryRuns.json (Azure/azure-sdk-for-net), by a second."""
    await sim.settings(date_off_seconds=off)
    answer = await caller.post("/queryPipelineRuns", json=WINDOW)

    told = parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert abs(told - time.time() - off) < 600


@pytest.mark.parametrize(("setting", "status"), [("taken", 200), ("refused", 400)])
async def test_cancelling_what_has_ended(
    sim: Simulator, caller: httpx.AsyncClient, setting: Any, status: int
) -> None:
    """Taken as Synapse did, or refused as Data Factory does (apache/airflow PR #56350)."""
    run = await start(caller)
    await sim.end(run)
    await sim.settings(cancel_ended=setting)
    answer = await caller.post(f"/pipelineruns/{run}/cancel")

    assert answer.status_code == status
    assert ("PipelineRunNotRunning" in answer.text) == (status == 400)
    assert (await looked(caller, run))["status"] == "Succeeded"


async def test_a_cancelled_run_can_be_released(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """It hangs in Canceling until then, and may turn out to have succeeded."""
    run = await start(caller)
    await caller.post(f"/pipelineruns/{run}/cancel")
    assert await listed(caller) == {run: "Canceling"}
    await sim.end(run)

    assert await listed(caller) == {run: "Succeeded"}


async def test_errors_quote_parameters_in_activities_too(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    """So that a gateway has something to cut out."""
    await sim.settings(echo_values=True)
    life = Live(run_seconds=0, outcome="Failed", activities=(LOAD,))
    await sim.fault(life, operation="createRun")
    run = await start(caller, password="s3cret")

    assert "s3cret" in (await looked(caller, run))["message"]
    assert "s3cret" in (await activities(caller, run))[0]["error"]["message"]
