"""`make requeue`, as an operator runs it: against the storage that the settings name."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient

from local import process, stack
from tests.e2e.outside import Outside

QUEUE = "requeued-requests"
COMMAND = (sys.executable, "-m", "shared.commands.requeue")


@dataclass(frozen=True, slots=True)
class Site:
    """A deployment of its own, whose poison trigger is off, and an operator's shell."""

    values: dict[str, str]
    poison: QueueClient

    async def run(self, *arguments: str) -> tuple[int, str]:
        done = await asyncio.to_thread(
            subprocess.run,
            (*COMMAND, *arguments),
            check=False,
            cwd=stack.ROOT,
            env=os.environ | self.values,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout.strip()


@pytest.fixture(scope="module")
async def site(running: stack.Stack) -> AsyncIterator[Site]:
    values = stack.settings(storage=running.storage, synapse=running.synapse.url)
    values |= {"RUN_REQUESTS_QUEUE": QUEUE, "RUNS_TABLE": "runsrequeue"}
    values |= {"AzureWebJobs.answer_poison.Disabled": "true"}
    poison = QueueClient.from_connection_string(running.storage, f"{QUEUE}-poison")
    async with process.running(stack.host_command(), env=values), poison:
        with suppress(ResourceExistsError):
            await poison.create_queue()  # the platform does with the first message
        yield Site(values, poison)


async def test_what_names_its_request_goes_back_and_is_started_once(
    site: Site, world: Outside
) -> None:
    request = json.dumps({"pipelineName": "copyOrders", "requestId": "requeued-1"})
    for _ in range(2):
        await site.poison.send_message(request)
    nameless = await site.poison.send_message(json.dumps({"pipelineName": "copyOrders"}))

    code, said = await site.run()

    assert (code, said.splitlines()[0]) == (0, "2 messages put back, 1 stays:")
    assert f"  {nameless.id}: a request for 'copyOrders' without a requestId" in said
    results = await world.results("requeued-1", expected=2)
    assert {result["status"] for result in results} == {"Started"}
    assert len({result["runId"] for result in results}) == 1


async def test_a_record_that_nobody_gave_up_on_stays_where_it_is(site: Site) -> None:
    code, said = await site.run("--record", "msg-nowhere", "--as", "requeued-2")

    assert (code, said) == (1, "No request 'msg-nowhere' is recorded.")


async def test_where_nothing_was_ever_given_up_on_there_is_nothing_to_put_back(site: Site) -> None:
    elsewhere = Site(site.values | {"RUN_REQUESTS_QUEUE": "quiet-requests"}, site.poison)

    assert await elsewhere.run() == (0, "0 messages put back.")


async def test_it_needs_the_storage_and_no_other_setting(site: Site) -> None:
    others = {"SYNAPSE_ENDPOINT": "", "GATEWAY_CONFIG": "nowhere.json", "MAX_ATTEMPTS": "many"}
    elsewhere = Site(site.values | others | {"RUN_REQUESTS_QUEUE": "quiet-requests"}, site.poison)

    assert await elsewhere.run() == (0, "0 messages put back.")


async def test_without_settings_it_says_which_are_missing(site: Site) -> None:
    code, said = await Site({"RunStorage": ""}, site.poison).run()

    assert code == 1
    assert said.startswith("RunStorage: Set a connection string here, or ")
    assert "SYNAPSE_ENDPOINT" not in said
