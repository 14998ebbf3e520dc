import uuid
from collections.abc import AsyncIterator
from typing import Literal

import httpx
import pytest

from local.synapse.client import Simulator
from local.synapse.errors import UnknownRun
from local.synapse.in_process import calling, simulating
from local.synapse.pipelines import FixedError, Parameter, Pipeline

CALL = "/pipelines/copy/createRun"
ID = "315eaa5c77e7d429073fa3e1cd2d0aa4"
DASHED = "315eaa5c-77e7-d429-073f-a3e1cd2d0aa4"
PIPELINES = (
    Pipeline(
        name="copy",
        parameters={
            "names": Parameter(type="Array"),
            "mode": Parameter(default_value="full"),
            "limit": Parameter(type="Int", default_value=None),
        },
        queued_seconds=60,
        cancel_seconds=60,
    ),
    Pipeline(name="My Pipe/ü", concurrency=3),
    Pipeline(name="broken", error="InvalidTemplate"),
    Pipeline(name="teapot", error=FixedError(status=418, body={"code": "Teapot"})),
    Pipeline(name="fails", outcome="Failed", message="no luck.", queued_seconds=0, run_seconds=0),
)


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with simulating(*PIPELINES) as simulator:
        yield simulator


@pytest.fixture
async def caller(sim: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(sim) as client:
        yield client


def with_id(client_request_id: str = ID) -> dict[str, str]:
    return {"x-ms-client-request-id": client_request_id}


async def test_the_run_id_is_the_client_request_id(caller: httpx.AsyncClient) -> None:
    """As in every recorded call, with dashes."""
    answer = await caller.post(CALL, headers=with_id())

    assert answer.status_code == 202
    assert answer.content == b'{"runId":"%s"}' % DASHED.encode()


async def test_the_answer_has_the_recorded_headers(caller: httpx.AsyncClient) -> None:
    """TestCancelRun.json; the id is echoed as it was sent, and no rate limit is told."""
    headers = (await caller.post(CALL, headers=with_id())).headers

    assert headers["content-length"] == "48"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-ms-client-request-id"] == ID
    assert headers["x-ms-request-id"] != headers["x-ms-correlation-request-id"]
    assert not [name for name in headers if "ratelimit" in name]


async def test_the_same_id_gives_the_same_run(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """Nothing is started, not even with other parameters: azure-powershell #25622."""
    first = await caller.post(CALL, headers=with_id(ID), json={"mode": "one"})
    second = await caller.post(CALL, headers=with_id(DASHED.upper()), json={"mode": "two"})

    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert [run.parameters["mode"] for run in await sim.runs()] == ["one"]


async def test_a_workspace_that_does_not_echo_starts_a_run_each_time(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    """What a gateway must not take for granted."""
    await sim.settings(echo=False)
    ids = {(await caller.post(CALL, headers=with_id())).json()["runId"] for _ in range(2)}

    assert len(ids | {DASHED}) == 3
    assert {run.client_request_id for run in await sim.runs()} == {DASHED}


@pytest.mark.parametrize("headers", [{}, with_id("order-17")])
async def test_without_a_guid_the_run_gets_an_id_of_version_4(
    caller: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """What curl gets."""
    run_id = (await caller.post(CALL, headers=headers)).json()["runId"]

    assert uuid.UUID(run_id).version == 4


@pytest.mark.parametrize("content", [b"", b"{}"])
async def test_no_body_and_an_empty_one_are_accepted(
    caller: httpx.AsyncClient, content: bytes
) -> None:
    """Both are recorded."""
    assert (await caller.post(CALL, content=content)).status_code == 202


@pytest.mark.parametrize("content", [b"[]", b"{", b'"x"', b"\xff"])
async def test_a_body_that_is_no_object_is_refused(
    caller: httpx.AsyncClient, content: bytes
) -> None:
    """Not recorded; any 4xx would do."""
    assert (await caller.post(CALL, content=content)).status_code == 400


async def test_parameters_come_back_as_strings(caller: httpx.AsyncClient) -> None:
    """Declared ones with their defaults; undeclared ones are accepted and ignored."""
    body = {"names": ["a.csv"], "parameters": {"names": {"value": []}}}
    run_id = (await caller.post(CALL, json=body)).json()["runId"]
    run = (await caller.get(f"/pipelineruns/{run_id}")).json()

    assert run["parameters"] == {"names": '["a.csv"]', "mode": "full", "limit": "null"}


async def test_a_run_goes_its_way(caller: httpx.AsyncClient) -> None:
    """Failed with a message here; its id is accepted in any spelling."""
    await caller.post("/pipelines/fails/createRun", headers=with_id())
    run = (await caller.get(f"/pipelineruns/{ID}")).json()

    assert (run["status"], run["message"], run["isLatest"]) == ("Failed", "no luck.", True)


async def test_cancelling_answers_with_nothing(caller: httpx.AsyncClient) -> None:
    """200 without body or type, and then the run is being cancelled."""
    await caller.post(CALL, headers=with_id())
    answer = await caller.post(f"/pipelineruns/{DASHED}/cancel", params={"isRecursive": "true"})
    run = (await caller.get(f"/pipelineruns/{DASHED}")).json()

    assert (answer.status_code, answer.content) == (200, b"")
    assert "content-type" not in answer.headers
    assert run["status"] == "Canceling"


async def test_a_pipeline_is_shown_with_its_parameters(caller: httpx.AsyncClient) -> None:
    """A default that is null is one, a missing one is not."""
    copy = (await caller.get("/pipelines/copy")).json()
    other = (await caller.get("/pipelines/My%20Pipe%2F%C3%BC")).json()

    assert copy["type"] == "Microsoft.Synapse/workspaces/pipelines"
    assert copy["properties"]["parameters"] == {
        "names": {"type": "Array"},
        "mode": {"type": "String", "defaultValue": "full"},
        "limit": {"type": "Int", "defaultValue": None},
    }
    assert (other["name"], other["properties"]["concurrency"]) == ("My Pipe/ü", 3)


async def test_a_recovery_joins_the_group_of_the_run_it_refers_to(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    """TestPipelineRunV2.json: group kept, isLatest moves; the old parameters, not the body's."""
    await caller.post(CALL, headers=with_id(), json={"mode": "old"})
    query = {
        "referencePipelineRunId": DASHED,
        "isRecovery": "true",
        "startActivityName": "Copy A",
    }
    await caller.post(CALL, params=query, json={"mode": "new"})
    first, second = await sim.runs()

    assert (second.run_group_id, second.parameters["mode"]) == (DASHED, "old")
    assert (first.is_latest, second.is_latest) == (False, True)
    assert (second.reference_run_id, second.start_activity_name) == (DASHED, "Copy A")


async def test_an_unknown_reference_is_refused(caller: httpx.AsyncClient) -> None:
    """The body of TestCancelRunNegativeV2.json."""
    unknown = str(uuid.UUID(int=1))
    answer = await caller.post(CALL, params={"referencePipelineRunId": unknown})

    assert (answer.status_code, answer.text) == (
        400,
        (
            '{"error":{"code":"ReferencedPipelineRunNotFound","message":"Referenced pipeline run id'
            f' {unknown} does not exist.","target":"pipelinerun","details":null}}}}'
        ),
    )


async def test_a_reference_that_is_no_guid_is_refused(caller: httpx.AsyncClient) -> None:
    """azure-docs #38179."""
    answer = await caller.post(CALL, params={"referencePipelineRunId": "{}"})

    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "code": "ReferencedPipelineRunNotValid",
        "message": "Referenced pipeline run id {} is not a valid run id.",
        "target": "pipeline/copy/",
        "details": None,
    }


async def test_an_unknown_pipeline_is_refused_flat(caller: httpx.AsyncClient) -> None:
    """test_pipeline.yaml."""
    for answer in (
        await caller.get("/pipelines/pipeline"),
        await caller.post("/pipelines/pipeline/createRun"),
    ):
        assert (answer.status_code, answer.text) == (
            404,
            (
                '{"code":"PipelineNotFound","message":"The Pipeline pipeline was not found in'
                " (subscription=00000000-0000-0000-0000-000000000000 resourceGroup=local"
                ' workspace=local)"}'
            ),
        )


async def test_a_broken_template_is_refused_flat_with_nulls(caller: httpx.AsyncClient) -> None:
    """adfdataflowdocs #11: the shape that the SDK's own parser fails on."""
    answer = await caller.post("/pipelines/broken/createRun", headers=with_id())

    assert (answer.status_code, answer.text) == (
        400,
        (
            '{"code":"BadRequest","message":"ErrorCode=InvalidTemplate, ErrorMessage=Unable to parse'
            f' expression \'_c1\'","target":"pipeline/broken/runid/{DASHED}",'
            '"details":null,"error":null}'
        ),
    )


async def test_a_pipeline_may_always_answer_with_an_error(caller: httpx.AsyncClient) -> None:
    """Whatever the file says."""
    answer = await caller.post("/pipelines/teapot/createRun")

    assert (answer.status_code, answer.text) == (418, '{"code":"Teapot"}')


@pytest.mark.parametrize("status", [400, 404])
async def test_an_unknown_run_is_not_found(
    sim: Simulator, caller: httpx.AsyncClient, status: Literal[400, 404]
) -> None:
    """400 as recorded for cancelling one; GET may be told to answer 404."""
    await sim.settings(unknown_run=status)
    looked = await caller.get(f"/pipelineruns/{DASHED}")
    cancelled = await caller.post(f"/pipelineruns/{DASHED}/cancel")

    assert (looked.status_code, cancelled.status_code) == (status, 400)
    assert looked.content == cancelled.content
    assert looked.json()["error"]["code"] == "ReferencedPipelineRunNotFound"


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("flat", b'{"code":"ReferencedPipelineRunNotFound","message"'),
        ("html", b"<html><head><title>404 Not Found"),
        ("empty", b""),
    ],
)
async def test_an_unknown_run_may_be_answered_in_other_forms(
    sim: Simulator, caller: httpx.AsyncClient, form: UnknownRun, body: bytes
) -> None:
    await sim.settings(unknown_run=404, unknown_run_form=form)

    looked = await caller.get(f"/pipelineruns/{DASHED}")

    assert looked.status_code == 404
    assert looked.content.startswith(body)
    assert bool(looked.content) == bool(body)


async def test_a_new_run_may_be_invisible_for_a_while(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    """Neither GET nor a query finds it, but a second createRun does."""
    await sim.settings(invisible_seconds=60)
    await caller.post(CALL, headers=with_id())
    always = {"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "9000-01-01"}

    assert (await caller.get(f"/pipelineruns/{DASHED}")).status_code == 400
    assert (await caller.post("/queryPipelineRuns", json=always)).json() == {"value": []}
    assert (await caller.post(CALL, headers=with_id())).json() == {"runId": DASHED}
    assert [run.visible for run in await sim.runs()] == [False]


async def test_errors_may_quote_parameter_values(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """So that a gateway has something to cut out."""
    await sim.settings(echo_values=True)
    refused = await caller.post("/pipelines/broken/createRun", json={"password": "s3cret"})
    await caller.post("/pipelines/fails/createRun", headers=with_id(), json={"password": "s3cret"})
    failed = await caller.get(f"/pipelineruns/{DASHED}")

    assert "s3cret" in refused.json()["message"]
    assert "s3cret" in failed.json()["message"]


async def test_activity_runs_are_listed(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """One for each run that has started."""
    queued = (await caller.post(CALL)).json()["runId"]
    failed = (await caller.post("/pipelines/fails/createRun")).json()["runId"]
    copy, fails = (
        f"/pipelines/{name}/pipelineruns/{{}}/queryActivityruns" for name in ("copy", "fails")
    )

    assert (await caller.post(copy.format(queued), json={})).content == b'{"value":[]}'
    [activity] = (await caller.post(fails.format(failed), json={})).json()["value"]
    assert (activity["status"], activity["error"]["message"]) == ("Failed", "no luck.")
    assert (await caller.post(copy.format(ID), json={})).status_code == 400


async def test_what_is_no_operation_is_not_found(caller: httpx.AsyncClient) -> None:
    """With the headers of any other answer."""
    answer = await caller.get("/nothing")

    assert answer.status_code == 404
    assert "x-ms-request-id" in answer.headers
