"""What the settings route says of the app's rights, over real HTTP: Azurite behind a proxy, the simulated workspace."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from local import stack
from local.azurite import server as azurite
from local.storage_proxy.faults import REFUSED, Fault, Match
from local.storage_proxy.proxy import Proxy
from local.storage_proxy.server import serving
from local.synapse.client import SeenCall
from local.synapse.identity import SYSTEM_PRINCIPAL
from local.synapse.settings import Access
from shared.gateway.rights import NO_RUN
from tests.e2e.callers import BOB, Token, bearer, gateway
from tests.e2e.outside import Outside

REQUESTS, RESULTS, AUDIT = "requests-rights", "results-rights", "rightsaudit"
RULES = {
    "rules": [
        {"name": "blob", "pipelineName": "copyBlob"},
        {"name": "again", "pipelineName": "copyBlob"},
        {"name": "typo", "pipelineName": "copyBlbo"},
    ]
}
SCRIPT = f"./infra/grant_synapse_roles.sh --workspace <workspace> --principal-id {SYSTEM_PRINCIPAL} --apply"


@asynccontextmanager
async def proxied(running: stack.Stack) -> AsyncIterator[tuple[str, Proxy]]:
    """Stand before Azurite; gives the connection string, and what met it."""
    ports, name = running.ports, azurite.DEVELOPMENT.name
    queue_url, table_url = (
        f"http://127.0.0.1:{port}/{name}" for port in (ports.queues, ports.tables)
    )
    async with serving(queue_url=queue_url, table_url=table_url) as proxy:
        storage = azurite.connection_string(
            queue_port=proxy.queue_port, table_port=proxy.table_port
        )
        yield storage, proxy.proxy


@asynccontextmanager
async def calling(
    running: stack.Stack, storage: str, directory: Path, **changes: str
) -> AsyncIterator[httpx.AsyncClient]:
    """Call a host of its own, with queues and an audit of its own."""
    file = directory / "gateway.json"
    file.write_text(json.dumps(RULES))
    own = {"RUN_RESULTS_QUEUE": RESULTS, "RUN_AUDIT_TABLE": AUDIT, "GATEWAY_CONFIG": str(file)}
    async with (
        gateway(running, "rights", RunStorage=storage, **own, **changes) as host,
        httpx.AsyncClient(base_url=host.url, timeout=60) as client,
    ):
        yield client


def rights(body: Any) -> dict[tuple[str, str], Any]:
    return {(one["right"], one["target"]): one for one in body["rights"]}


async def looks(world: Outside, since: int) -> list[SeenCall]:
    return [call for call in await world.synapse.calls(since=since) if call.operation != "token"]


async def last_call(world: Outside) -> int:
    return max((call.seq for call in await world.synapse.calls()), default=0)


async def test_asked_ten_times_the_workspace_gets_one_look_and_nothing_is_sent(
    running: stack.Stack, world: Outside, tmp_path: Path
) -> None:
    async with proxied(running) as (storage, proxy), calling(running, storage, tmp_path) as client:
        before, runs = await last_call(world), len(await world.synapse.runs())

        answers = [await client.get("/api/health/settings") for _ in range(10)]
        asked = await looks(world, before)
        sent = {
            call.operation.operation for call in proxy.calls if call.operation.name != "runsrights"
        }

    assert [(call.method, call.path) for call in asked] == [
        ("GET", f"/pipelineruns/{NO_RUN}"),
        ("GET", "/pipelines/copyBlob"),
        ("GET", "/pipelines/copyBlbo"),
    ]
    assert len(await world.synapse.runs()) == runs
    assert "putMessage" not in sent
    assert "insertAudit" not in sent
    assert {answer.status_code for answer in answers} == {200}
    body = answers[-1].json()
    assert (body["status"], body["faults"]) == ("incomplete", [])  # a rule's pipeline is missing
    states = {key: right["state"] for key, right in rights(body).items()}
    assert states == {
        ("readTable", "runsrights"): "granted",
        ("writeTable", "runsrights"): "notYetSeen",
        ("readTable", AUDIT): "granted",
        ("writeTable", AUDIT): "notYetSeen",
        ("putOnQueue", REQUESTS): "notYetSeen",
        ("putOnQueue", RESULTS): "notYetSeen",
        ("putOnQueue", "run-outcomes"): "notYetSeen",
        ("getToken", "default"): "granted",
        ("reachWorkspace", "default"): "granted",
        ("lookAtRuns", "default"): "granted",
        ("startRuns", "default"): "notYetSeen",
    }
    assert body["pipelines"] == [
        {
            "pipelineName": "copyBlob",
            "workspace": "default",
            "rules": ["blob", "again"],
            "state": "found",
        },
        {
            "pipelineName": "copyBlbo",
            "workspace": "default",
            "rules": ["typo"],
            "state": "missing",
            "message": "There is no pipeline 'copyBlbo' in workspace 'default'.",
        },
    ]


async def test_what_was_used_is_granted(
    running: stack.Stack, world: Outside, tmp_path: Path
) -> None:
    async with calling(running, running.storage, tmp_path) as client:
        started = await client.post(
            "/api/runs", json={"pipelineName": "copyOrders", "requestId": "rights-used"}
        )
        body = (await client.get("/api/health/settings")).json()

    assert started.status_code == 202
    states = {key: right["state"] for key, right in rights(body).items()}
    assert states.pop(("putOnQueue", "run-outcomes")) == "notYetSeen"  # the run goes on
    assert set(states.values()) == {"granted"}
    assert "lastSuccess" in rights(body)["startRuns", "default"]


async def test_missing_roles_are_named_with_the_command_that_grants_them(
    running: stack.Stack, world: Outside, tmp_path: Path
) -> None:
    access = Access(run=False, monitor=False, artifacts=False)
    await world.synapse.settings(access={SYSTEM_PRINCIPAL: access})
    try:
        async with proxied(running) as (storage, proxy):
            for name in (RESULTS, AUDIT):
                proxy.faults.add(Fault(act=REFUSED, match=Match(name=name), times=None))
            async with calling(running, storage, tmp_path) as client:
                request = {"pipelineName": "copyOrders", "requestId": "rights-refused"}
                refused = await client.post("/api/runs", json=request)
                answer = await client.get("/api/health/settings")
                ready = await client.get("/api/health/ready")
    finally:
        await world.synapse.settings(access={})

    assert refused.status_code == 503
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert (answer.status_code, answer.json()["status"]) == (200, "incomplete")
    found = rights(answer.json())
    for key, role, scope in (
        (("lookAtRuns", "default"), "Synapse Monitoring Operator", "workspaces/<workspace>"),
        (
            ("startRuns", "default"),
            "Synapse Credential User",
            "workspaces/<workspace>/credentials/WorkspaceSystemIdentity",
        ),
    ):
        right = found[key]
        assert (right["state"], right["role"], right["scope"]) == ("refused", role, scope)
        assert right["command"] == SCRIPT
        assert f"lacks the role {role} on {scope}. " in right["message"]
        assert right["message"].endswith(f" Grant it with: {SCRIPT}")
    account = "Microsoft.Storage/storageAccounts/devstoreaccount1"
    for key, role, scope in (
        (("readTable", AUDIT), "Storage Table Data Contributor", account),
        (
            ("putOnQueue", RESULTS),
            "Storage Queue Data Message Sender",
            f"{account}/queueServices/default/queues/{RESULTS}",
        ),
    ):
        right = found[key]
        assert (right["state"], right["role"], right["scope"]) == ("refused", role, scope)
        assert right["command"].startswith(f'az role assignment create --role "{role}" --scope ')
        assert right["command"] in right["message"]
    assert found["putOnQueue", REQUESTS]["state"] == "granted"
    assert found["writeTable", "runsrights"]["state"] == "granted"
    pipelines = {one["pipelineName"]: one["state"] for one in answer.json()["pipelines"]}
    assert set(pipelines.values()) == {"mayNotReadArtifacts"}


async def test_whom_access_does_not_name_is_told_no_right(
    running: stack.Stack, world: Outside, tmp_path: Path
) -> None:
    """Anyone in a tenant can get a token."""
    token = await Token(claims={"oid": BOB}).mint(world.synapse)
    async with calling(running, running.storage, tmp_path, HTTP_AUTH="entra") as client:
        answer = await client.get("/api/health/settings", headers=bearer(token))

    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ready", "faults": [], "notices": []},
    )
