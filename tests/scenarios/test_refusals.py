"""createRun is refused: the caller gets Synapse's status, whatever the body looks like, and what it says."""

import pytest

from shared.synapse import reply
from shared.synapse.reply import Answer, Refused, Reply
from tests.scenarios.api import Answer as Answered, Api
from tests.scenarios.wire import Wire
from tests.scenarios.world import World

#: A refusal's status and body, and what its caller reads of it.
REFUSALS = [
    (
        403,
        b"<html><title>403 Forbidden</title><h1>Web Application Firewall</h1></html>",
        "Firewall",
    ),
    (404, b"", "HTTP 404 without a body"),
    (404, b" \r\n", "HTTP 404 without a body"),
    (413, b"Request body too large.", "body too large"),
    (400, b'{"Message": "The request is invalid."}', "The request is invalid."),
    (
        422,
        b'{"type": "about:blank", "title": "Unprocessable", "status": 422, "detail": "No day."}',
        "Unprocessable: No day.",
    ),
]


def answering(status: int, body: bytes) -> Reply:
    answer = Answer(status=status, headers={}, body=body)
    return reply.read_create_run(
        answer, sent="0f8fad5b-d9cb-469f-a165-70867728950e", now=World().clock.now()
    )


async def ask(world: World, *, wire: bool) -> Answered:
    return await (Wire(world).create() if wire else Api(world).start())


@pytest.mark.parametrize("wire", [False, True], ids=["api", "wire"])
@pytest.mark.parametrize(("status", "body", "told"), REFUSALS)
async def test_a_refusal_without_a_code_keeps_its_status(
    status: int, body: bytes, told: str, wire: bool
) -> None:
    world = World()
    refused = answering(status, body)
    assert isinstance(refused, Refused)
    world.pipelines.script(refused)

    answer = await ask(world, wire=wire)

    assert (answer.status, answer.code) == (status, "UnreadableResponse")
    assert told in answer.body["error"]["message"]
    again = await ask(world, wire=wire)
    assert (again.status, again.code) == (status, "UnreadableResponse")


@pytest.mark.parametrize("wire", [False, True], ids=["api", "wire"])
async def test_a_401_without_a_code_is_a_403(wire: bool) -> None:
    """The token was the gateway's; a caller who reads 401 would look for the fault in its own."""
    world = World()
    unauthorized = answering(401, b"<h1>Unauthorized</h1>")
    world.pipelines.script(unauthorized, unauthorized)

    answer = await ask(world, wire=wire)

    assert (answer.status, answer.code) == (403, "UnreadableResponse")


@pytest.mark.parametrize("wire", [False, True], ids=["api", "wire"])
async def test_a_redirect_is_no_status_that_a_caller_can_use(wire: bool) -> None:
    world = World()
    world.pipelines.script(answering(302, b""))

    answer = await ask(world, wire=wire)

    assert (answer.status, answer.code) == (502, "UnreadableResponse")
