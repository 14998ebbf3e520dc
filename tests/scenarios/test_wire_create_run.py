"""`POST /pipelines/{pipelineName}/createRun`, as a client made for Synapse reads it."""

import asyncio
from typing import override

import pytest

from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import StorageUnavailable
from shared.ports import Clock
from shared.runs.record import Status
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import (
    Look,
    Refused,
    Reply,
    Started,
    Throttled,
    Unknown,
    Unreachable,
    Wire as Marks,
)
from tests.fakes.pipelines import FakePipelines
from tests.scenarios.wire import ID, VERSION, Wire
from tests.scenarios.world import World

ERROR = CloudError(code="BadThing", message="It went wrong.")
MARKS = Marks(http_status=202, request_id="s-request", correlation_id="s-correlation")


def codes(world: World) -> list[str]:
    return [each.error.code if each.error else each.status for each in world.results.published]


async def test_a_started_run_is_202_with_its_id_alone() -> None:
    world = World()

    answer = await Wire(world).create({"day": 1})

    assert answer.status == 202
    assert answer.body == {"runId": world.pipelines.runs[0].run_id}
    assert world.pipelines.calls[0].parameters == b'{"day": 1}'
    assert (world.record.request_id, world.record.workspace) == (ID, "default")
    assert codes(world) == ["Started"]
    assert world.requests.messages == []


async def test_an_answer_carries_the_headers_that_synapse_s_has() -> None:
    world = World()
    world.pipelines.script(Started(run_id="run-1", echoed=False, wire=MARKS))

    answer = await Wire(world).create(request_id=f"{{{ID.upper()}}}")

    assert answer.headers["x-ms-client-request-id"] == f"{{{ID.upper()}}}"
    assert answer.headers["x-ms-request-id"] == "s-request"
    assert answer.headers["x-ms-correlation-request-id"] == "s-correlation"
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_without_an_id_each_call_is_a_run_of_its_own() -> None:
    world = World()
    wire = Wire(world)

    answers = [await wire.create(request_id=None) for _ in range(2)]

    assert len({answer.body["runId"] for answer in answers}) == len(world.pipelines.runs) == 2
    assert [a.headers["x-ms-client-request-id"] for a in answers] == ["call-1", "call-2"]


@pytest.mark.parametrize("form", [ID, ID.upper(), ID.replace("-", ""), f"{{{ID}}}", f" {ID} "])
async def test_the_same_guid_in_another_form_is_the_same_run(form: str) -> None:
    world = World()
    wire = Wire(world)

    first, again = await wire.create(), await wire.create(request_id=form)

    assert first.body == again.body
    assert (len(world.pipelines.calls), again.status) == (1, 202)
    assert [result.duplicate for result in world.results.published] == [False, True]


async def test_who_calls_and_in_which_trace_is_kept() -> None:
    world = World()
    trace = f"00-{'a' * 32}-{'b' * 16}-01"

    await Wire(world).create(traceparent=trace, x_ms_correlation_request_id="c-1")
    await Wire(world).create(request_id="other", x_ms_correlation_request_id="c\x00")

    first, other = world.results.published
    assert (first.traceparent, first.correlation_id) == (trace, "c-1")
    assert other.correlation_id is None
    assert world.audit.entries[0].principal == "key"


async def test_a_recovery_goes_with_its_three_parameters() -> None:
    world = World()
    query = {"referencePipelineRunId": "r-1", "isRecovery": "True", "startActivityName": "Copy A"}

    answer = await Wire(world).create(b"{}", query=VERSION | query)

    (call,) = world.pipelines.calls
    assert answer.status == 202
    assert (call.reference_run_id, call.is_recovery, call.start_activity_name) == (
        "r-1",
        True,
        "Copy A",
    )
    assert call.parameters == b""


async def test_an_empty_query_value_is_an_absent_one() -> None:
    """Synapse's own example of a call ends in `referencePipelineRunId=`."""
    world = World()
    empty = {"referencePipelineRunId": "", "isRecovery": "", "startActivityName": ""}

    answer = await Wire(world).create({"day": 1}, query=VERSION | empty)

    (call,) = world.pipelines.calls
    assert answer.status == 202
    assert (call.reference_run_id, call.is_recovery, call.start_activity_name) == (None,) * 3
    assert call.parameters == b'{"day": 1}'


