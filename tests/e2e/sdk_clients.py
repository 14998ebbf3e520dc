"""azure-synapse-artifacts as its users call it, sync and aio, behind one face."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol, Self, override

from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.pipeline.policies import AzureKeyCredentialPolicy
from azure.synapse.artifacts import ArtifactsClient
from azure.synapse.artifacts.aio import ArtifactsClient as AsyncArtifactsClient
from azure.synapse.artifacts.models import RunFilterParameters


class FixedToken:
    """Gives the token that a test has minted."""

    def __init__(self, token: str) -> None:
        self._token = AccessToken(token, int(time.time()) + 3600)

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return self._token


class AsyncFixedToken:
    def __init__(self, token: str) -> None:
        self._token = AccessToken(token, int(time.time()) + 3600)

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        return self._token

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


@dataclass(kw_only=True)
class Answers:
    """The statuses that the SDK saw, its own retries included."""

    statuses: list[int] = field(default_factory=list)

    def note(self, response: Any) -> None:
        self.statuses.append(response.http_response.status_code)


class Sdk(Protocol):
    """The four calls; what they give is Any, because the SDK's models annotate their fields as None."""

    seen: Answers

    async def create(self, pipeline: str, **options: Any) -> str: ...

    async def get(self, run_id: str) -> Any: ...

    async def cancel(self, run_id: str, **options: Any) -> None: ...

    async def query(self) -> Any: ...


def a_minute() -> RunFilterParameters:
    now = datetime.now(UTC)
    minutes = timedelta(minutes=10)
    return RunFilterParameters(last_updated_after=now - minutes, last_updated_before=now + minutes)


class SyncSdk(Sdk):
    def __init__(self, client: ArtifactsClient, seen: Answers) -> None:
        self._client = client
        self.seen = seen

    @override
    async def create(self, pipeline: str, **options: Any) -> str:
        call = partial(self._client.pipeline.create_pipeline_run, pipeline, **options)
        return (await asyncio.to_thread(call)).run_id

    @override
    async def get(self, run_id: str) -> Any:
        return await asyncio.to_thread(self._client.pipeline_run.get_pipeline_run, run_id)

    @override
    async def cancel(self, run_id: str, **options: Any) -> None:
        call = self._client.pipeline_run.cancel_pipeline_run
        await asyncio.to_thread(call, run_id, **options)

    @override
    async def query(self) -> Any:
        call = self._client.pipeline_run.query_pipeline_runs_by_workspace
        return await asyncio.to_thread(call, a_minute())


class AsyncSdk(Sdk):
    def __init__(self, client: AsyncArtifactsClient, seen: Answers) -> None:
        self._client = client
        self.seen = seen

    @override
    async def create(self, pipeline: str, **options: Any) -> str:
        return (await self._client.pipeline.create_pipeline_run(pipeline, **options)).run_id

    @override
    async def get(self, run_id: str) -> Any:
        return await self._client.pipeline_run.get_pipeline_run(run_id)

    @override
    async def cancel(self, run_id: str, **options: Any) -> None:
        await self._client.pipeline_run.cancel_pipeline_run(run_id, **options)

    @override
    async def query(self) -> Any:
        return await self._client.pipeline_run.query_pipeline_runs_by_workspace(a_minute())


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Where the gateway serves, and the certificate that vouches for it."""

    url: str
    certificate: Path


type Open = Callable[[AsyncExitStack, Gate, str], Sdk]


def open_sync(clients: AsyncExitStack, gate: Gate, token: str) -> Sdk:
    seen = Answers()
    client = ArtifactsClient(
        FixedToken(token),
        gate.url,
        connection_verify=str(gate.certificate),
        raw_response_hook=seen.note,
    )
    clients.callback(client.close)
    return SyncSdk(client, seen)


def open_aio(clients: AsyncExitStack, gate: Gate, token: str) -> Sdk:
    seen = Answers()
    client = AsyncArtifactsClient(
        AsyncFixedToken(token),
        gate.url,
        connection_verify=str(gate.certificate),
        raw_response_hook=seen.note,
    )
    clients.push_async_callback(client.close)
    return AsyncSdk(client, seen)


def open_with_key(clients: AsyncExitStack, url: str, key: str) -> Sdk:
    """With a function key in place of a token: the SDK's own policy for keys."""
    seen = Answers()
    client = ArtifactsClient(
        FixedToken("unused"),
        url,
        authentication_policy=AzureKeyCredentialPolicy(AzureKeyCredential(key), "x-functions-key"),
        raw_response_hook=seen.note,
    )
    clients.callback(client.close)
    return SyncSdk(client, seen)
