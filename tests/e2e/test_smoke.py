"""infra.smoke against the local stack, with an az that sends to its queues: what a person runs after a deployment."""

import asyncio
import json
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient

from infra.smoke.deployment import written
from local import certificate, stack
from local.stack import ROOT
from local.synapse.settings import Access
from tests.e2e.callers import gateway
from tests.e2e.outside import Outside
from tests.infra.clouds import READY, Cloud
from tests.infra.fake_azure import SETTINGS

KEY, SECRET = "the-key-of-the-gateway", "a-secret-of-github-s"
QUEUE = "requests-smoke"
RESULTS = {"RUN_RESULTS_QUEUE": "results-smoke", "RUN_OUTCOMES_QUEUE": "outcomes-smoke"}
EVENT = {
    "id": "replaced",
    "topic": "/…/storageAccounts/landing",
    "eventType": "Microsoft.Storage.BlobCreated",
    "subject": "/blobServices/default/containers/incoming/blobs/orders.csv",
    "eventTime": "2026-11-24T08:41:00Z",
    "data": {"url": "https://landing.blob.core.windows.net/incoming/orders.csv"},
}
PUSH = {"name": "push", "includedEventTypes": ["push"], "pipelineName": "copyOrders"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A clone with a gateway.json of its own, the gateway that runs it, and the cloud that az sees."""

    clone: Path
    cloud: Cloud
    certificate: Path

    async def smoke(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {"SSL_CERT_FILE": str(self.certificate), "HOOK_GITHUB_SECRETS": SECRET}
        command = (sys.executable, "-m", "infra.smoke", "--resource-group", "rg-orders", *arguments)
        return await asyncio.to_thread(self.cloud.run, *command, env=env, cwd=self.clone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The clone and its gateway, which no test changes."""

    clone: Path
    certificate: Path
    state: dict[str, Any]


@pytest.fixture(scope="module")
async def served(
    running: stack.Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("smoke")
    clone = folder / "clone"
    shutil.copytree(ROOT / "infra" / "smoke", clone / "infra" / "smoke")
    shutil.copy(ROOT / "function_app.py", clone)
    config = json.loads((ROOT / "gateway.json").read_text())
    config["rules"].append(PUSH)
    (clone / "gateway.json").write_text(json.dumps(config | {"hooks": {"github": {"scheme": "github"}}}))  # fmt: skip
    for queue in (QUEUE, f"{QUEUE}-poison"):
        async with QueueClient.from_connection_string(running.storage, queue) as client:
            await _made(client)
    file, key = certificate.write(folder)
    # The smoke test looks at the first messages of the results queue alone; other tests leave theirs on the stack's.
    options = {
        "GATEWAY_CONFIG": str(clone / "gateway.json"),
        "HOOK_GITHUB_SECRETS": SECRET,
    } | RESULTS
    tls = ("--tls-cert", str(file), "--tls-key", str(key), "--keys", KEY)
    async with gateway(running, "smoke", *tls, **options) as host:
        url = f"https://127.0.0.1:{host.port}"
        trusted = ssl.create_default_context(cafile=file)
        async with httpx.AsyncClient(base_url=url, verify=trusted) as client:
            indexed = (await client.get("/admin/host/status")).json()["functions"]
        state = deepcopy(READY) | {
            "groups": {"rg-orders": ["app"]},
            "deployed": True,
            "settings": SETTINGS | RESULTS | {"RUN_REQUESTS_QUEUE": QUEUE},
            "functions": indexed,
            "host": url.removeprefix("https://"),
            "key": KEY,
            "storage": running.storage,
        }
        yield Served(clone=clone, certificate=file, state=state)


@pytest.fixture
def deployed(served: Served, tmp_path: Path) -> Deployed:
    cloud = Cloud(tmp_path, deepcopy(served.state))
    return Deployed(clone=served.clone, cloud=cloud, certificate=served.certificate)


async def _made(client: QueueClient) -> None:
    try:
        await client.create_queue()
    except ResourceExistsError:
        return


async def test_every_way_in_is_followed_to_its_run(
    deployed: Deployed, world: Outside, tmp_path: Path
) -> None:
    (tmp_path / "event.json").write_text(json.dumps(EVENT))
    (tmp_path / "push.json").write_text(json.dumps({"ref": "refs/heads/main"}))
    before = len(await world.synapse.runs())

    done = await deployed.smoke(
        *("--pipeline", "copyOrders", "--event", str(tmp_path / "event.json")),
        *("--hook", f"github={tmp_path / 'push.json'}"),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for way in ("queue", "http", "wire", "event", "hook github"):
        line = next(line for line in done.stdout.splitlines() if f"  {way} " in line)
        assert line.startswith("ok  ")
        assert "Started" in line
        assert line.endswith("audit and result")
    assert "ok    outcome    the run has Succeeded" in done.stdout
    assert f"{len(written())} of {len(written())} indexed" in done.stdout
    assert len(await world.synapse.runs()) == before + 5
    assert KEY not in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr


async def test_without_a_pipeline_nothing_is_started(deployed: Deployed, world: Outside) -> None:
    before = {run.run_id for run in await world.synapse.runs()}

    done = await deployed.smoke()

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PipelineNotFound, as it should") == 3
    assert {run.run_id for run in await world.synapse.runs()} == before


async def test_a_missing_role_is_named(deployed: Deployed, world: Outside) -> None:
    """With the simulated workspace's refusal, which has the words of Synapse's own."""
    await world.synapse.settings(access={"*": Access(run=False)})
    try:
        done = await deployed.smoke("--pipeline", "copyOrders", "--wait", "0")
    finally:
        await world.synapse.settings(access={})

    assert done.returncode == 1
    assert done.stdout.count("lacks Synapse Credential User on WorkspaceSystemIdentity") == 3
    assert "infra/grant_synapse_roles.sh --apply" in done.stdout


async def test_an_app_without_functions_is_seen(deployed: Deployed) -> None:
    deployed.cloud.change(functions=[])

    done = await deployed.smoke("--wait", "0")

    assert done.returncode == 1
    assert f"0 of {len(written())} indexed" in done.stdout
    assert "azure-functions-host#11915" in done.stdout
