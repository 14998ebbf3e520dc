from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from local.synapse.client import Simulator
from local.synapse.identity import SYSTEM_CLIENT, SYSTEM_PRINCIPAL
from local.synapse.in_process import calling, simulating
from local.synapse.pipelines import Pipeline
from local.synapse.settings import Access

ID = "315eaa5c-77e7-d429-073f-a3e1cd2d0aa4"
WHO = SYSTEM_PRINCIPAL


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with simulating(Pipeline(name="copy")) as simulator:
        yield simulator


@pytest.fixture
async def caller(sim: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(sim) as client:
        await client.post("/pipelines/copy/createRun", headers={"x-ms-client-request-id": ID})
        yield client


async def statuses(caller: httpx.AsyncClient) -> list[int]:
    """Run, look, query, read the definition, cancel."""
    answers = [
        await caller.post("/pipelines/copy/createRun"),
        await caller.get(f"/pipelineruns/{ID}"),
        await caller.post("/queryPipelineRuns", json={}),
        await caller.get("/pipelines/copy"),
        await caller.post(f"/pipelineruns/{ID}/cancel"),
    ]
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        ({}, [202, 200, 200, 200, 200]),
        ({"*": Access(run=False)}, [403, 200, 200, 200, 200]),
        ({"*": Access(monitor=False)}, [202, 401, 401, 200, 200]),
        ({"*": Access(artifacts=False)}, [202, 200, 200, 401, 200]),
        ({"*": Access(cancel=False)}, [202, 200, 200, 200, 401]),
        ({"*": Access(read=False)}, [401, 401, 401, 401, 401]),
        ({SYSTEM_CLIENT: Access(run=False), "*": Access(read=False)}, [403, 200, 200, 200, 200]),
        ({WHO: Access(), SYSTEM_CLIENT: Access(run=False)}, [202, 200, 200, 200, 200]),
        ({"somebody else": Access(read=False)}, [202, 200, 200, 200, 200]),
    ],
)
async def test_roles_decide_who_may_do_what(
    sim: Simulator, caller: httpx.AsyncClient, access: Mapping[str, Access], expected: list[int]
) -> None:
    """By object id, application id, or for everybody: the first that is named counts."""
    await sim.settings(access=access)

    assert await statuses(caller) == expected


@pytest.mark.parametrize(
    ("access", "path", "expected"),
    [
        (
            Access(read=False),
            "/queryPipelineRuns",
            {
                "code": "Unauthorized",
                "message": f"The principal '{WHO}' does not have the required Synapse RBAC permission to perform this"
                " action. Required permission: Action: Microsoft.Synapse/workspaces/read, Scope: workspaces/local/*.",
            },
        ),
        (
            Access(run=False),
            "/pipelines/copy/createRun",
            {
                "code": "AccessControlUnauthorized",
                "message": f"Insufficient permissions to call this API. {WHO} does not have"
                " Microsoft.Synapse/workspaces/credentials/useSecret/action on scope"
                " workspaces/local/credentials/WorkspaceSystemIdentity",
            },
        ),
    ],
)
async def test_refusals_have_the_recorded_words(
    sim: Simulator,
    caller: httpx.AsyncClient,
    access: Access,
    path: str,
    expected: dict[str, Any],
) -> None:
    """Nested, other than those for a bad token."""
    await sim.settings(access={"*": access})
    answer = await caller.post(path)

    assert answer.json() == {"error": expected}


@pytest.mark.parametrize(
    ("version", "code"),
    [(None, "MissingApiVersionParameter"), ("2019-06-01-preview", "InvalidApiVersionParameter")],
)
async def test_the_api_version_is_required(sim: Simulator, version: str | None, code: str) -> None:
    """Exactly 2020-12-01."""
    headers = {"Authorization": f"Bearer {await sim.token()}"}
    params = {"api-version": version} if version else {}
    async with httpx.AsyncClient(base_url=sim.url, headers=headers) as client:
        answer = await client.post("/pipelines/copy/createRun", params=params)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
