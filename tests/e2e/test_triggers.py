"""One delivery through each trigger, as Microsoft's worker library runs the app."""

import json
import re
from typing import Any

import pytest

from local import process, stack
from tests.e2e.outside import Outside, outside


async def the_run(world: Outside, told: dict[str, Any]) -> Any:
    (run,) = [run for run in await world.synapse.runs() if run.run_id == told["runId"]]
    return run


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "base64"])
async def test_a_queue_message_becomes_a_run_a_result_and_an_audit_entry(
    world: Outside, plain: bool
) -> None:
    request_id = f"queue-{plain}"
    body = {"pipelineName": "copyOrders", "requestId": request_id, "parameters": {"day": "mon"}}

    message_id = await world.put(body, plain=plain)

    (told,) = await world.results(request_id)
    (entry,) = await world.audited(request_id)
    run = await the_run(world, told)
    assert (told["status"], told["source"], told["attempts"]) == ("Started", "queue", 1)
    assert (run.pipeline_name, run.parameters) == ("copyOrders", {"day": "mon", "regions": "[]"})
    assert (entry["runId"], entry["deliveryId"]) == (told["runId"], message_id)
    assert (entry["principal"], entry["status"]) == ("queue", "Started")
    assert json.loads(entry["parameters"]) == {"day": "mon"}


async def test_the_log_line_of_a_delivery_has_its_fields_as_the_worker_sends_them(
    world: Outside, running: stack.Stack
) -> None:
    """The host writes an app's record as the worker would: its message alone."""
    body = {"pipelineName": 'no "such\x1b', "requestId": "line-1", "correlationId": "c-line"}

    message_id = await world.put(body)

    await world.results("line-1")
    (line,) = [one for one in running.host.output().splitlines() if "requestId=line-1" in one]
    _, _, sent = line.partition(" run_gateway [start_from_queue] ")
    assert re.fullmatch(
        r"run_gateway\.delivery_ended requestId=line-1 generation=1 status=Failed code=PipelineNotFound "
        r'httpStatus=\d+ attempt=1 totalMs=\d+ pipelineName="no \\"such\\u001b" workspace=default source=queue '
        rf"deliveryId={message_id} duplicate=false",
        sent,
    )


async def test_an_http_call_becomes_a_run_a_result_and_an_audit_entry(world: Outside) -> None:
    body = {"pipelineName": "copyOrders", "requestId": "http-1", "parameters": {"day": "tue"}}

    answer = await world.http.post("/api/runs", json=body)

    assert answer.status_code == 202
    assert answer.headers["location"] == str(world.http.base_url.join("/api/runs/http-1"))
    (told,) = await world.results("http-1")
    (entry,) = await world.audited("http-1")
    assert answer.json() == told
    assert (await the_run(world, told)).parameters["day"] == "tue"
    assert (entry["principal"], entry["source"], entry["runId"]) == ("key", "http", told["runId"])


async def test_an_event_becomes_a_run_a_result_and_an_audit_entry(world: Outside) -> None:
    event = json.loads((stack.ROOT / "samples/requests/06-event-grid.json").read_text())["body"]
    event["id"] = "event-1"

    status = await world.post_event(event)

    assert status in {200, 202}
    (entry,) = await world.audited("event-1", by="deliveryId")
    (told,) = await world.results(entry["requestId"])
    run = await the_run(world, told)
    assert (run.pipeline_name, run.parameters["fileName"]) == ("copyBlob", "orders.csv")
    assert entry["requestId"].startswith("evt-blob-created-")
    assert (entry["principal"], entry["source"]) == ("rule:blob-created", "event")


async def test_an_event_that_matches_no_rule_is_audited_and_acknowledged(world: Outside) -> None:
    event = {"id": "event-2", "topic": "t", "subject": "s", "eventType": "T", "data": {}}

    status = await world.post_event(event)

    assert status in {200, 202}
    (entry,) = await world.audited("event-2", by="deliveryId")
    assert (entry["status"], entry["errorCode"]) == ("Rejected", "NotFound")


