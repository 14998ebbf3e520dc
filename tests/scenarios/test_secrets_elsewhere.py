"""Whoever writes a secret where none belongs finds it neither in the audit nor in a result."""

import json
from typing import Any

import pytest

from shared.api import views
from shared.kernel.cloud_error import CloudError
from shared.synapse.reply import Refused
from tests.scenarios.world import World, later

SECRET = "hunter2-hunter2"
LOOKS = f"Password={SECRET}"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
LONG = "eyJ" + "a" * 200 + ".b.c"
RECOVERY: dict[str, Any] = {"parameters": None, "referencePipelineRunId": "r-1"}


def said(world: World) -> str:
    """Everything that leaves the gateway, as its readers get it."""
    results = "".join(result.to_json() for result in world.results.published)
    return results + repr(world.audit.entries)


@pytest.mark.parametrize(
    "fields",
    [
        {LOOKS: 1},
        {JWT: 1},
        {LONG: 1},
        {"workspace": LOOKS},
        {"pipelineName": LOOKS, "workspace": "nowhere"},
        {"pipelineName": LOOKS, "parameters": 1},
        {"correlationId": LOOKS, "parameters": 1},
        {"correlationId": JWT, "workspace": "nowhere"},
    ],
    ids=["name", "token as a name", "long name", "workspace", "pipeline", "pipeline beside a fault", "correlation", "token"],
)  # fmt: skip
async def test_a_refused_request_s_secrets_are_told_nobody(fields: dict[str, Any]) -> None:
    world = World()

    await world.deliver(**fields)

    assert world.result.status == "Rejected"
    assert SECRET not in said(world)
    assert JWT[:40] not in said(world)
    assert LONG[:20] not in said(world)


@pytest.mark.parametrize(
    "fields",
    [
        {"correlationId": LOOKS},
        {"tracestate": LOOKS},
        RECOVERY | {"startActivityName": LOOKS},
    ],
    ids=lambda fields: next(reversed(fields)),
)
async def test_an_accepted_request_s_secrets_are_kept_nowhere(fields: dict[str, Any]) -> None:
    world = World()

    await world.deliver(**fields)

    assert world.result.status == "Started"
    assert SECRET not in said(world) + repr(world.records.all())


async def test_the_name_of_a_pipeline_that_is_none_is_told_nobody() -> None:
    world = World()
    error = CloudError(code="PipelineNotFound", message=f"There is no pipeline {LOOKS}.")
    world.pipelines.script(Refused(error=error))

    await world.deliver(pipelineName=LOOKS)

    assert world.result.status == "Failed"
    assert SECRET not in said(world)


async def test_an_open_request_shows_no_secret_of_its_texts() -> None:
    world = World()
    await world.deliver(**RECOVERY, startActivityName=LOOKS, notBefore=later(world, 3600))

    shown = await views.show(world.record)

    assert SECRET in world.record.request.decode()
    assert SECRET not in shown.to_json()
    assert json.loads(shown.to_json())["startActivityName"] == "Password=***"