async def test_an_empty_api_version_is_none() -> None:
    answer = await Wire(World()).create(query={"api-version": ""})

    assert (answer.status, answer.targets) == (400, ["$.query.api-version"])


async def test_synapse_s_refusal_keeps_its_status_and_words() -> None:
    world = World()
    world.pipelines.script(Refused(error=ERROR, wire=Marks(http_status=404, request_id="s-1")))

    answer = await Wire(world).create()

    assert (answer.status, answer.body) == (404, {"error": ERROR.model_dump()})
    assert answer.headers["x-ms-request-id"] == "s-1"


async def test_a_faulty_call_is_answered_audited_and_told() -> None:
    world = World()

    answer = await Wire(world).create(query={}, request_id="msg-1")

    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert answer.targets == ["$.headers.x-ms-client-request-id", "$.query.api-version"]
    assert "x-ms-client-request-id" in answer.headers
    assert codes(world) == ["InvalidRequest"]
    assert world.records.all() == []


async def test_a_body_that_is_not_json_is_not_read() -> None:
    world = World()
    wire = Wire(world)

    of_a_form = await wire.create(b"a=1", content_type="application/x-www-form-urlencoded")
    broken = await wire.create(b"{", request_id="other")
    none = await wire.create(b"", content_type="text/plain")

    assert (of_a_form.status, of_a_form.code) == (415, "UnsupportedMediaType")
    assert (broken.status, broken.code) == (400, "InvalidJson")
    assert none.status == 202


async def test_another_request_under_the_same_id_is_a_conflict() -> None:
    world = World()
    wire = Wire(world)
    await wire.create({"day": 1})

    answer = await wire.create({"day": 2})

    assert (answer.status, answer.code) == (422, "RequestIdConflict")
    assert len(world.pipelines.runs) == 1


async def test_a_record_that_can_t_be_read_starts_nothing() -> None:
    world = World()
    wire = Wire(world)
    await wire.create()
    world.records.row(ID)["status"] = "Sleeping"

    answer = await wire.create()

    assert (answer.status, answer.code) == (503, "GatewayUnavailable")
    assert len(world.pipelines.calls) == 1


# A lost answer: the call is held.


async def test_a_run_behind_a_lost_answer_is_found_while_the_caller_waits() -> None:
    world = World()
    world.pipelines.script(world.pipelines.behind(Unknown(error=ERROR)))

    answer = await Wire(world).create()

    assert (answer.status, answer.body) == (202, {"runId": world.pipelines.runs[0].run_id})
    assert world.requests.messages == []


async def test_what_never_began_is_sent_again_while_the_caller_waits() -> None:
    world = World()
    wire = Wire(world)
    await wire.create(request_id="shows-that-the-workspace-echoes")
    world.pipelines.script(Unknown(error=ERROR))
    began = world.clock.monotonic()

    answer = await wire.create()

    assert answer.status == 202
    assert len(world.pipelines.runs) == 2
    assert 60.0 <= world.clock.monotonic() - began < 70.0
    first, again = world.pipelines.calls[1:]
    assert first.client_request_id == again.client_request_id


async def test_an_outcome_that_nobody_can_tell_is_504() -> None:
    world = World()
    world.pipelines.script(Unknown(error=ERROR))
    wire = Wire(world)

    answer, again = await wire.create(), await wire.create()

    assert (answer.status, answer.code) == (504, "OutcomeUnknown")
    assert (again.status, again.code) == (504, "OutcomeUnknown")
    assert "Retry-After" not in answer.headers
    assert len(world.pipelines.calls) == 1


