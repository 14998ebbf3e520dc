"""An event that comes again is answered by the records that it made, whatever its rules have become."""

import json

import azure.functions as func
import pytest

from shared.events import event, rule_engine
from shared.events.event import Event
from shared.kernel.errors import RecordUnreadable
from shared.runs.record import Status
from shared.triggers import queue
from shared.triggers.webhooks import AT_ONCE
from tests.scenarios.event_senders import EVENT, Senders, a_rule
from tests.scenarios.world import World

TOTAL = {"total": {"expression": "data.total", "type": "int"}}
BROKEN = {"total": {"expression": "data.sum", "type": "int"}}
OTHER = {"total": {"value": 7}}
CHANGES = [{"parameters": BROKEN}, {"parameters": OTHER}, {"pipelineName": "other"}]


async def send(senders: Senders, way: str) -> None:
    if way == "hook":
        await senders.sign({"type": "x", "total": 5})
    elif way == "queue":
        await senders.enqueue(EVENT, f"m-{senders.world.clock.monotonic()}")
    else:
        await senders.post(EVENT)


@pytest.mark.parametrize("way", ["webhook", "queue", "hook"])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_started_event_keeps_its_answer_after_its_rule_has_changed(
    change: dict[str, object], way: str
) -> None:
    world = World()
    await send(Senders(world, [a_rule(parameters=TOTAL)]), way)
    await world.drain()

    changed = Senders(world, [a_rule(**{"parameters": TOTAL} | change)])
    changed._calls = 5  # the platform gives each call an id of its own
    world.clock.advance(60.0)
    await send(changed, way)
    await world.drain()

    first, second = world.results.published
    assert (first.status, second.status) == ("Started", "Started")
    assert first.result_id == second.result_id
    assert len(world.pipelines.runs) == 1


@pytest.mark.parametrize("way", ["webhook", "queue", "hook"])
@pytest.mark.parametrize("change", CHANGES)
async def test_an_event_that_still_waits_keeps_its_request_after_its_rule_has_changed(
    change: dict[str, object], way: str
) -> None:
    world = World()
    await send(Senders(world, [a_rule(parameters=TOTAL)]), way)
    assert world.record.status is Status.WAITING

    changed = Senders(world, [a_rule(**{"parameters": TOTAL} | change)])
    changed._calls = 5
    world.clock.advance(1.0)
    await send(changed, way)
    await world.drain()

    assert {result.status for result in world.results.published} == {"Started"}
    (run,) = world.pipelines.runs
    assert (run.call.pipeline_name, run.call.parameters) == ("copy", b'{"total": 5}')


@pytest.mark.parametrize(
    "changes", [{"parameters": BROKEN}, {"workspace": "gone"}], ids=["broken", "unknown workspace"]
)
async def test_each_refusal_that_an_event_gets_is_news_of_its_own(changes: dict[str, str]) -> None:
    """Two rules refuse one event; and one rule two events of one id."""
    world = World()
    senders = Senders(world, [a_rule(name="a", **changes), a_rule(name="b", **changes)])

    await senders.post([EVENT, EVENT | {"source": "/invoices"}])
    await senders.post(EVENT)

    told = {(result.request_id, result.result_id) for result in world.results.published}
    assert len(world.results.published) == 6
    assert len(told) == len({result_id for _, result_id in told}) == 4


def spoil(world: World) -> None:
    """Make the one record unreadable, as a newer version of the app would."""
    world.records.row(world.record.request_id)["schemaVersion"] = 99


async def test_a_record_that_cannot_be_read_keeps_no_other_rule_from_starting() -> None:
    world = World()
    rules = [a_rule(name="a"), a_rule(name="b", pipelineName="other")]
    await Senders(world, rules[:1]).post(EVENT)
    world.requests.messages = []
    spoil(world)

    answer = await Senders(world, rules).post(EVENT)
    with pytest.raises(RecordUnreadable):
        await Senders(world, rules).enqueue(EVENT)
    assert answer.status == 503  # it may come again: a newer version can read the record
    b = rule_engine.request_id("b", _event())
    assert {message.resume.resume for message in world.requests.messages} == {b}
    await world.drain()

    assert [run.call.pipeline_name for run in world.pipelines.runs] == ["other"]


async def test_an_event_on_the_poison_queue_is_answered_although_its_record_cannot_be_read() -> (
    None
):
    """The platform shows a failed message of the poison queue again without an end."""
    world = World()
    rules = [a_rule(name="a"), a_rule(name="b", pipelineName="other")]
    await Senders(world, rules[:1]).post(EVENT)
    world.requests.messages = []
    spoil(world)
    message = func.QueueMessage(id="p-1", body=json.dumps(EVENT).encode())

    senders = Senders(world, rules)
    await queue.receive_poisoned(world.host.poison, message, senders.events.receive_message)
    await world.drain()

    told = {result.request_id: result for result in world.results.published}
    a, b = (told[rule_engine.request_id(rule, _event())] for rule in ("a", "b"))
    assert a.error is not None
    assert (a.status, a.error.code, b.status) == ("Failed", "GatewayUnavailable", "Started")
    assert "a run may exist" in a.error.message
    assert len(world.audit.entries) == len(world.results.published) == 2


def _event() -> Event:
    found = event.read(EVENT)
    assert isinstance(found, Event)
    return found


async def test_many_unreadable_records_in_one_call_keep_no_other_event_from_starting() -> None:
    world = World()
    senders = Senders(world)
    batch = [EVENT | {"id": f"e-{number}"} for number in range(AT_ONCE + 8)]
    await senders.post(batch[:-1])
    world.requests.messages = []
    for record in world.records.all():
        world.records.row(record.request_id)["schemaVersion"] = 99

    answer = await senders.post(batch)
    await world.drain()

    assert (answer.status, len(world.pipelines.runs)) == (503, 1)
