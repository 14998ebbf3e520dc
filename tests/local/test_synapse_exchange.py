"""Answers, delays and holds that take the place of what a workspace does."""

import asyncio
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import httpx
import pytest

from local.faults import Delay, Hold
from local.synapse.client import Simulator
from local.synapse.faults import Answer, Point
from local.synapse.in_process import calling, simulating
from local.synapse.pipelines import Pipeline
from local.synapse.simulation import IDENTITY_HEADER

CALL = "/pipelines/copy/createRun"
ID = "315eaa5c-77e7-d429-073f-a3e1cd2d0aa4"
WITH_ID = {"x-ms-client-request-id": ID}


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with simulating(Pipeline(name="copy"), Pipeline(name="other")) as simulator:
        yield simulator


@pytest.fixture
async def caller(sim: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(sim) as client:
        yield client


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=503, body="<html>busy</html>", headers={"Content-Type": "text/html"}),
        Answer(status=500, content={"error": None}),
        Answer(status=429, headers={"Retry-After": "7"}),
        Answer(status=429, headers={"x-ms-retry-after-ms": "700"}),
        Answer(status=202, content={}),
        Answer(status=202, body="{"),
        Answer(status=200, content={"runId": ID}),
        Answer(status=302, headers={"Location": "https://elsewhere.example/"}),
        Answer(status=408),
    ],
)
@pytest.mark.parametrize(("at", "runs"), [(Point.RECEIVED, 0), (Point.CREATED, 1)])
async def test_any_answer_can_be_given(
    sim: Simulator, caller: httpx.AsyncClient, answer: Answer, at: Point, runs: int
) -> None:
    """Instead of creating the run, or after it."""
    await sim.fault(answer, at=at)
    got = await caller.post(CALL)

    assert (got.status_code, got.text) == (answer.status, _text(answer))
    assert {n: got.headers[n] for n in answer.headers} == answer.headers
    assert len(await sim.runs()) == runs
    assert (await caller.post(CALL)).status_code == 202


def _text(answer: Answer) -> str:
    if "content" not in answer.model_fields_set:
        return answer.body or ""
    return httpx.Response(200, json=answer.content).text


async def test_the_time_to_come_back_may_be_a_date(
    sim: Simulator, caller: httpx.AsyncClient
) -> None:
    """So many seconds ahead of the answer."""
    await sim.fault(Answer(status=429, retry_after_date=60))
    got = await caller.post(CALL)
    ahead = parsedate_to_datetime(got.headers["retry-after"]).timestamp() - time.time()

    assert 58 < ahead <= 62


