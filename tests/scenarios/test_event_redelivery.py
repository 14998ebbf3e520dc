"""An event that comes again is answered by the records that it made, whatever its rules have become."""

import pytest

from shared.runs.record import Status
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
