"""A 429 means what it means to a client of Synapse: not started. The same id opens the request again."""

import pytest

from shared.gateway.gateway import Deferred
from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import StorageUnavailable
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Status, is_withdrawn
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import NotSent, Reply, Throttled, Unknown, Wire as Marks
from tests.scenarios.wire import ID, Wire
from tests.scenarios.world import ENDPOINT, World, a_request

ERROR = CloudError(code="TooManyRequests", message="Slower.")
THROTTLED = Throttled(error=ERROR, retry_after=10.0, wire=Marks(http_status=429))
BY_HTTP = Delivery(id="h-9", source=Source.HTTP)
NO_TOKEN = NotSent(error=CloudError(code="GatewayUnavailable", message="No token."))


def codes(world: World) -> list[str]:
    return [each.error.code if each.error else each.status for each in world.results.published]


async def throttled(world: World) -> Wire:
    """Answer one call 429, and let the workspace's rest pass."""
    world.pipelines.script(THROTTLED)
    wire = Wire(world)
    answer = await wire.create()
    assert answer.status == 429
    world.clock.advance(float(answer.headers["Retry-After"]))
    return wire


async def test_a_throttled_call_is_answered_and_starts_nothing_later() -> None:
    world = World()
    world.pipelines.script(THROTTLED)

    answer = await Wire(world).create()

    assert (answer.status, answer.code) == (429, "Throttled")
    assert 10 <= int(answer.headers["Retry-After"]) <= 12
    assert answer.body["error"]["details"] == [ERROR.model_dump()]
    assert is_withdrawn(world.record)
    assert world.requests.messages == []
    await world.drain()
    assert world.pipelines.runs == []


async def test_the_same_id_opens_it_again_in_the_same_generation() -> None:
    world = World()
    wire = await throttled(world)

    answer = await wire.create()

    assert (answer.status, answer.body) == (202, {"runId": world.pipelines.runs[0].run_id})
    first, again = world.pipelines.calls
    assert first.client_request_id == again.client_request_id
    assert (world.record.generation, world.record.attempts) == (1, 1)
    assert codes(world) == ["Throttled", "Started"]
    assert [entry.run_id is not None for entry in world.audit.entries] == [False, True]
    assert [entry.duplicate for entry in world.audit.entries] == [False, False]
    assert world.requests.messages == []


async def test_while_the_workspace_rests_the_answer_comes_without_a_call() -> None:
    world = World()
    world.pipelines.script(THROTTLED)
    wire = Wire(world)
    await wire.create()
    world.clock.advance(4.0)

    again, other = await wire.create(), await wire.create(request_id="other")

    assert (again.status, other.status) == (429, 429)
    assert 6 <= int(other.headers["Retry-After"]) <= 7
    assert len(world.pipelines.calls) == 1


async def test_another_process_tells_it_too() -> None:
    world = World()
    await throttled(world)
    world.restart()
    world.pipelines.script(THROTTLED)

    assert (await Wire(world).create()).status == 429
    assert codes(world) == ["Throttled", "Throttled"]


@pytest.mark.parametrize("entry", ["api", "queue"])
async def test_every_entry_point_opens_it_again(entry: str) -> None:
    world = World()
    await throttled(world)

    if entry == "api":
        await world.host.call(a_request(requestId=ID, parameters=None), "call-9")
    else:
        await world.deliver(requestId=ID, parameters={})

    assert codes(world) == ["Throttled", "Started"]
    assert world.results.published[-1].duplicate is False
    assert len(world.pipelines.runs) == 1


async def test_recorded_only_it_is_opened_and_started_from_the_queue() -> None:
    """Its caller is answered at once, so nothing may depend on the process that took it."""
    world = World()
    await throttled(world)
    request = a_request(requestId=ID, parameters=None)

    reception = await world.host.gateway.accept(request, BY_HTTP, "key")
    assert isinstance(reception, Deferred)
    assert (world.record.status, len(world.pipelines.calls)) == (Status.WAITING, 1)
    world.restart()
    await world.drain()

    assert codes(world) == ["Throttled", "Started"]
    assert (world.results.published[-1].duplicate, len(world.pipelines.runs)) == (False, 1)


