"""`POST /api/runs/{requestId}/cancel` of a started request: its run is cancelled in Synapse."""

import json
import logging

import pytest

from shared.kernel.cloud_error import CloudError
from shared.synapse.reply import Answer, Lost
from tests.scenarios.api import ADDRESS, Api
from tests.scenarios.world import World

AWAY = CloudError(code="GatewayUnavailable", message="Synapse could not be reached.")
LONG_AGO = CloudError(code="OutcomeUnknown", message="No answer came.")


def refusal(code: str, status: int) -> Answer:
    body = json.dumps({"error": {"code": code, "message": "No."}}).encode()
    return Answer(status=status, headers={}, body=body)


async def started(**environment: str) -> tuple[World, Api]:
    world = World(echoes=True, **{"PUBLIC_URL": ADDRESS} | environment)
    await world.deliver()
    return world, Api(world)


async def test_its_run_is_cancelled_with_those_that_it_started(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="run_gateway")
    world, api = await started()

    answer = await api.cancel()

    assert (answer.status, answer.body["status"]) == (202, "Started")
    assert answer.headers["Location"] == f"{ADDRESS}/api/runs/order-17"
    assert answer.headers["Retry-After"] == "10"
    assert world.pipelines.cancels == [(world.run_id, True)]
    line = f"run_gateway.run_cancelled runId={world.run_id} principal=key pipelineName=copy"
    assert line in caplog.messages


async def test_who_asked_is_recorded_and_how_it_ended_is_told() -> None:
    world, api = await started()

    await api.cancel()
    world.clock.advance(20)
    await world.follow()

    assert [(each.event, each.detail) for each in world.record.history][-1] == ("cancelling", "key")
    assert world.outcome_messages.published[0].outcome == "Cancelled"
    assert (await api.show()).body["outcomes"][0]["outcome"] == "Cancelled"


async def test_a_repeat_of_a_cancel_that_is_done_gets_the_request() -> None:
    world, api = await started()
    await api.cancel()

    again = await api.cancel()

    assert (again.status, again.body["status"]) == (200, "Started")
    assert len(world.pipelines.cancels) == 1


@pytest.mark.parametrize("status", ["Succeeded", "Failed"])
async def test_a_run_that_has_ended_is_not_cancelled(status: str) -> None:
    world, api = await started()
    world.pipelines.end(world.run_id, status)

    answer = await api.cancel()

    assert (answer.status, answer.code) == (409, "InvalidState")
    assert status in answer.text
    assert "Retry-After" not in answer.headers
    assert world.pipelines.cancels == []
    assert world.events[-1] != "cancelling"


async def test_a_run_that_ends_meanwhile_is_not_cancelled() -> None:
    world, api = await started()
    world.pipelines.cancel_answer = refusal("PipelineRunNotRunning", 400)

    answer = await api.cancel()

    assert (answer.status, answer.code) == (409, "InvalidState")
    assert answer.body["error"]["details"][0]["code"] == "PipelineRunNotRunning"


async def test_a_run_of_another_pipeline_is_left_alone() -> None:
    """An operator may have named any run."""
    world, api = await started()
    world.pipelines.runs[0].pipeline_name = "load"

    answer = await api.cancel()

    assert (answer.status, answer.code) == (404, "NotFound")
    assert world.pipelines.cancels == []


async def test_without_a_look_nothing_is_cancelled() -> None:
    world, api = await started()
    world.pipelines.may_look = False

    answer = await api.cancel()

    assert (answer.status, answer.code) == (503, "GatewayUnavailable")
    assert "Synapse Monitoring Operator" in answer.text
    assert world.pipelines.cancels == []


@pytest.mark.parametrize(
    ("reply", "status", "code", "again"),
    [
        (refusal("AccessControlUnauthorized", 403), 503, "GatewayUnavailable", "5"),
        (refusal("TooManyRequests", 429), 429, "Throttled", "3"),
        (refusal("InternalServerError", 500), 503, "GatewayUnavailable", "5"),
        (refusal("ReferencedPipelineRunNotFound", 400), 404, "NotFound", None),
        (Lost(sent=True, error=LONG_AGO), 503, "GatewayUnavailable", "5"),
    ],
)
async def test_a_cancel_that_synapse_does_not_take(
    reply: Answer | Lost, status: int, code: str, again: str | None
) -> None:
    """Asked again, it is cancelled; each wish is recorded."""
    world, api = await started()
    world.pipelines.cancel_answer = reply

    answer = await api.cancel()
    world.pipelines.cancel_answer = None
    world.clock.advance(10)
    then = await api.cancel()

    assert (answer.status, answer.code, answer.headers.get("Retry-After")) == (status, code, again)
    assert then.status == 202
    assert world.events.count("cancelling") == 2


async def test_a_request_that_is_run_again_meanwhile_keeps_its_new_run() -> None:
    """What was to be cancelled is looked at again."""
    world, api = await started()
    first = world.run_id

    async def rerun() -> None:
        await Api(world).rerun({"generation": 2})

    world.records.mishaps.meanwhile("update", rerun)
    answer = await api.cancel()

    assert answer.status == 202
    assert first != world.run_id
    assert world.pipelines.cancels == [(world.run_id, True)]


async def test_who_may_not_start_it_may_not_cancel_it() -> None:
    world, _ = await started()

    answer = await Api(world, pipelines={"other"}).cancel()

    assert (answer.status, world.pipelines.cancels) == (404, [])
