"""Synapse's own routes on fakes: a call goes in as the platform hands it over, an answer comes out."""

import itertools
import json
from collections.abc import Collection, Mapping
from typing import Any

import azure.functions as func

from shared.auth.policy import Policy
from shared.gateway.synchronous_start import SynchronousStart
from shared.gateway.workspace_runs import WorkspaceRuns
from shared.runs.caller import Caller
from shared.triggers.synapse import WireRoutes, complete
from tests.scenarios.api import Answer
from tests.scenarios.world import ENDPOINT, World

VERSION = {"api-version": "2020-12-01"}
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


class Wire:
    """One client of Synapse. `pipelines` are those whose runs it may see; None for all."""

    def __init__(self, world: World, pipelines: Collection[str] | None = None) -> None:
        gateway = world.host.gateway
        runner = gateway._runner
        policy = Policy(
            workspaces={"default": ENDPOINT},
            default_workspace="default",
            permits=lambda _, name, __: pipelines is None or name in pipelines,
            permits_any=lambda _, __: pipelines is None or bool(pipelines),
            names=lambda _: True,
            is_restricted=lambda _: pipelines is not None,
        )
        self._routes = WireRoutes(
            gateway=gateway,
            synchronous_start=SynchronousStart(
                clock=world.clock,
                records=world.records,
                runner=runner,
                call_timeout=world.settings.call_timeout,
            ),
            workspace=WorkspaceRuns(
                clock=world.clock,
                pipelines=world.pipelines,
                open_runs=world.open_runs,
                policy=policy,
                throttle=runner.throttle,
            ),
        )
        self._caller = Caller(principals=("key",))
        self._numbers = itertools.count(1)

    async def create(
        self,
        body: bytes | Mapping[str, Any] = b"",
        *,
        request_id: str | None = ID,
        pipeline: str = "copy",
        query: Mapping[str, str] = VERSION,
        **headers: str,
    ) -> Answer:
        request = _request(body, headers, query, {"pipelineName": pipeline}, request_id=request_id)
        call_id = f"call-{next(self._numbers)}"
        response = await self._routes.create_run(request, self._caller, call_id)
        return _answer(complete(response, request, call_id))

    async def get(self, run_id: str, query: Mapping[str, str] = VERSION) -> Answer:
        request = _request(b"", {}, query, {"runId": run_id}, request_id=ID)
        return self._complete(await self._routes.show(request, self._caller), request)

    async def cancel(self, run_id: str, **query: str) -> Answer:
        request = _request(b"", {}, VERSION | query, {"runId": run_id}, request_id=ID)
        return self._complete(await self._routes.cancel(request, self._caller), request)

    async def query(
        self, body: bytes | Mapping[str, Any] = b"{}", query: Mapping[str, str] = VERSION
    ) -> Answer:
        request = _request(body, {}, query, {}, request_id=ID)
        return self._complete(await self._routes.query(request, self._caller), request)

    def _complete(self, response: func.HttpResponse, request: func.HttpRequest) -> Answer:
        return _answer(complete(response, request, f"call-{next(self._numbers)}"))


def _request(
    body: bytes | Mapping[str, Any],
    headers: Mapping[str, str],
    query: Mapping[str, str],
    route: Mapping[str, str],
    *,
    request_id: str | None,
) -> func.HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if request_id is not None:
        named["x-ms-client-request-id"] = request_id
    return func.HttpRequest(
        method="POST",
        url="https://gateway.example/",
        headers=named,
        params=dict(query),
        route_params=dict(route),
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )


def _answer(response: func.HttpResponse) -> Answer:
    return Answer(response.status_code, response.headers, response.get_body().decode())
