"""The HTTP routes on fakes: a call goes in as the platform hands it over, an answer comes out."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import azure.functions as func

from shared.auth.policy import Policy
from shared.gateway.open_run_list import OpenRunList
from shared.gateway.operations import Operations
from shared.gateway.run_lookup import RunLookup
from shared.runs.caller import Caller
from shared.triggers import outage
from shared.triggers.outcomes import OutcomeRoutes
from shared.triggers.run_operations import RunOperations
from shared.triggers.runs import Runs
from tests.scenarios.world import ENDPOINT, World

BODY = {"pipelineName": "copy", "requestId": "order-17", "parameters": {"day": 1}}
JSON = {"content-type": "application/json"}
ADDRESS = "https://gateway.example"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def targets(self) -> list[str]:
        return sorted(each.get("target") for each in self.body["error"].get("details", ()))


class Api:
    """One caller's view of the routes. `pipelines` are those that it may start; None for all."""

    def __init__(self, world: World, pipelines: Collection[str] | None = None) -> None:
        policy = Policy(
            workspaces={"default": ENDPOINT} | dict(world.workspaces),
            default_workspace="default",
            permits=lambda _, name, __: pipelines is None or name in pipelines,
            permits_any=lambda _, __: pipelines is None or bool(pipelines),
            names=lambda _: True,
            is_restricted=lambda _: pipelines is not None,
        )
        self._outcomes = OutcomeRoutes.over(
            clock=world.clock,
            records=world.records,
            ports=world.follow_ports,
            keys=world.ticket_keys,
            tracking=world.host.tracking,
            policy=policy,
            settings=world.settings,
        )
        self._runs = Runs(
            clock=world.clock,
            gateway=world.host.gateway,
            records=world.records,
            recorded=world.outcomes,
            audit=world.audit,
            open_runs=OpenRunList(world.open_runs),
            outcomes=self._outcomes,
            policy=policy,
        )
        lookup = RunLookup(
            clock=world.clock,
            pipelines=world.pipelines,
            policy=policy,
            throttle=world.host.gateway._runner.throttle,
        )
        self._operations = RunOperations(
            operations=Operations(
                clock=world.clock,
                records=world.records,
                gateway=world.host.gateway,
                lookup=lookup,
            ),
            lookup=lookup,
            records=world.records,
            links=self._outcomes.links,
            policy=policy,
        )
        self._caller = Caller(principals=("key",))
        self._calls = 0

    async def start(
        self,
        body: bytes | Mapping[str, Any] = BODY,
        headers: Mapping[str, str] = JSON,
        **query: str,
    ) -> Answer:
        request = _request("POST", "/api/runs", headers, _bytes(body), query=query)
        return _answer(await self._runs.start(request, self._caller, self._call_id()))

    async def show(self, request_id: str = "order-17", **headers: str) -> Answer:
        return _answer(await self._runs.show(_at(request_id, headers=headers), self._caller))

    async def list(self, query: str = "", **values: str) -> Answer:
        text = query or urlencode(values)
        request = _request("GET", f"/api/runs?{text}" if text else "/api/runs", {}, b"")
        return _answer(await self._runs.list(request, self._caller))

    async def cancel(self, request_id: str = "order-17") -> Answer:
        return _answer(await self._operations.cancel(_at(request_id), self._caller))

    async def rerun(
        self,
        body: bytes | Mapping[str, Any] = b"",
        request_id: str = "order-17",
        **headers: str,
    ) -> Answer:
        request = _at(request_id, _bytes(body), headers)
        return _answer(await self._operations.rerun(request, self._caller, self._call_id()))

    async def resolve(
        self, body: bytes | Mapping[str, Any], request_id: str = "order-17", **headers: str
    ) -> Answer:
        request = _at(request_id, _bytes(body), headers)
        return _answer(await self._operations.resolve(request, self._caller))

    async def outcome(self, request_id: str = "order-17", **headers: str) -> Answer:
        request = _at(request_id, headers=headers)
        return _answer(await self._outcomes.of_request(request, self._caller))

    async def poll(self, url: str, **headers: str) -> Answer:
        """Follow an absolute URL of one of the open routes, without any credential."""
        return _answer(outage.concealed(await outage.guard(lambda: self._open(url, headers))))

    async def _open(self, url: str, headers: Mapping[str, str]) -> func.HttpResponse:
        path, _, ticket = url.removeprefix(ADDRESS).rpartition("/")
        request = _request("GET", path, _named(headers), b"", route={"ticket": ticket})
        routes = {
            "/api/outcomes": self._outcomes.of_ticket,
            "/api/operations": self._outcomes.operation,
        }
        return await routes[path](request)

    async def run(self, request_id: str = "order-17") -> Answer:
        return _answer(await self._operations.show_run(_at(request_id), self._caller))

    def _call_id(self) -> str:
        self._calls += 1
        return f"call-{self._calls}"


def _bytes(body: bytes | Mapping[str, Any]) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _at(
    request_id: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> func.HttpRequest:
    return _request(
        "POST", "/api/runs/x", _named(headers or {}), body, route={"requestId": request_id}
    )


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _request(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    route: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> func.HttpRequest:
    return func.HttpRequest(
        method=method,
        url=f"{ADDRESS}{path}",
        params=dict(query or {}),
        headers=dict(headers),
        route_params=dict(route or {}),
        body=body,
    )


def _answer(response: func.HttpResponse) -> Answer:
    return Answer(response.status_code, response.headers, response.get_body().decode())
