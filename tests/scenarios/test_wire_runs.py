"""What is passed on to Synapse: a look at a run, its cancelling, a list of runs."""

import json
import logging

import pytest

from shared.kernel.cloud_error import CloudError
from shared.synapse.reply import Answer, Lost, Throttled, Unreachable
from tests.scenarios.wire import ID, VERSION, Wire
from tests.scenarios.world import World

ERROR = CloudError(code="BadThing", message="It went wrong.")
LATER = {"lastUpdatedAfter": "2026-11-24T00:00:00Z", "lastUpdatedBefore": "2026-11-25T00:00:00Z"}


async def started(world: World, pipeline: str = "copy") -> str:
    answer = await Wire(world).create({"password": "hunter22"}, pipeline=pipeline, request_id=None)
    return str(answer.body["runId"])


async def test_a_run_is_shown_without_its_secrets() -> None:
    world = World()
    run_id = await started(world)

    answer = await Wire(world).get(run_id)

    assert (answer.status, answer.body["runId"]) == (200, run_id)
    assert (answer.body["pipelineName"], answer.body["status"]) == ("copy", "InProgress")
    assert "hunter22" not in answer.text
    assert answer.headers["x-ms-client-request-id"] == ID
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_a_run_is_cancelled() -> None:
    world = World()
    run_id = await started(world)

    answer = await Wire(world).cancel(run_id, isRecursive="true")

    assert (answer.status, answer.text) == (200, "")
    assert world.pipelines.cancels == [(run_id, True)]
    assert answer.headers["x-ms-request-id"] == "of-synapse"


async def test_who_cancelled_which_run_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="run_gateway")
    world = World()
    run_id = await started(world)

    await Wire(world).cancel(run_id)

    line = f"run_gateway.run_cancelled runId={run_id} principal=key pipelineName=copy"
    assert line in caplog.messages


@pytest.mark.parametrize(
    "run_id", ["", "..", "../pipelines/copy", f"{ID}/cancel", f"{ID}?x=1", "1", "%2e%2e", "a b"]
)
async def test_a_run_id_that_is_none_goes_nowhere(run_id: str) -> None:
    world = World()
    wire = Wire(world)

    for answer in (await wire.get(run_id), await wire.cancel(run_id)):
        assert (answer.status, answer.code) == (400, "InvalidRequest")
        assert answer.targets == ["$.path.runId"]
    assert world.pipelines.looks == []


async def test_a_run_id_in_another_form_is_the_same_run() -> None:
    world = World()
    run_id = await started(world)

    answer = await Wire(world).get(run_id.replace("-", "").upper())

    assert answer.body["runId"] == run_id


async def test_without_the_api_version_nothing_is_asked() -> None:
    world = World()
    run_id = await started(world)
    wire = Wire(world)

    answers = [await wire.get(run_id, {}), await wire.query(LATER, {"api-version": "1"})]

    assert [answer.targets for answer in answers] == [["$.query.api-version"]] * 2
    assert (world.pipelines.looks, world.pipelines.queries) == ([], [])


async def test_an_empty_is_recursive_is_none() -> None:
    """Azure's own host drops an empty value, others pass it on."""
    world = World()
    run_id = await started(world)

    answer = await Wire(world).cancel(run_id, isRecursive="")

    assert answer.status == 200
    assert world.pipelines.cancels == [(run_id, None)]


async def test_a_query_s_names_come_in_any_case() -> None:
    world = World()
    run_id = await started(world)

    answer = await Wire(world).cancel(run_id, isrecursive="true")

    assert answer.status == 200
    assert world.pipelines.cancels == [(run_id, True)]


@pytest.mark.parametrize(
    "version", ["2019-06-01-preview", "2020-12-01", "2021-06-01-preview", "2021-11-01-preview"]
)
async def test_every_version_of_this_wire_format_is_served(version: str) -> None:
    world = World()
    wire = Wire(world)

    run = await wire.create(query={"Api-Version": version})

    assert run.status == 202
    assert (await wire.get(run.body["runId"], {"api-version": version})).status == 200
    assert (await wire.query(LATER, {"API-VERSION": version})).status == 200


async def test_an_absurd_is_recursive_cancels_nothing() -> None:
    world = World()
    run_id = await started(world)

    answer = await Wire(world).cancel(run_id, isRecursive="maybe")

    assert (answer.status, answer.targets) == (400, ["$.query.isRecursive"])
    assert world.pipelines.cancels == []


