"""The samples that people copy work as they are, on the running stack."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator

import pytest

from local import process, stack
from tests.e2e.callers import gateway
from tests.e2e.curl import needs_curl
from tests.e2e.outside import Outside

SAMPLES = stack.ROOT / "samples" / "clients"


@pytest.fixture(scope="module")
async def host(running: stack.Stack) -> AsyncIterator[process.Child]:
    async with gateway(running, "samples", "--keys", "first", FOLLOW_SECONDS="1") as started:
        yield started


def play(url: str, *command: str) -> str:
    values = {"GATEWAY": url, "FUNCTION_KEY": "first", "AZURE_TOKEN_CREDENTIALS": "prod"}
    done = subprocess.run(
        command, env=os.environ | values, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ((sys.executable, str(SAMPLES / "sdk_sync.py"), "copyOrders", "day={day}"), "Succeeded"),
        (
            (sys.executable, str(SAMPLES / "sdk_aio.py"), "copyOrders", "day={day}"),
            "copyOrders Cancel",
        ),
        (
            (sys.executable, str(SAMPLES / "until_outcome.py"), "copyOrders", "day={day}"),
            "Succeeded",
        ),
        pytest.param(
            ("sh", str(SAMPLES / "curl.sh"), "copyOrders", '{{"day": "{day}"}}'),
            '"status":"',
            marks=needs_curl,
        ),
    ],
    ids=["sdk_sync", "sdk_aio", "until_outcome", "curl"],
)
async def test_a_sample_starts_one_run(
    host: process.Child, world: Outside, command: tuple[str, ...], says: str
) -> None:
    day = str(uuid.uuid4())
    filled = (*command[:-1], command[-1].format(day=day))
    said = await asyncio.to_thread(play, host.url, *filled)

    (run,) = [run for run in await world.synapse.runs() if run.parameters.get("day") == day]
    assert run.run_id in said
    assert says in said


async def test_the_sample_that_waits_fails_as_the_run_does(host: process.Child) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(SAMPLES / "until_outcome.py"), "failsLater"],
        env=os.environ | {"GATEWAY": host.url, "FUNCTION_KEY": "first"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "RunFailed" in done.stderr


@needs_curl
@pytest.mark.parametrize(
    ("pipeline", "key", "says"),
    [("noSuchPipeline", "first", '"code":"PipelineNotFound"'), ("copyOrders", "wrong", "401")],
)
async def test_curl_shows_a_refusal_and_fails(
    host: process.Child, pipeline: str, key: str, says: str
) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        ["sh", str(SAMPLES / "curl.sh"), pipeline],
        env=os.environ | {"GATEWAY": host.url, "FUNCTION_KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert says in done.stderr.replace('": "', '":"')
    assert "runId" not in done.stdout
