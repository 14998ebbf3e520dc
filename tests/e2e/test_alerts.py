"""What each alert asks for, brought about in a running app: the lines that its query looks for are written.

The app runs in Microsoft's worker library, and its lines are read from the host's output. The queries themselves are
checked by tests/infra/test_queries.py; here every event, field and value that they name is seen.
"""

import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from azure.storage.queue.aio import QueueClient

from local import process, stack
from local.faults import Cut
from local.synapse.faults import Answer
from local.synapse.settings import Access
from tests import log_lines
from tests.e2e.callers import gateway
from tests.e2e.outside import Outside, eventually, outside
from tests.log_lines import Line, Part

SETTINGS = {"SETTLE_SECONDS": "1", "FOLLOW_SECONDS": "1"}
THROTTLED = Answer(status=429, headers={"Retry-After": "1"}, content={"error": {"code": "429"}})


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[stack.Stack]:
    async with stack.running(env=SETTINGS) as started:
        yield started


class Scene:
    """A running app, and the lines that it writes from now on."""

    def __init__(self, running: stack.Stack, world: Outside) -> None:
        self.running = running
        self.world = world
        self.synapse = world.synapse
        self._before = len(running.host.output())
        self._others = ""

    async def ask(self, until: str = "delivery_ended", **fields: str) -> None:
        """Put a request on the queue, and wait for a line of it."""
        body = {"pipelineName": "copyOrders", "requestId": f"alert-{uuid.uuid4()}"} | fields
        await self.world.put(body)
        await self.seen(until, requestId=body["requestId"])

    async def poison(self, **body: str) -> None:
        poisoned = QueueClient.from_connection_string(self.running.storage, "run-requests-poison")
        async with poisoned as queue:
            await queue.send_message(json.dumps(body))

    async def seen(self, event: str, **fields: str) -> None:
        async def look() -> bool | None:
            lines = [one for one in self.lines() if one.event == event]
            return any(fields.items() <= one.fields.items() for one in lines) or None

        await eventually(look, f"{event} {fields}")

    @asynccontextmanager
    async def another_host(self) -> AsyncIterator[process.Child]:
        async with gateway(self.running, "alerts") as host:
            yield host
            self._others += host.output()

    def lines(self) -> list[Line]:
        told = self.running.host.output()[self._before :] + self._others
        assert "outside a function) run_gateway." not in told  # Azure would drop such a line
        return log_lines.read(told)


async def poison(scene: Scene) -> None:
    await scene.poison(pipelineName="copyOrders", requestId="p-1")
    await scene.seen("delivery_ended", requestId="p-1")
    await scene.poison(resume="p-1")
    await scene.seen("poison_received", requestId="p-1", round="0")


async def not_ended(scene: Scene) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await scene.ask("delivery_deferred", notBefore=tomorrow.isoformat())
    await scene.ask()


async def outcome_unknown(scene: Scene) -> None:
    await lose_answers(scene)
    await scene.ask()
    await scene.synapse.settings(echo=True)


async def http_5xx(scene: Scene) -> None:
    await lose_answers(scene)
    body = {"pipelineName": "copyOrders", "requestId": f"alert-{uuid.uuid4()}"}
    answer = await scene.world.http.post("/api/runs", json=body, headers={"Prefer": "wait=30"})
    assert answer.status_code == 504
    await scene.synapse.settings(echo=True)


async def lose_answers(scene: Scene) -> None:
    """Cut the next createRun in a workspace that is known to give runs other ids: nothing can tell what came of it."""
    await scene.synapse.settings(echo=False)
    await scene.ask()
    await scene.synapse.fault(Cut(), operation="createRun")


async def failed_starts(scene: Scene) -> None:
    await scene.ask()
    await scene.ask(pipelineName="noSuchPipeline")


async def throttled(scene: Scene) -> None:
    await scene.synapse.fault(THROTTLED, operation="createRun")
    await scene.ask()


async def not_ready(scene: Scene) -> None:
    """The hourly timer logs it, though nobody asks the route."""
    await scene.synapse.settings(identity_down=True)
    async with scene.another_host() as host, httpx.AsyncClient(timeout=60) as client:
        started = await client.post(f"{host.url}/admin/functions/forget", json={"input": ""})
        assert started.status_code == 202

        async def look() -> bool | None:
            return "run_gateway.retention_swept" in host.output() or None

        await eventually(look, "an end of the timer's work")
    await scene.synapse.settings(identity_down=False)


async def token_failures(scene: Scene) -> None:
    await scene.synapse.settings(identity_down=True)
    async with scene.another_host() as host, httpx.AsyncClient(timeout=60) as client:
        assert (await client.get(f"{host.url}/api/health/ready")).status_code == 503
    await scene.synapse.settings(identity_down=False)
    await scene.ask()
    await scene.synapse.settings(refuse_tokens="issued")
    await scene.ask()
    await scene.synapse.settings(refuse_tokens="none")


async def runs_not_ended(scene: Scene) -> None:
    await scene.ask("outcome_ended")


async def looks_failing(scene: Scene) -> None:
    await scene.synapse.settings(access={"*": Access(monitor=False)})
    await scene.ask()
    await scene.seen("looks_refused")
    await scene.synapse.settings(access={})


CONDITIONS = {
    "poison": poison,
    "not-ended": not_ended,
    "outcome-unknown": outcome_unknown,
    "failed-starts": failed_starts,
    "throttled": throttled,
    "not-ready": not_ready,
    "token-failures": token_failures,
    "http-5xx": http_5xx,
    "runs-not-ended": runs_not_ended,
    "looks-failing": looks_failing,  # the last one: looks rest for an hour then
}


def looked_for(part: Part, lines: list[Line]) -> None:
    """Hold a use of the lines in a query to what was written: event, fields and values."""
    of_it = [one for one in lines if one.event in part.events or not part.events]
    assert of_it
    assert part.fields <= {name for one in of_it for name in one.fields}
    for name, values in part.values.items():
        assert values & {one.fields.get(name) for one in of_it}, name


def test_each_alert_has_its_condition() -> None:
    text = (log_lines.ROOT / "infra" / "modules" / "log-alerts.bicep").read_text()

    assert set(re.findall(r"'\.\./queries/([\w-]+)\.kql'", text)) == set(CONDITIONS)


async def test_the_lines_of_the_other_queries_are_written(running: stack.Stack) -> None:
    addresses = {"url": running.url, "storage": running.storage, "synapse": running.synapse.url}
    async with outside(**addresses) as world:
        scene = Scene(running, world)
        await throttled(scene)
        await outcome_unknown(scene)
        await runs_not_ended(scene)
        lines = scene.lines()

    for name in ("request", "deliveries", "codes", "durations", "outcomes"):
        (part,) = log_lines.parts((log_lines.QUERIES / f"{name}.kql").read_text())
        looked_for(part, lines)


@pytest.mark.parametrize("name", CONDITIONS)
async def test_the_lines_that_an_alert_looks_for_are_written(
    running: stack.Stack, name: str
) -> None:
    addresses = {"url": running.url, "storage": running.storage, "synapse": running.synapse.url}
    async with outside(**addresses) as world:
        scene = Scene(running, world)
        await CONDITIONS[name](scene)
        lines = scene.lines()

    known = log_lines.documented()
    for line in lines:
        assert line.fields.keys() <= known[line.event]
    parts = log_lines.parts((log_lines.QUERIES / f"{name}.kql").read_text())
    assert parts
    for part in parts:
        looked_for(part, lines)
