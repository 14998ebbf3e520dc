"""The definitions of docs/orchestrators.md, played over HTTP by what behaves as the services that they are for."""

import asyncio
import base64
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from azure.storage.queue.aio import QueueClient

from local import process, stack
from tests.e2e.callers import gateway
from tests.e2e.outside import Outside, eventually

KEY = "first"
OUTCOMES = "outcomes-of-recipes"
PAGE = (stack.ROOT / "docs" / "orchestrators.md").read_text()
SAMPLE = stack.ROOT / "samples" / "clients" / "outcomes.py"


@pytest.fixture(scope="module")
async def host(running: stack.Stack) -> AsyncIterator[process.Child]:
    changes = {"FOLLOW_SECONDS": "1", "RUN_OUTCOMES_QUEUE": OUTCOMES}
    async with gateway(running, "recipes", "--keys", KEY, **changes) as started:
        yield started


@dataclass(frozen=True, kw_only=True)
class Step:
    """How a step of an orchestrator ended."""

    succeeded: bool
    output: Mapping[str, Any]
    polls: list[httpx.Request]


def definition(kind: str, host: process.Child, run: str, pipeline: str) -> Any:
    """Read a step's definition from the page, with its expressions evaluated, for this gateway and pipeline."""
    blocks = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (text,) = [block for block in blocks if f'"type": "{kind}"' in block]
    for given, value in (
        ("https://my-gateway.azurewebsites.net", host.url),
        ("@pipeline().parameters.gatewayKey", KEY),
        ("@parameters('gatewayKey')", KEY),
        ("@{pipeline().RunId}", run),
        ("@{workflow().run.name}", run),
        ("@{pipeline().parameters.day}", "2026-11-24"),
        ("@{parameters('day')}", "2026-11-24"),
        ("copyOrders", pipeline),
    ):
        text = text.replace(given, value)
    assert "@" not in text
    return json.loads(text)


async def web_activity(step: Any) -> Step:
    """Do as Data Factory's Web activity.

    It follows a 202's Location by GET until 200, and needs JSON objects (learn: control-flow-web-activity, 10/2023).
    Where nothing is known of it, the worst: no header but its own is sent with polls, Retry-After is ignored, nothing is
    tried again, and only 200 is success.
    """
    call, polls = step["typeProperties"], []
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.request(
            call["method"], call["url"], headers=call["headers"], json=call["body"]
        )
        while answer.status_code == 202:
            assert isinstance(answer.json(), dict)
            await asyncio.sleep(0.2)
            answer = await client.get(absolute(answer))
            polls.append(answer.request)
    return Step(succeeded=answer.status_code == 200, output=answer.json(), polls=polls)


async def http_action(step: Any) -> Step:
    """Do as Logic Apps' HTTP action, whose polls have none of the action's headers, as Power Automate's.

    It polls until the status is not 202, each time after Retry-After, in seconds, else 20 s (learn:
    logic-apps-create-api-app), and tries 408, 429 and 5xx four times more (learn: logic-apps-exception-handling).
    """
    call, polls, again = step["inputs"], [], 4
    async with httpx.AsyncClient(timeout=120) as client:
        answer = await client.request(
            call["method"],
            call["uri"],
            params=call["queries"],
            headers=call["headers"],
            json=call["body"],
        )
        while answer.status_code == 202 or (is_transient(answer.status_code) and again):
            again -= is_transient(answer.status_code)
            url = absolute(answer) if answer.status_code == 202 else str(answer.url)
            await asyncio.sleep(int(answer.headers.get("Retry-After", "20")))
            answer = await client.get(url)
            polls.append(answer.request)
    return Step(succeeded=answer.status_code < 300, output=answer.json(), polls=polls)


def is_transient(status: int) -> bool:
    return status in {408, 429} or status >= 500


def absolute(answer: httpx.Response) -> str:
    url = urlsplit(answer.headers["Location"])
    assert url.scheme
    assert url.netloc
    return url.geturl()


@pytest.mark.parametrize(("kind", "play"), [("WebActivity", web_activity), ("Http", http_action)])
async def test_a_step_ends_as_its_run_does(
    host: process.Child, world: Outside, kind: str, play: Callable[[Any], Any]
) -> None:
    """And a step that is tried again ends in the same way, without another run."""
    succeeds = definition(kind, host, f"{kind}-17", "copyOrders")
    fails = definition(kind, host, f"{kind}-18", "failsLater")

    first, second = await asyncio.gather(play(succeeds), play(fails))
    again = await play(fails)

    assert (first.succeeded, first.output["outcome"]) == (True, "Succeeded")
    assert (second.succeeded, second.output["outcome"]) == (False, "Failed")
    assert "dbo.Orders" in second.output["error"]["message"]
    assert again.output == second.output
    assert [poll.headers.get("x-functions-key") for poll in first.polls] == [None] * len(
        first.polls
    )
    assert first.polls
    run = await world.synapse.run(first.output["runId"])
    assert run.parameters["day"] == "2026-11-24"


async def test_a_reader_of_the_queue_takes_each_end_once(
    host: process.Child, running: stack.Stack, tmp_path: Path
) -> None:
    """Although each comes twice, and again to a reader that was started anew."""
    step = definition("WebActivity", host, "read-from-queue", "copyOrders")
    ended = await web_activity(step)
    wanted = ended.output["outcomeId"]
    async with QueueClient.from_connection_string(running.storage, OUTCOMES) as queue:

        async def look() -> str | None:
            shown = await queue.peek_messages(max_messages=32)
            return next((one.content for one in shown if wanted in decoded(one.content)), None)

        message = await eventually(look, "an outcome on the queue")
        await queue.send_message(message)
        taken = await read(running, tmp_path)
        await queue.send_message(message)
        later = await read(running, tmp_path)

    assert [one["outcomeId"] for one in taken].count(wanted) == 1
    assert next(one for one in taken if one["outcomeId"] == wanted)["outcome"] == "Succeeded"
    assert wanted not in {one["outcomeId"] for one in later}


def decoded(content: str) -> str:
    return base64.b64decode(content).decode()


async def read(running: stack.Stack, directory: Path) -> list[dict[str, Any]]:
    """Run the sample until the queue has been empty for a while."""
    command = [str(SAMPLE), running.storage, "--queue", OUTCOMES, "--idle", "2"]
    reader = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, "--ends", str(directory / "ends.db")),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await reader.communicate()
    assert reader.returncode == 0
    return [json.loads(line) for line in said.splitlines()]
