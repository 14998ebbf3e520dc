"""Who calls the gateway in these tests, with which proof, and what hosts of the app they call."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient

from local import process, stack
from local.synapse.client import Simulator
from local.synapse.identity import SYSTEM_CLIENT, SYSTEM_PRINCIPAL, TENANT

ADA = "aaaaaaaa-0000-4000-8000-000000000001"  # may start copyOrders
GUEST = "aaaaaaaa-0000-4000-8000-000000000002"  # may, too, by the object id in this tenant
BOB = "aaaaaaaa-0000-4000-8000-000000000003"  # has no rule
PORTAL = "bbbbbbbb-0000-4000-8000-000000000001"  # an application that people sign in to
ELSEWHERE = "99999999-1111-4111-8111-111111111111"
ISSUER_2 = f"https://login.microsoftonline.com/{TENANT}/v2.0"
ACCESS = {
    "access": [
        {"principals": [ADA, GUEST], "pipelines": ["copyOrders"], "workspaces": ["*"]},
        {"principals": [SYSTEM_CLIENT], "pipelines": ["copy*"], "workspaces": ["default"]},
        {"principals": [PORTAL], "pipelines": ["copyBlob"], "workspaces": ["default"]},
        {"principals": ["key"], "pipelines": ["copyOrders"], "workspaces": ["default"]},
    ]
}
USERS: Mapping[str, Any] = {
    "appid": PORTAL,
    "idtyp": None,
    "name": "Ada Lovelace",
    "oid": ADA,
    "scp": "user_impersonation",
    "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
}
PLATFORMS_OWN = {
    "x-ms-client-principal": "eyJhdXRoX3R5cCI6ImFhZCJ9",
    "x-ms-client-principal-id": ADA,
    "x-ms-client-principal-name": "ada@example.org",
    "x-ms-client-principal-idp": "aad",
}


@dataclass(frozen=True, kw_only=True)
class Token:
    """What a test asks of the simulated identity; a user's, of version 1, unless it says otherwise."""

    claims: Mapping[str, Any] = field(default_factory=dict)
    lifetime: int = 3600
    key: str = "current"
    algorithm: str = "RS256"
    headers: Mapping[str, Any] = field(default_factory=dict)
    good_kid: bool = False  #: under the kid of the key that is published

    async def mint(self, directory: Simulator) -> str:
        headers = dict(self.headers)
        if self.good_kid:
            headers["kid"] = jwt.get_unverified_header(await directory.token())["kid"]
        return await directory.token(
            {**USERS, **self.claims},
            lifetime_seconds=self.lifetime,
            key=self.key,
            algorithm=self.algorithm,
            headers=headers,
        )


APPLICATION = Token(claims=dict.fromkeys(USERS) | {
    "appid": SYSTEM_CLIENT, "idtyp": "app", "oid": SYSTEM_PRINCIPAL, "sub": SYSTEM_PRINCIPAL,
})  # fmt: skip
VERSION_2 = {"ver": "2.0", "iss": ISSUER_2, "azp": PORTAL, "appid": None}
ID_TOKEN = VERSION_2 | {"azp": None, "scp": None, "nonce": "n"}


@asynccontextmanager
async def gateway(
    running: stack.Stack, name: str, *arguments: str, **changes: str
) -> AsyncIterator[process.Child]:
    """Run another host of the app beside the stack's own, with a queue and records of its own.

    The messages that follow open runs are on its queue: were their rows shared, the stack's own host would wait for them.
    """
    values = stack.settings(storage=running.storage, synapse=running.synapse.url)
    values |= alone(name) | changes
    async with process.running(stack.host_command(*arguments), env=values) as host:
        yield host


def alone(name: str) -> dict[str, str]:
    """Return the settings of a host that shares no request with the stack's own."""
    return {"RUN_REQUESTS_QUEUE": f"requests-{name}", "RUNS_TABLE": f"runs{name.replace('-', '')}"}


def write_rules(directory: Path) -> str:
    """Write a gateway.json with the access section; gives its path."""
    file = directory / "gateway.json"
    file.write_text(json.dumps(ACCESS))
    return str(file)


async def start(
    host: process.Child, request_id: str, pipeline: str = "copyOrders", **options: Any
) -> httpx.Response:
    body = {"pipelineName": pipeline, "requestId": request_id}
    async with httpx.AsyncClient(base_url=host.url, timeout=60) as client:
        return await client.post("/api/runs", json=body, **options)


def a_request_id(kind: str, name: str) -> str:
    return f"{kind}-{re.sub('[^a-z0-9]+', '-', name.lower())}"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def audited(storage: str, request_id: str) -> list[dict[str, Any]]:
    async with TableClient.from_connection_string(storage, "runaudit") as table:
        query = table.query_entities("requestId eq @id", parameters={"id": request_id})
        try:
            return [dict(entity) async for entity in query]
        except ResourceNotFoundError:
            return []


async def ask(
    host: process.Child, method: str, path: str, token: str | None, **options: Any
) -> httpx.Response:
    async with httpx.AsyncClient(base_url=host.url, timeout=60) as client:
        headers = bearer(token) if token else {}
        return await client.request(method, path, headers=headers, **options)
