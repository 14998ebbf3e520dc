"""What the platform gave up on goes back under the id it had."""

import json

import pytest

from shared.gateway.requeue import Nameless, Requeue, Returned
from tests.fakes.queues import FakePoisoned
from tests.scenarios.world import World, a_request


def requeue(world: World, *bodies: bytes) -> tuple[Requeue, FakePoisoned]:
    poisoned = FakePoisoned(list(bodies))
    return Requeue(records=world.records, poisoned=poisoned), poisoned


async def test_every_message_that_names_its_request_goes_back() -> None:
    named, own = a_request().to_json(), b'{"resume": "order-17"}'
    commands, poisoned = requeue(World(), named, b'{"pipelineName": "copy"}', own, b"junk")

    left = (
        Nameless(message_id="1", what="a request for 'copy' without a requestId"),
        Nameless(message_id="3", what="4 bytes that are not a request"),
    )
    assert await commands.all() == Returned(moved=2, left=left)

    assert poisoned.put == [named, own]


async def test_a_request_that_was_started_finds_its_run() -> None:
    world = World()
    await world.deliver("m-1")
    commands, poisoned = requeue(world, a_request().to_json())

    await commands.all()
    await world.host.deliver(poisoned.put[0], "m-2")

    assert len(world.pipelines.runs) == 1
    assert [result.duplicate for result in world.results.published] == [False, True]


async def test_a_request_without_an_id_goes_back_under_a_named_one() -> None:
    world = World()
    await world.host.poison.receive(b'{"pipelineName": "copy", "parameters": {"day": 1}}', "p-1")
    commands, poisoned = requeue(world)

    assert await commands.one("msg-p-1", "order-18") == ""

    (body,) = poisoned.put
    assert json.loads(body) == {
        "pipelineName": "copy",
        "requestId": "order-18",
        "parameters": {"day": 1},
    }


@pytest.mark.parametrize(
    ("record", "request_id", "reason"),
    [
        ("msg-p-1", "a b", "can't be the id"),
        ("msg-p-1", "evt-1", "can't be the id"),
        ("msg-p-9", "order-18", "is recorded"),
        ("order-17", "order-18", "was not given up on"),
        ("msg-p-2", "order-18", "were redacted"),
    ],
)
async def test_what_can_not_go_back_says_why(record: str, request_id: str, reason: str) -> None:
    world = World()
    await world.deliver("m-1")
    await world.host.poison.receive(b'{"pipelineName": "copy"}', "p-1")
    secret = b'{"pipelineName": "copy", "parameters": {"password": "hunter2-hunter2"}}'
    await world.host.poison.receive(secret, "p-2")
    commands, poisoned = requeue(world)

    assert reason in await commands.one(record, request_id)

    assert poisoned.put == []
