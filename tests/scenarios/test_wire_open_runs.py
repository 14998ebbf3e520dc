"""A run that the gateway follows is never absent for a client of Synapse that polls it.

Airflow's deferrable operator cancels the run upon any error while it polls (apache-airflow-providers-microsoft-azure
15.2.1, triggers/synapse.py).
"""

import pytest

from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import StorageUnavailable
from shared.synapse.reply import Answer, Unreachable
from tests.scenarios.wire import ID, Wire
from tests.scenarios.world import World

HTML = Answer(status=404, headers={"content-type": "text/html"}, body=b"<h1>Not Found</h1>")


async def started(world: World) -> str:
    return str((await Wire(world).create({"day": 1})).body["runId"])


async def test_a_run_that_synapse_does_not_show_yet_is_queued() -> None:
    world = World()
    run_id = await started(world)
    world.pipelines.runs[0].hidden_for = 2

    answers = [await Wire(world).get(run_id) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[0].body == {
        "runId": run_id, "pipelineName": "copy", "status": "Queued", "message": "",
    }  # fmt: skip
    assert answers[2].body["status"] == "InProgress"


async def test_what_one_may_not_start_stays_absent() -> None:
    world = World()
    run_id = await started(world)
    world.pipelines.runs[0].hidden_for = 9
    wire = Wire(world, pipelines=["load"])

    assert (await wire.get(run_id)).text == (await wire.get(ID.replace("0", "1"))).text


async def test_a_run_that_nobody_follows_is_absent() -> None:
    world = World(FOLLOW_RUNS="none")
    run_id = await started(world)
    world.pipelines.runs[0].hidden_for = 1

    answer = await Wire(world).get(run_id)

    assert (answer.status, answer.code) == (404, "NotFound")


async def test_a_queued_run_can_be_cancelled() -> None:
    world = World()
    run_id = await started(world)
    world.pipelines.runs[0].hidden_for = 1

    answer = await Wire(world).cancel(run_id)

    assert (answer.status, world.pipelines.cancels) == (200, [(run_id, None)])


@pytest.mark.parametrize("code", ["GatewayUnavailable", "OutcomeUnknown"])
async def test_while_synapse_is_away_a_poller_is_asked_to_come_again(code: str) -> None:
    world = World()
    run_id = await started(world)
    world.pipelines.unreachable = Unreachable(error=CloudError(code=code, message="m"))

    answer = await Wire(world).get(run_id)

    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_a_proxy_that_knows_no_page_says_nothing_of_the_run() -> None:
    world = World()
    run_id = await started(world)
    world.pipelines.unknown_run = HTML
    world.pipelines.runs[0].hidden_for = 1

    answer = await Wire(world).get(run_id)

    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_while_the_storage_is_away_a_run_is_not_absent() -> None:
    """The route answers 503 then: see `outage`."""
    world = World()
    run_id = await started(world)
    world.pipelines.runs[0].hidden_for = 1
    world.open_runs.mishaps.fail("get")

    with pytest.raises(StorageUnavailable):
        await Wire(world).get(run_id)