async def test_who_may_not_start_a_pipeline_neither_sees_nor_cancels_its_runs() -> None:
    world = World()
    run_id = await started(world, "load")
    wire = Wire(world, pipelines=["copy"])

    for call in (wire.get, wire.cancel):
        barred, absent = await call(run_id), await call(ID)
        assert (barred.status, barred.code) == (404, "NotFound")
        assert barred.text == absent.text
    assert world.pipelines.cancels == []


async def test_a_list_has_the_runs_of_the_pipelines_that_one_may_start() -> None:
    world = World()
    run_id = await started(world)
    await started(world, "load")

    answer = await Wire(world, pipelines=["copy"]).query(LATER)

    assert answer.status == 200
    assert [run["runId"] for run in answer.body["value"]] == [run_id]
    assert "hunter22" not in answer.text
    assert json.loads(world.pipelines.queries[0]) == LATER


async def test_a_list_that_is_too_long_is_the_callers_to_narrow() -> None:
    world = World()
    world.pipelines.unreachable = Unreachable(
        error=CloudError(code="InvalidRequest", message="Narrow the filter.", target="$.filters")
    )

    answer = await Wire(world).query(LATER)

    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize("body", [b"", b"[]", b"{"])
async def test_a_filter_that_is_none_is_not_passed_on(body: bytes) -> None:
    world = World()

    answer = await Wire(world).query(body)

    assert (answer.status, answer.code) == (400, "InvalidJson")
    assert world.pipelines.queries == []


async def test_a_look_that_is_refused_refuses_the_cancel() -> None:
    world = World()
    run_id = await started(world)
    world.pipelines.may_look = False
    wire = Wire(world)

    looked, cancelled, listed = (
        await wire.get(run_id),
        await wire.cancel(run_id),
        await wire.query(LATER),
    )

    assert (looked.status, looked.code) == (403, "AccessControlUnauthorized")
    assert (cancelled.status, listed.status) == (403, 403)
    assert world.pipelines.cancels == []


@pytest.mark.parametrize("status", [400, 404])
async def test_an_unknown_run_is_not_found(status: int) -> None:
    """Whichever way Synapse says so."""
    world = World()
    body = b'{"error": {"code": "ReferencedPipelineRunNotFound", "message": "No."}}'
    world.pipelines.unknown_run = Answer(status=status, headers={}, body=body)

    answer = await Wire(world).get(ID)

    assert (answer.status, answer.code) == (404, "NotFound")


async def test_a_cancel_may_be_refused_or_lost() -> None:
    world = World()
    run_id = await started(world)
    wire = Wire(world)
    refusal = json.dumps({"error": ERROR.model_dump()}).encode()

    world.pipelines.cancel_answer = Answer(status=409, headers={}, body=refusal)
    refused = await wire.cancel(run_id)
    unknown = CloudError(code="OutcomeUnknown", message="m")
    world.pipelines.cancel_answer = Lost(sent=True, error=unknown)
    lost = await wire.cancel(run_id)

    assert (refused.status, refused.code) == (409, "BadThing")
    assert (lost.status, lost.code) == (504, "OutcomeUnknown")


async def test_an_unreachable_workspace_is_an_outage() -> None:
    world = World()
    run_id = await started(world)
    world.pipelines.unreachable = Unreachable(
        error=CloudError(code="GatewayUnavailable", message="Synapse could not be reached.")
    )

    answer = await Wire(world).get(run_id)

    assert (answer.status, answer.code) == (503, "GatewayUnavailable")


@pytest.mark.parametrize(("headers", "seconds"), [({"retry-after": "7"}, 7.0), ({}, 3.0)])
async def test_a_429_to_a_look_lets_looks_rest_and_no_start(
    headers: dict[str, str], seconds: float
) -> None:
    world = World()
    run_id = await started(world)
    wire = Wire(world)
    world.pipelines.cancel_answer = Answer(status=429, headers=headers, body=b"")

    answer = await wire.cancel(run_id)
    looked = await wire.get(run_id)
    created = await wire.create()

    assert (answer.status, answer.headers["Retry-After"]) == (429, f"{seconds:.0f}")
    assert (looked.status, looked.headers["Retry-After"]) == (429, f"{seconds:.0f}")
    assert (created.status, len(world.pipelines.calls)) == (202, 2)
    world.clock.advance(seconds)
    assert (await wire.get(run_id)).status == 200


async def test_a_throttled_create_run_lets_looks_go_on() -> None:
    world = World()
    run_id = await started(world)
    world.pipelines.script(Throttled(error=ERROR, retry_after=10.0))
    wire = Wire(world)
    await wire.create()

    assert (await wire.get(run_id, VERSION)).status == 200
    assert world.pipelines.looks == [run_id]
