"""What becomes of a message that the platform gave up on."""

import json

import pytest

from shared.kernel.errors import RecordUnreadable, StorageUnavailable
from shared.ports import Conflict
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Record, Status, withdraw
from shared.runs.request import Resume
from shared.synapse.reply import Throttled
from tests.scenarios.world import World, a_request, later
from tests.unit.builders import ERROR


async def poison(world: World, body: bytes, message_id: str = "p-1") -> None:
    await world.host.poison.receive(body, message_id)


async def test_a_finished_request_gets_its_answer() -> None:
    world = World()
    await world.deliver()

    await poison(world, a_request().to_json())

    assert world.results.published[1].run_id == world.record.run_id
    assert len(world.pipelines.calls) == 1


async def test_an_open_request_is_taken_up_again() -> None:
    world = World()
    await world.deliver(notBefore=later(world, 3600))

    await poison(world, a_request().to_json())
    await world.drain()

    assert {result.source for result in world.results.published} == {"queue", "poison"}
    assert len(world.pipelines.runs) == 1


async def test_a_request_without_a_record_was_never_sent_and_a_late_original_finds_that() -> None:
    world = World()

    await poison(world, a_request().to_json())
    await world.deliver("m-1")

    assert world.record.status is Status.REJECTED
    assert [r.error and r.error.code for r in world.results.published] == ["DeliveryExhausted"] * 2
    assert world.pipelines.calls == []


async def test_another_request_under_the_same_id_is_a_conflict() -> None:
    world = World()
    await world.deliver()

    await poison(world, a_request(parameters={"day": 2}).to_json())

    error = world.results.published[1].error
    assert error is not None
    assert error.code == "RequestIdConflict"


async def test_a_request_without_an_id_may_have_a_run() -> None:
    world = World()

    await poison(world, b'{"pipelineName": "copy"}')

    assert (world.result.status, world.result.request_id) == ("Failed", "msg-p-1")
    assert world.result.error is not None
    assert "a run may exist" in world.result.error.message
    assert "--record msg-p-1 --as" in world.result.error.message
    assert world.record.request == b'{"pipelineName":"copy","requestId":"msg-p-1"}'


async def test_the_same_copy_twice_is_the_same_news() -> None:
    world = World()

    await poison(world, b'{"pipelineName": "copy"}')
    await poison(world, b'{"pipelineName": "copy"}')

    assert len({result.result_id for result in world.results.published}) == 1


async def test_what_can_not_be_read_is_rejected() -> None:
    world = World()

    await poison(world, b"no json")

    assert world.result.error is not None
    assert world.result.error.code == "InvalidJson"


async def test_our_own_message_for_an_open_request_goes_back() -> None:
    world = World()
    await world.deliver(notBefore=later(world, 3600))
    (own,) = world.requests.messages
    world.requests.messages = []

    await poison(world, own.resume.to_json().encode())
    await world.drain()

    assert (world.record.status, world.result.source) == (Status.STARTED, "queue")


async def test_our_own_message_for_a_finished_request_is_answered() -> None:
    world = World()
    await world.deliver()
    owed = Delivery(id="h-1", source=Source.HTTP)

    await poison(world, Resume(resume="order-17", delivery=owed).to_json().encode())

    assert world.results.published[1].duplicate


async def test_an_unknown_workspace_still_gets_its_record() -> None:
    world = World()

    await poison(world, a_request(workspace="gone").to_json())

    assert (world.record.workspace, world.record.endpoint) == ("gone", "")


async def test_a_record_that_can_not_be_read_is_never_run_again() -> None:
    world = World()
    await world.deliver()
    world.records.row("order-17")["schemaVersion"] = 99

    with pytest.raises(RecordUnreadable):
        await world.deliver("m-2")
    await poison(world, a_request().to_json())

    told = world.results.published[1]
    assert told.error is not None
    assert (told.status, told.error.code) == ("Failed", "GatewayUnavailable")
    codes = [entry.error and entry.error.code for entry in world.audit.entries]
    assert codes == [None, "GatewayUnavailable", "GatewayUnavailable"]
    assert len(world.pipelines.calls) == 1


async def test_an_answer_names_the_sender_s_correlation_and_trace() -> None:
    world = World()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    named = {"pipelineName": "copy", "correlationId": "c-1", "traceparent": trace}

    await poison(world, json.dumps(named).encode(), "p-1")
    await poison(world, json.dumps(named | {"requestId": "a"}).encode(), "p-2")
    await poison(world, json.dumps(named | {"requestId": "b", "typo": 1}).encode(), "p-3")

    told = [(result.correlation_id, result.traceparent) for result in world.results.published]
    assert told == [("c-1", trace)] * 3


async def test_a_withdrawn_request_is_answered_and_not_opened_again() -> None:
    """Nothing is ever sent from here."""
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=30.0))
    await world.deliver()
    stored = await world.records.get("order-17")
    assert stored is not None
    await world.records.update(stored, withdraw(stored.record, ERROR, 30.0, world.clock.now()))
    world.clock.advance(60.0)

    await poison(world, a_request().to_json())

    assert (world.record.status, world.result.status) == (Status.FAILED, "Failed")
    assert len(world.pipelines.calls) == 1


async def test_a_record_that_goes_while_it_is_looked_at_is_no_leave_to_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()

    async def insert(_: Record) -> Conflict:
        return Conflict(stored=None)

    monkeypatch.setattr(world.records, "insert", insert)

    with pytest.raises(StorageUnavailable):
        await poison(world, a_request().to_json())

    assert world.pipelines.calls == []