async def test_an_unknown_pipeline_comes_back_with_synapses_own_words(world: Outside) -> None:
    answer = await world.http.post(
        "/api/runs", json={"pipelineName": "noSuchPipeline", "requestId": "http-2"}
    )

    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == "PipelineNotFound"
    assert error["message"].startswith("The Pipeline noSuchPipeline was not found")
    (told,) = await world.results("http-2")
    assert (told["status"], told["error"]) == ("Failed", error)


async def test_what_is_not_json_is_answered_and_acknowledged(world: Outside) -> None:
    message_id = await world.put("please run it")

    (told,) = await world.results(f"msg-{message_id}")
    (entry,) = await world.audited(f"msg-{message_id}")
    assert (told["status"], told["error"]["code"]) == ("Rejected", "InvalidJson")
    assert (entry["contentLength"].value, len(entry["contentSha256"])) == (13, 64)


async def test_the_documented_call_goes_over_the_wire_as_documented(world: Outside) -> None:
    """azure-rest-api-specs, Microsoft.Synapse/stable/2020-12-01/examples/Pipelines_CreateRun.json."""
    body = {
        "pipelineName": "examplePipeline",
        "requestId": "http-3",
        "parameters": {"OutputBlobNameList": ["exampleoutput.csv"]},
    }

    await world.http.post("/api/runs", json=body)

    call = [c for c in await world.synapse.calls("createRun") if c.pipeline == "examplePipeline"][
        -1
    ]
    assert (call.method, call.path) == ("POST", "/pipelines/examplePipeline/createRun")
    assert call.query == "api-version=2020-12-01"
    assert call.body == '{"OutputBlobNameList": ["exampleoutput.csv"]}'


async def test_a_recovery_goes_over_the_wire_with_its_three_parameters(world: Outside) -> None:
    first = await world.http.post(
        "/api/runs", json={"pipelineName": "copyOrders", "requestId": "http-4"}
    )
    body = {
        "pipelineName": "copyOrders",
        "requestId": "http-5",
        "referencePipelineRunId": first.json()["runId"],
        "isRecovery": True,
        "startActivityName": "Copy A",
    }

    answer = await world.http.post("/api/runs", json=body)

    assert answer.status_code == 202
    call = (await world.synapse.calls("createRun"))[-1]
    assert call.query == (
        f"api-version=2020-12-01&referencePipelineRunId={first.json()['runId']}"
        "&isRecovery=true&startActivityName=Copy%20A"
    )
    assert not call.body


async def test_one_token_serves_many_calls(world: Outside) -> None:
    before = len(await world.synapse.calls("token"))

    for number in range(20):
        answer = await world.http.post(
            "/api/runs", json={"pipelineName": "copyOrders", "requestId": f"token-{number}"}
        )
        assert answer.status_code == 202

    assert len(await world.synapse.calls("token")) - before <= 1


async def test_health_is_told_openly_and_faults_are_not(world: Outside) -> None:
    live, ready = (
        await world.http.get("/api/health/live"),
        await world.http.get("/api/health/ready"),
    )

    assert (live.status_code, ready.status_code) == (200, 200)
    assert ready.json() == {"status": "ready"}


async def test_a_wrong_setting_breaks_no_indexing_and_is_named(running: stack.Stack) -> None:
    """The readiness route says no; who has a key gets every wrong setting by name."""
    wrong = {"SYNAPSE_ENDPOINT": "ftp://x", "LEASE_SECONDS": "5", "MAX_ATTEMPTS": "none"}
    values = stack.settings(storage=running.storage, synapse=running.synapse.url) | wrong
    values["RUN_REQUESTS_QUEUE"] = "other-requests"
    async with (
        process.running(stack.host_command(), env=values) as host,
        outside(url=host.url, storage=running.storage, synapse=running.synapse.url) as clients,
    ):
        ready = await clients.http.get("/api/health/ready")
        named = await clients.http.get("/api/health/settings")
        refused = await clients.http.post("/api/runs", json={"pipelineName": "copyOrders"})

    assert (ready.status_code, ready.json()) == (503, {"status": "not ready"})
    assert {fault["target"] for fault in named.json()["faults"]} == set(wrong)
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "GatewayUnavailable"