class Asked(FakePipelines):
    """Notes when it was asked for a run."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.clock = clock
        self.times: list[float] = []

    @override
    async def find_run(self, endpoint: str, run_id: str) -> Look:
        self.times.append(self.clock.monotonic())
        return await super().find_run(endpoint, run_id)


async def test_synapse_is_asked_nothing_that_could_outlast_the_platform_s_patience() -> None:
    """A look and another send may take 30 s each, and the platform cuts a call after 230 s."""
    world = World()
    world.synapse = world.pipelines = asked = Asked(world.clock)
    world.restart()
    asked.script(asked.behind(Unknown(error=ERROR)))
    asked.unreachable = Unreachable(error=ERROR)
    began = world.clock.monotonic()

    answer = await Wire(world).create()

    assert (answer.status, answer.code) == (504, "OutcomeUnknown")
    assert 100.0 < max(asked.times) - began <= 170.0
    assert world.clock.monotonic() - began == pytest.approx(200.0)


async def test_a_run_that_another_finds_late_is_told_before_time_is_up() -> None:
    world = World()
    asked = world.pipelines
    asked.script(asked.behind(Unknown(error=ERROR)))
    asked.unreachable = Unreachable(error=ERROR)
    began = world.clock.monotonic()

    async def find() -> None:
        while world.clock.monotonic() - began < 185.0:  # noqa: ASYNC110 (the call's own pauses move the time)
            await asyncio.sleep(0)
        asked.unreachable = None
        await world.host.deliver({"resume": ID}, "own")

    answer, _ = await asyncio.gather(Wire(world).create(), find())

    assert (answer.status, answer.body) == (202, {"runId": world.record.run_id})
    assert world.clock.monotonic() - began < 190.0


async def test_a_call_is_held_for_200_seconds_and_its_request_goes_on() -> None:
    world = World()
    wire = Wire(world)
    world.pipelines.script(world.pipelines.behind(Unknown(error=ERROR)))
    world.pipelines.unreachable = Unreachable(error=ERROR)
    began = world.clock.monotonic()

    answer = await wire.create()

    assert (answer.status, answer.code) == (504, "OutcomeUnknown")
    assert int(answer.headers["Retry-After"]) <= 60
    assert world.clock.monotonic() - began == pytest.approx(200.0)
    assert world.results.published == []
    world.pipelines.unreachable = None
    await world.drain()
    assert codes(world) == ["Started"]
    assert (await wire.create()).body == {"runId": world.record.run_id}


async def test_synapse_is_asked_no_more_often_than_for_a_request_in_the_queue() -> None:
    world = World()
    world.pipelines.script(Unknown(error=ERROR))
    world.pipelines.unreachable = Unreachable(error=ERROR)

    await Wire(world).create()

    assert len(world.pipelines.looks) <= 10


# Two calls with the same id.


async def test_a_second_call_waits_for_the_first_and_gets_its_run() -> None:
    world = World()
    wire = Wire(world)
    second: list[asyncio.Task[object]] = []

    async def slowly(call: CreateRun) -> Reply:
        second.append(asyncio.create_task(wire.create()))
        for _ in range(20):
            await asyncio.sleep(0)
        return Started(run_id=world.pipelines.start(call).run_id, echoed=True)

    world.pipelines.script(slowly)

    first = await wire.create()
    joined = await second[0]

    assert first.status == 202
    assert getattr(joined, "text", None) == first.text
    assert len(world.pipelines.runs) == 1


async def test_a_call_never_withdraws_another_s_request() -> None:
    """What waits for its time in the queue will start all the same, so the caller is not told that it won't."""
    world = World()
    await world.deliver(requestId=ID, parameters={}, notBefore="2026-11-24T12:00:00Z")
    began = world.clock.monotonic()

    answer = await Wire(world).create()

    assert (answer.status, answer.code) == (504, "OutcomeUnknown")
    assert (world.record.status, world.clock.monotonic()) == (Status.WAITING, began)
    await world.drain()
    assert len(world.pipelines.runs) == 1


async def test_a_call_waits_for_what_another_s_request_will_be_soon() -> None:
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=20.0))
    await world.deliver(requestId=ID, parameters={})

    answer = await Wire(world).create()

    assert (answer.status, answer.body) == (202, {"runId": world.record.run_id})
    await world.drain()
    assert len(world.pipelines.runs) == 1


async def test_a_request_that_vanishes_while_its_caller_waits_is_an_outage() -> None:
    world = World()
    world.pipelines.script(Unknown(error=ERROR))
    world.pipelines.unreachable = Unreachable(error=ERROR)

    async def vanish() -> None:
        stored = await world.records.get(ID)
        assert stored is not None
        await world.records.delete(stored)

    world.records.mishaps.meanwhile("get", vanish)

    with pytest.raises(StorageUnavailable, match="deleted while its caller waited"):
        await Wire(world).create()