async def test_faults_find_their_request(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """By operation, pipeline, id, parameter; and others pass."""
    busy = Answer(status=503)
    await sim.fault(busy, operation="getRun", run_id=ID)
    await sim.fault(busy, pipeline="other")
    await sim.fault(busy, client_request_id=ID)
    await sim.fault(busy, parameters={"n": 7})
    answers = [
        await caller.post(CALL),
        await caller.post("/pipelines/other/createRun"),
        await caller.post(CALL, headers=WITH_ID),
        await caller.post(CALL, json={"n": 6}),
        await caller.post(CALL, json={"n": 7}),
        await caller.get(f"/pipelineruns/{ID}"),
    ]

    assert [answer.status_code for answer in answers] == [202, 503, 503, 202, 503, 503]
    assert [one["applied"] for one in await sim.faults()] == [1, 1, 1, 1]


@pytest.mark.parametrize("content", [b"{", b"[7]", b""])
async def test_a_body_that_is_no_object_has_no_parameters(
    sim: Simulator, caller: httpx.AsyncClient, content: bytes
) -> None:
    """No fault that asks for one meets it."""
    await sim.fault(Answer(status=503), parameters={"n": 7})

    assert (await caller.post(CALL, content=content)).status_code != 503


async def test_the_identity_has_faults_too(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """Operation `token`."""
    await sim.fault(Answer(status=429), operation="token")
    query = {"resource": "https://dev.azuresynapse.net", "api-version": "2019-08-01"}
    headers = {"X-IDENTITY-HEADER": IDENTITY_HEADER}
    answers = [await caller.get("/identity", params=query, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [429, 200]


async def test_faults_can_be_taken_away(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """One, or all."""
    number = await sim.fault(Answer(status=500), times=None)
    await sim.fault(Answer(status=501), times=None)
    await sim.remove_faults(number)
    one = await caller.post(CALL)
    await sim.remove_faults()

    assert (one.status_code, (await caller.post(CALL)).status_code) == (501, 202)


async def test_a_delay_puts_off_what_happens(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """And other faults after it still happen."""
    await sim.fault(Delay(seconds=0.1))
    await sim.fault(Answer(status=503), at=Point.CREATED)
    got = await caller.post(CALL)

    assert (got.status_code, len(await sim.runs())) == (503, 1)
    assert got.elapsed.total_seconds() > 0.1


@pytest.mark.parametrize("act", [Delay(seconds=0.4), Hold()])
async def test_a_run_may_start_after_its_caller_gave_up(
    sim: Simulator, caller: httpx.AsyncClient, act: Delay | Hold
) -> None:
    """The request was taken: nothing stops it."""
    await sim.fault(act)
    with pytest.raises(httpx.ReadTimeout):
        await caller.post(CALL, headers=WITH_ID, timeout=0.1)
    before = await sim.runs()
    await sim.release()
    [call] = await sim.calls(expected=1)

    assert (before, [run.run_id for run in await sim.runs()]) == ([], [ID])
    assert (call.status, call.cut, call.run_id) == (None, "client@created", ID)


@pytest.mark.parametrize(("at", "runs"), [(Point.RECEIVED, 0), (Point.CREATED, 1)])
async def test_a_held_call_waits_to_be_released(
    sim: Simulator, caller: httpx.AsyncClient, at: Point, runs: int
) -> None:
    """Before creating, or after it and before answering."""
    await sim.fault(Hold(), at=at)
    waiting = asyncio.create_task(caller.post(CALL, headers=WITH_ID))
    [held] = await sim.held(expected=1)
    meanwhile = len(await sim.runs())
    released = await sim.release(held.seq)

    assert (held.operation, held.pipeline, held.point) == ("createRun", "copy", at)
    assert (held.client_request_id, held.client_gone) == (ID, False)
    assert (held.run_id, meanwhile) == (ID if runs else None, runs)
    assert (released, (await waiting).json()) == (1, {"runId": ID})
    assert await sim.held() == []


async def test_only_the_named_call_is_released(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """The other one waits on."""
    await sim.fault(Hold(), times=2)
    calls = [asyncio.create_task(caller.post(CALL)) for _ in range(2)]
    first, second = await sim.held(expected=2)
    await sim.release(first.seq)
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)

    assert [held.seq for held in await sim.held()] == [second.seq]
    assert await sim.release() == 1
    assert {answer.status_code for answer in await asyncio.gather(*calls)} == {202}


async def test_a_reset_cuts_what_is_held(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """It is never created."""
    await sim.fault(Hold())
    waiting = asyncio.create_task(caller.post(CALL))
    await sim.held(expected=1)
    await sim.reset()

    with pytest.raises(httpx.RemoteProtocolError):
        await waiting
    assert await sim.runs() == []


async def test_a_held_call_outlives_its_client(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """`client_gone` tells."""
    await sim.fault(Hold(), at=Point.CREATED)
    with pytest.raises(httpx.ReadTimeout):
        await caller.post(CALL, timeout=0.05)
    while not (held := await sim.held())[0].client_gone:  # noqa: ASYNC110 - only asking tells
        await asyncio.sleep(0.01)
    await sim.release()

    assert (held[0].run_id, held[0].point) == ((await sim.runs())[0].run_id, "created")


async def test_a_body_may_be_huge(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """100 MB, and the reader may leave when it has enough."""
    await sim.fault(Answer(status=202, content={"runId": ID}, size=100_000_000), times=2)
    async with caller.stream("POST", CALL) as answer:
        first = await anext(answer.aiter_raw())
    async with caller.stream("POST", CALL) as answer:
        size = sum([len(chunk) async for chunk in answer.aiter_raw()])
    left, read = await sim.calls(expected=2)

    assert first.startswith(b'{"runId"')
    assert size == 100_000_000 + len(f'{{"runId":"{ID}"}}')
    assert (left.cut, read.cut) == ("client@answerBody", None)


async def test_a_body_may_trickle(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """Byte by byte: no read is late, the whole takes long."""
    await sim.fault(Answer(status=202, content={"runId": "x"}, byte_pause=0.02))
    async with caller.stream("POST", CALL) as answer:
        chunks = [chunk async for chunk in answer.aiter_raw()]

    assert b"".join(chunks) == b'{"runId":"x"}'
    assert len(chunks) > 5
    assert answer.elapsed.total_seconds() > 0.2


async def test_every_call_may_take_its_time(sim: Simulator, caller: httpx.AsyncClient) -> None:
    """createRun only; nobody else waits."""
    await sim.settings(latency_seconds=0.3)
    created = await caller.post(CALL)
    looked = await caller.get(f"/pipelineruns/{created.json()['runId']}")

    assert created.elapsed.total_seconds() > 0.3 > looked.elapsed.total_seconds()
