"""What the `Pipelines` port passes on about runs: their JSON, a cancel, a list; on the fake and on the simulator."""

import json
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from shared.synapse.create_run import CreateRun
from shared.synapse.reply import MAX_BODY, MAX_LIST, Absent, Answer, Lost, Started, read_run
from tests.contracts.calling_synapse import TOKEN, synapse
from tests.contracts.pipelines_world import FakeWorld, PipelinesWorld, simulated
from tests.contracts.raw_server import RUN_ID, Arrived, RawServer, answer, answers
from tests.fakes.identity import Identity


@pytest.fixture(params=["fake", "simulator"])
async def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PipelinesWorld]:
    if request.param == "fake":
        yield FakeWorld()
        return
    async with simulated(monkeypatch) as world:
        yield world


async def start(world: PipelinesWorld) -> str:
    call = CreateRun(
        endpoint=world.endpoint,
        pipeline_name="copy",
        parameters=b'{"day": [1]}',
        client_request_id=str(uuid.uuid4()),
    )
    reply = await world.pipelines.create_run(call)
    assert isinstance(reply, Started)
    return reply.run_id


def content(outcome: Answer | Lost) -> Any:
    assert isinstance(outcome, Answer), outcome
    assert outcome.status == 200
    return json.loads(outcome.body)


def a_filter(world: PipelinesWorld) -> bytes:
    now, minute = world.clock.now(), timedelta(minutes=1)
    span = {"lastUpdatedAfter": now - minute, "lastUpdatedBefore": now + minute}
    return json.dumps({name: time.isoformat() for name, time in span.items()}).encode()


async def test_a_run_is_shown_as_synapse_has_it(world: PipelinesWorld) -> None:
    run_id = await start(world)

    shown = content(await world.pipelines.get_run(world.endpoint, run_id))

    assert (shown["runId"], shown["pipelineName"]) == (run_id, "copy")


async def test_a_run_is_cancelled(world: PipelinesWorld) -> None:
    run_id = await start(world)

    cancelled = await world.pipelines.cancel_run(world.endpoint, run_id, recursive=True)
    shown = content(await world.pipelines.get_run(world.endpoint, run_id))

    assert isinstance(cancelled, Answer)
    assert (cancelled.status, cancelled.body) == (200, b"")
    assert shown["status"] in {"Canceling", "Cancelled"}


async def test_runs_are_listed(world: PipelinesWorld) -> None:
    started = {await start(world), await start(world)}

    listed = content(await world.pipelines.query_runs(world.endpoint, a_filter(world)))

    assert {run["runId"] for run in listed["value"]} == started


async def test_an_unknown_run_is_neither_shown_nor_cancelled(world: PipelinesWorld) -> None:
    run_id = str(uuid.uuid4())

    shown = await world.pipelines.get_run(world.endpoint, run_id)
    cancelled = await world.pipelines.cancel_run(world.endpoint, run_id)

    assert read_run(shown, asked=run_id, now=world.clock.now()) == Absent()
    assert read_run(cancelled, asked=run_id, now=world.clock.now()) == Absent()


async def test_a_pipeline_that_is_not_there_is_not_found(world: PipelinesWorld) -> None:
    outcome = await world.pipelines.get_pipeline(world.endpoint, "no such")

    assert isinstance(outcome, Answer)
    assert (outcome.status, json.loads(outcome.body)["code"]) == (404, "PipelineNotFound")


async def test_an_identity_that_may_not_look_is_told_so(world: PipelinesWorld) -> None:
    run_id = await start(world)
    await world.forbid_looks()

    for outcome in (
        await world.pipelines.get_run(world.endpoint, run_id),
        await world.pipelines.query_runs(world.endpoint, a_filter(world)),
    ):
        assert isinstance(outcome, Answer)
        assert outcome.status in {401, 403}


# On the wire.


