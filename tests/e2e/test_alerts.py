"""What each alert asks for, brought about in a running app: the lines that its query looks for are written.

The app runs in Microsoft's worker library, and its lines are read from the host's output. The queries themselves are
checked by tests/infra/test_queries.py; here every event, field and value that they name is seen.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.queue.aio import QueueClient

from local import stack
from local.faults import Cut
from local.synapse.faults import Answer, Point
from tests import log_lines
from tests.e2e.outside import Outside, eventually, outside
from tests.log_lines import Line, Part

SETTINGS = {"SETTLE_SECONDS": "1"}
THROTTLED = Answer(status=429, headers={"Retry-After": "1"}, content={"error": {"code": "429"}})


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[stack.Stack]:
    async with stack.running(env=SETTINGS) as started:
        yield started


Told = Callable[[], list[Line]]


async def poison(world: Outside, running: stack.Stack, told: Told) -> None:
    async with QueueClient.from_connection_string(running.storage, "run-requests-poison") as queue:
        await queue.send_message(json.dumps({"pipelineName": "copyOrders", "requestId": "p-1"}))
    await world.results("p-1")


async def not_ended(world: Outside, running: stack.Stack, told: Told) -> None:
    due = datetime.now(UTC) + timedelta(days=1)
    body = {"pipelineName": "copyOrders", "requestId": "w-1", "notBefore": due.isoformat()}
    await world.put(body)
    await world.put({"pipelineName": "copyOrders", "requestId": "w-2"})
    await world.results("w-2")
    await seen(told, "delivery_deferred", requestId="w-1")


async def outcome_unknown(world: Outside, running: stack.Stack, told: Told) -> None:
    # Not created, and the workspace is not known to keep ids: nothing can tell.
    await world.synapse.settings(echo=False)
    await world.synapse.fault(Cut(), at=Point.RECEIVED, operation="createRun")
    await world.put({"pipelineName": "copyOrders", "requestId": "u-1"})
    await world.results("u-1")
    await world.synapse.settings(echo=True)


async def failed_starts(world: Outside, running: stack.Stack, told: Told) -> None:
    await world.put({"pipelineName": "copyOrders", "requestId": "f-1"})
    await world.put({"pipelineName": "noSuchPipeline", "requestId": "f-2"})
    await world.results("f-1")
    await world.results("f-2")


async def throttled(world: Outside, running: stack.Stack, told: Told) -> None:
    await world.synapse.fault(THROTTLED, operation="createRun", times=1)
    await world.put({"pipelineName": "copyOrders", "requestId": "t-1"})
    await world.results("t-1")


async def not_ready(world: Outside, running: stack.Stack, told: Told) -> None:
    await world.synapse.settings(identity_down=True, refuse_tokens="issued")
    await world.put({"pipelineName": "copyOrders", "requestId": "n-1"})  # its token is refused
    await seen(told, "delivery_deferred", requestId="n-1")
    await world.http.get("/api/health/ready")
    await world.synapse.settings(identity_down=False, refuse_tokens="none")
    await world.results("n-1")


async def http_5xx(world: Outside, running: stack.Stack, told: Told) -> None:
    await world.synapse.settings(echo=False)
    await world.synapse.fault(Cut(), at=Point.RECEIVED, operation="createRun")
    body = {"pipelineName": "copyOrders", "requestId": "h-1"}
    answer = await world.http.post("/api/runs", json=body, headers={"Prefer": "wait=20"})
    assert answer.status_code == 504
    await world.synapse.settings(echo=True)


CONDITIONS = {
    "poison": poison,
    "not-ended": not_ended,
    "outcome-unknown": outcome_unknown,
    "failed-starts": failed_starts,
    "throttled": throttled,
    "not-ready": not_ready,
    "token-failures": not_ready,
    "http-5xx": http_5xx,
}


async def seen(told: Told, event: str, **fields: str) -> None:
    async def look() -> bool | None:
        return (
            any(one.event == event and fields.items() <= one.fields.items() for one in told())
            or None
        )

    await eventually(look, f"{event} {fields}")


def looked_for(part: Part, lines: list[Line]) -> None:
    """Hold a use of the lines in a query to what was written: each event, field and value has been."""
    of_it = [one for one in lines if one.event in part.events]
    assert {one.event for one in of_it} & part.events
    assert part.fields <= {name for one in of_it for name in one.fields}
    for name, values in part.values.items():
        assert values & {one.fields[name] for one in of_it if name in one.fields}, name


@pytest.mark.parametrize("name", CONDITIONS)
async def test_the_lines_that_an_alert_looks_for_are_written(
    running: stack.Stack, name: str
) -> None:
    before = len(running.host.output())

    def told() -> list[Line]:
        return log_lines.read(running.host.output()[before:])

    async with outside(
        url=running.url, storage=running.storage, synapse=running.synapse.url
    ) as world:
        await CONDITIONS[name](world, running, told)

    lines = told()
    known = log_lines.documented()
    for line in lines:
        assert line.fields.keys() <= known[line.event]
    parts = log_lines.parts((log_lines.QUERIES / f"{name}.kql").read_text())
    assert parts
    for part in parts:
        looked_for(part, lines)