async def test_other_parameters_don_t_open_it() -> None:
    world = World()
    wire = await throttled(world)

    answer = await wire.create({"day": 2})

    assert (answer.status, answer.code) == (422, "RequestIdConflict")
    assert is_withdrawn(world.record)


async def test_who_may_not_start_the_pipeline_any_more_does_not_open_it() -> None:
    """What was started is never refused afterwards; this was not."""
    world = World()
    wire = await throttled(world)
    world.permitted = False

    answer = await wire.create()

    assert (answer.status, answer.code) == (403, "NotPermitted")
    assert is_withdrawn(world.record)


async def test_secrets_come_again_with_the_call_that_opens_it() -> None:
    world = World()
    world.pipelines.script(THROTTLED)
    wire = Wire(world)
    await wire.create({"password": "hunter22"})
    assert b"hunter22" not in world.record.request
    world.clock.advance(60.0)

    answer = await wire.create({"password": "hunter22"})

    assert answer.status == 202
    assert world.pipelines.calls[-1].parameters == b'{"password": "hunter22"}'


async def test_without_a_token_nothing_was_started_either() -> None:
    world = World()
    world.pipelines.no_token = NO_TOKEN
    wire = Wire(world)

    answer = await wire.create()

    assert (answer.status, answer.code) == (503, "GatewayUnavailable")
    assert int(answer.headers["Retry-After"]) >= 2
    assert is_withdrawn(world.record)
    assert world.requests.messages == []
    world.pipelines.no_token = None
    assert (await wire.create()).status == 202


async def test_an_operator_s_rerun_is_the_next_generation() -> None:
    world = World()
    wire = await throttled(world)

    await world.host.operations.rerun(ID, 2, world.record.delivery, "key")
    answer = await wire.create()

    assert (world.record.generation, answer.body["runId"]) == (2, world.record.run_id)
    assert len(world.pipelines.runs) == 1


# A process dies on the way.


async def test_dying_before_the_result_is_out_leaves_the_recovery_message_to_tell_it() -> None:
    world = World()
    world.pipelines.script(THROTTLED)
    world.results.mishaps.fail("publish")

    with pytest.raises(StorageUnavailable):
        await Wire(world).create()
    world.restart()
    await world.drain()

    assert codes(world) == ["Throttled"]
    assert world.pipelines.runs == []


async def test_dying_while_it_is_opened_again_ends_in_one_run() -> None:
    world = World()
    wire = await throttled(world)

    def die(call: CreateRun) -> Reply:
        world.pipelines.start(call)
        raise KeyboardInterrupt

    world.pipelines.script(die)
    with pytest.raises(KeyboardInterrupt):
        await wire.create()
    world.restart()
    await world.drain()

    assert world.record.status is Status.STARTED
    assert len(world.pipelines.runs) == 1
    assert codes(world) == ["Throttled", "Started"]


async def test_two_calls_that_open_it_at_once_end_in_one_run() -> None:
    world = World()
    wire = await throttled(world)
    told: list[int] = []

    async def another() -> None:
        told.append((await wire.create()).status)

    world.records.mishaps.meanwhile("update", another)

    answer = await wire.create()

    assert (answer.status, told) == (202, [202])
    assert len(world.pipelines.runs) == 1


async def test_looks_that_rest_say_nothing_of_a_start_without_a_token() -> None:
    world = World()
    wire = Wire(world)
    world.host.gateway._runner.throttle.looks(ENDPOINT).rest(300.0)
    world.pipelines.no_token = NO_TOKEN

    answer = await wire.create()

    assert (answer.status, answer.code) == (503, "GatewayUnavailable")


async def test_where_lost_calls_are_sent_again_no_single_run_is_promised() -> None:
    world = World(UNKNOWN_OUTCOME="resend", echoes=False)

    def start_unseen(call: CreateRun) -> Reply:
        world.pipelines.start(call)
        return Unknown(error=ERROR)

    world.pipelines.script(start_unseen, Throttled(error=ERROR, retry_after=500.0))

    answer = await Wire(world).create()

    assert (answer.status, answer.code) == (504, "OutcomeUnknown")
    assert "at most one run" not in answer.text
