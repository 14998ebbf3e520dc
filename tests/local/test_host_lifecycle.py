"""How the local host begins and ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from local import process
from local.azurite import server
from tests.local.host_app.serving import Queues, host


@pytest.fixture(scope="module")
async def azurite() -> AsyncIterator[server.Azurite]:
    async with server.running() as running:
        yield running


async def status(child: process.Child, path: str) -> int:
    async with aiohttp.ClientSession(child.url) as caller, caller.get(path) as response:
        return response.status


async def test_running_invocations_are_waited_for(azurite: server.Azurite) -> None:
    async with host(azurite.connection_string) as child, Queues(azurite) as queues:
        running = asyncio.create_task(status(child, "/slow?seconds=0.8"))
        await queues.send("tasks", {"mark": "ending", "sleep": 0.8})
        await asyncio.sleep(0.4)

        assert await child.stop() == 0
        assert await running == 200
        assert "printed at import" in child.output()  # and not where the port is announced
        assert await queues.told(mark="ending")
        await queues.empties("tasks")


async def test_what_outlasts_the_grace_is_left(azurite: server.Azurite) -> None:
    async with host(azurite.connection_string, "--grace", "0.3") as child:
        running = asyncio.create_task(status(child, "/blocked?seconds=30"))
        await asyncio.sleep(0.3)

        assert await asyncio.wait_for(child.stop(), 3) == 0
        assert "did not end within 0.3 s" in child.output()
        with pytest.raises(aiohttp.ClientError):
            await running


APP = """import azure.functions as func
app = func.FunctionApp()
@app.route("{route}")
{output}
async def served(req: func.HttpRequest, out: func.Out[str]) -> str:
    return ""
"""
OUTPUT = '@app.queue_output("out", queue_name="told", connection="TestStorage")'


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            APP.format(route="runs", output=OUTPUT),
            "served: this host serves no output bindings, such as queue out",
        ),
        (
            APP.replace(", out: func.Out[str]", "").format(route="runs/{id:guid}", output=""),
            "route segment '{id:guid}' can't be read",
        ),
    ],
    ids=["output binding", "route constraint"],
)
async def test_an_app_that_needs_what_this_host_lacks_is_refused(
    tmp_path: Path, source: str, says: str
) -> None:
    (tmp_path / "function_app.py").write_text(source)

    with pytest.raises(process.NotServing, match="exit code 1") as fault:
        await process.start(process.module("local.host", "--port", "0", "--app", str(tmp_path)))

    assert says in str(fault.value)


async def test_an_app_that_can_not_be_indexed_says_why(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text("import nothing_of_this_name")

    with pytest.raises(process.NotServing, match="exit code 1") as fault:
        await process.start(process.module("local.host", "--port", "0", "--app", str(tmp_path)))

    assert "IndexingFailed: ModuleNotFoundError: No module named 'nothing" in str(fault.value)