async def arrived(call: str, *texts: bytes) -> tuple[list[Arrived], Answer | Lost]:
    async with RawServer(answers(*texts)) as server, synapse() as pipelines:
        outcome = {
            "get": lambda: pipelines.get_run(server.url, RUN_ID),
            "cancel": lambda: pipelines.cancel_run(server.url, RUN_ID),
            "cancel all": lambda: pipelines.cancel_run(server.url, RUN_ID, recursive=True),
            "cancel one": lambda: pipelines.cancel_run(server.url, RUN_ID, recursive=False),
            "query": lambda: pipelines.query_runs(server.url, b'{"a": 1}'),
            "activities": lambda: pipelines.query_activities(
                server.url, "A copy/1", RUN_ID, b'{"a": 1}'
            ),
            "pipeline": lambda: pipelines.get_pipeline(server.url, "A copy/1"),
        }[call]()
        return server.arrived, await outcome


@pytest.mark.parametrize(
    ("call", "line", "body"),
    [
        ("get", f"GET /pipelineruns/{RUN_ID}?api-version=2020-12-01", b""),
        ("cancel", f"POST /pipelineruns/{RUN_ID}/cancel?api-version=2020-12-01", b""),
        (
            "cancel all",
            f"POST /pipelineruns/{RUN_ID}/cancel?api-version=2020-12-01&isRecursive=true",
            b"",
        ),
        (
            "cancel one",
            f"POST /pipelineruns/{RUN_ID}/cancel?api-version=2020-12-01&isRecursive=false",
            b"",
        ),
        ("query", "POST /queryPipelineRuns?api-version=2020-12-01", b'{"a": 1}'),
        (
            "activities",
            f"POST /pipelines/A%20copy%2F1/pipelineruns/{RUN_ID}/queryActivityruns?api-version=2020-12-01",
            b'{"a": 1}',
        ),
        ("pipeline", "GET /pipelines/A%20copy%2F1?api-version=2020-12-01", b""),
    ],
)
async def test_calls_go_over_the_wire_as_the_specification_has_them(
    call: str, line: str, body: bytes
) -> None:
    (request,), outcome = await arrived(call, answer(200, {}, {"x-ms-request-id": "s-1"}))

    assert (request.line, request.body) == (f"{line} HTTP/1.1", body)
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert isinstance(outcome, Answer)
    assert outcome.headers["x-ms-request-id"] == "s-1"


@pytest.mark.parametrize("call", ["get", "cancel", "query"])
async def test_a_fresh_token_that_is_refused_is_not_replaced(call: str) -> None:
    requests, outcome = await arrived(call, answer(401, {}), answer(200, {}))

    assert len(requests) == 1
    assert isinstance(outcome, Answer)
    assert outcome.status == 401


async def listed(status: int, length: int) -> Answer | Lost:
    text = answer(status, b" " * length)
    async with RawServer(answers(text)) as server, synapse(call_timeout=30) as pipelines:
        return await pipelines.query_runs(server.url, b"{}")


async def test_a_list_of_16_mib_is_read_to_its_end() -> None:
    outcome = await listed(200, MAX_LIST)

    assert isinstance(outcome, Answer)
    assert (outcome.status, len(outcome.body)) == (200, 16 * 1024 * 1024)


async def test_a_longer_list_asks_for_a_narrower_filter() -> None:
    outcome = await listed(200, MAX_LIST + 1)

    assert isinstance(outcome, Lost)
    assert (outcome.sent, outcome.error.code) == (True, "InvalidRequest")
    for hint in ("16 MiB", "lastUpdatedAfter", "lastUpdatedBefore", "PipelineName", "Status"):
        assert hint in outcome.error.message


async def test_an_error_in_the_place_of_a_list_is_read_as_far_as_any_other() -> None:
    outcome = await listed(500, MAX_LIST + 1)

    assert isinstance(outcome, Answer)
    assert (outcome.status, len(outcome.body)) == (500, MAX_BODY)


async def test_without_a_token_nothing_is_asked() -> None:
    identity = Identity()
    identity.failure = OSError("no identity")
    async with RawServer(answers()) as server, synapse(credential=identity.credential) as pipelines:
        outcome = await pipelines.get_run(server.url, RUN_ID)

    assert isinstance(outcome, Lost)
    assert (outcome.sent, server.arrived) == (False, [])
