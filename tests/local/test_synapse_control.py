from collections.abc import AsyncIterator

import httpx
import pytest

from local.faults import Cut
from local.synapse.client import ControlRefused, Simulator
from local.synapse.faults import Answer
from local.synapse.identity import SYSTEM_PRINCIPAL
from local.synapse.in_process import calling, simulating
from local.synapse.pipelines import Pipeline
from local.synapse.settings import Admission, Changes, Settings

CALL = "/pipelines/My%20Pipe/createRun"
ID = "315eaa5c-77e7-d429-073f-a3e1cd2d0aa4"


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with simulating(Pipeline(name="My Pipe", run_seconds=60)) as simulator:
        yield simulator


@pytest.fixture
async def caller(sim: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(sim) as client:
        yield client


async def test_the_log_tells_all_of_a_call(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """But no token: its claims instead."""
    headers = {"x-ms-client-request-id": ID.replace("-", ""), "traceparent": "00-a-b-00"}
    await caller.post(CALL, params={"x": "ü"}, headers=headers, content=b'{"n": 1}')
    [call] = await sim.calls()

    assert (call.operation, call.method, call.path) == ("createRun", "POST", CALL)
    assert (call.pipeline, call.client_request_id, call.run_id) == ("My Pipe", ID, ID)
    assert (call.status, call.cut, call.body) == (202, None, '{"n": 1}')
    assert call.query == "api-version=2020-12-01&x=%C3%BC"
    assert call.headers["traceparent"] == "00-a-b-00"
    assert not [name for name in call.headers if name.lower() == "authorization"]
    assert (call.claims or {})["oid"] == SYSTEM_PRINCIPAL
    assert call.seconds is not None
    assert call.seconds < 1


async def test_the_log_can_be_read_from_where_one_was(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    """Numbers go up; one operation can be asked for."""
    await caller.post(CALL)
    [first] = await sim.calls()
    await caller.get(f"/pipelineruns/{first.run_id}")
    await caller.post(CALL)

    assert [call.operation for call in await sim.calls(since=first.seq)] == ["getRun", "createRun"]
    assert len(await sim.calls("createRun")) == 2
    assert len(await sim.calls("createRun", since=first.seq)) == 1


async def test_calls_are_counted(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """By operation and what came of them, also those that are no longer kept."""
    await sim.settings(keep_calls=1)
    await sim.fault(Cut(how="fin"))
    with pytest.raises(httpx.RemoteProtocolError):
        await caller.post(CALL)
    await caller.post(CALL)
    await caller.post("/pipelines/none/createRun")

    assert await sim.stats() == {
        "calls": {"createRun": {"202": 1, "404": 1, "fin@received": 1}},
        "runs": 1,
    }
    assert len(await sim.calls()) == 1


async def test_others_start_runs_too(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """They are seen on the wire like any other."""
    mine = (await caller.post(CALL)).json()["runId"]
    theirs = await sim.start_other("My Pipe", {"n": 1}, run_id=ID)

    assert [(run.run_id, run.origin) for run in await sim.runs()] == [
        (mine, "createRun"),
        (theirs, "others"),
    ]
    assert (await caller.get(f"/pipelineruns/{theirs}")).status_code == 200


async def test_settings_change_one_by_one(sim: Simulator) -> None:
    """What isn't named stays as it is."""
    await sim.settings(echo=False)
    await sim.settings(admission=Admission(rate=5), identities=["a"])

    assert await sim.settings() == Settings(
        echo=False, admission=Admission(rate=5), identities=("a",)
    )


def test_every_setting_can_be_changed() -> None:
    """Changes repeats Settings' fields, for the sake of types."""
    assert set(Changes.__annotations__) == set(Settings.model_fields)


async def test_a_reset_begins_anew(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """Tokens stay good."""
    await caller.post(CALL)
    await sim.settings(echo=False, keep_calls=5)
    await sim.fault(Answer(status=500))
    await sim.reset()

    assert await sim.settings() == Settings()
    assert (await sim.runs(), await sim.calls(), await sim.faults()) == ([], [], [])
    assert (await caller.post(CALL)).status_code == 202


async def test_what_can_not_be_done_is_refused(sim: Simulator) -> None:
    """With a reason."""
    with pytest.raises(ControlRefused, match="nonsense"):
        await sim._call("PATCH", "settings", body={"nonsense": 1})
    with pytest.raises(ControlRefused, match="no pipeline"):
        await sim.start_other("no pipeline")
    with pytest.raises(ControlRefused, match="/_sim/nothing"):
        await sim._call("GET", "nothing")
    with pytest.raises(ControlRefused, match="Field required"):
        await sim._call("POST", "faults")


async def test_waiting_ends(sim: Simulator) -> None:
    """With what there is instead."""
    with pytest.raises(TimeoutError, match="0 instead of 1"):
        await sim.held(expected=1, within=0.03)


async def test_the_client_has_to_be_entered() -> None:
    """It owns a connection."""
    with pytest.raises(RuntimeError, match="async with"):
        await Simulator("http://127.0.0.1:1").runs()
