"""Every app that is compared answers, by queue and by HTTP: no figure is one of a failure."""

import asyncio
import sys

import aiohttp
import pytest

from bench.apps import APPS, App
from bench.ground import Ground
from bench.posting import post_all


@pytest.mark.parametrize("app", APPS.values(), ids=APPS)
async def test_an_app_starts_one_run_for_a_message_and_one_for_a_call(
    base: Ground, app: App
) -> None:
    before = {run.run_id for run in await base.synapse.runs()}
    queue = f"run-requests-{app.name}"

    async with base.host(app, RUN_REQUESTS_QUEUE=queue) as host, aiohttp.ClientSession() as session:
        await base.storage.ask("put", queue=queue, texts=base.requests(1))
        done = await post_all(session, f"{host.url}/api/runs", base.requests(1), 1)
        async with asyncio.timeout(20):
            while (await base.storage.ask("sizes"))["gone"][queue] < 1:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.05)

    runs = [run for run in await base.synapse.runs() if run.run_id not in before]
    assert len({run.parameters["day"] for run in runs}) == len(runs) == 2
    assert (len(done.latencies), done.repeated) == (1, 0)


async def test_a_worker_imports_nothing_that_its_app_should_import() -> None:
    """Else a cold start would be measured as less than it is."""
    code = (
        "import sys, bench.worker; print([name for name in sys.modules if name.split('.')[0] in "
        "{'aiohttp', 'httpx', 'pydantic', 'jmespath'} or name.startswith(('azure.core', 'azure.data', 'azure.storage'))])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()

    assert out.decode().strip() == "[]"
