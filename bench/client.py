"""createRun alone, 16 at a time: the gateway's client, azure-synapse-artifacts.aio, and a bare POST by aiohttp.

Each keeps its connections and its token; the server answers at once. Over plain http, in interleaved rounds.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Self

import aiohttp
from azure.core.credentials import AccessToken
from azure.synapse.artifacts.aio import ArtifactsClient

from bench import spread
from bench.apps import App
from bench.ground import PARAMETERS
from bench.plan import Size, turned
from bench.progress import Progress
from local import process
from shared.adapters.clock import SystemClock
from shared.adapters.synapse import SynapsePipelines, create_run_url
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import Started

IN_FLIGHT: Final = 16
TOKEN: Final = "e30." + "x" * 1200 + ".e30"  # about as long as Entra's

type Call = Callable[[str], Awaitable[str]]


class FixedToken:
    """A credential that has its token already."""

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken(TOKEN, int(time.time()) + 86_400)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


async def measure(apps: Sequence[App], size: Size, progress: Progress) -> Mapping[str, Any]:
    """Measure calls a second, and milliseconds of CPU for each call."""
    del apps  # clients alone
    clients = {"ours": _ours, "sdk": _sdk, "bare": _bare}
    found: dict[str, dict[str, list[float]]] = {
        name: {"perSecond": [], "cpu": []} for name in clients
    }
    progress.begin("createRun alone", size.rounds * len(clients))
    async with AsyncExitStack() as running:
        server = await running.enter_async_context(process.running(process.module("bench.stub")))
        calls = {
            name: await running.enter_async_context(opened(server.url))
            for name, opened in clients.items()
        }
        for call in calls.values():
            await _run(call, size.warm_up)
        for turn in range(size.rounds):
            for name in turned(list(calls), turn):
                cpu, wall = await _run(calls[name], size.requests)
                found[name]["perSecond"].append(size.requests / wall)
                found[name]["cpu"].append(cpu * 1000 / size.requests)
                progress.step(f"{name} {size.requests / wall:.0f} a second")
    return {
        name: {kind: spread.of(figures) for kind, figures in kinds.items()}
        for name, kinds in found.items()
    }


async def _run(call: Call, count: int) -> tuple[float, float]:
    waiting = iter([str(uuid.uuid4()) for _ in range(count)])

    async def one_after_the_other() -> None:
        for request_id in waiting:
            if await call(request_id) != request_id:
                msg = "The server answered for another call."
                raise RuntimeError(msg)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(IN_FLIGHT)))
    return time.process_time() - cpu, time.perf_counter() - wall


@asynccontextmanager
async def _ours(url: str) -> AsyncIterator[Call]:
    pipelines = SynapsePipelines(credential=FixedToken, clock=SystemClock())
    await pipelines.authorize(url)

    async def call(request_id: str) -> str:
        body = json.dumps(PARAMETERS).encode()
        reply = await pipelines.create_run(_call(url, request_id, body))
        return reply.run_id if isinstance(reply, Started) else repr(reply)

    try:
        yield call
    finally:
        await pipelines.aclose()


@asynccontextmanager
async def _sdk(url: str) -> AsyncIterator[Call]:
    async with ArtifactsClient(credential=FixedToken(), endpoint=url) as client:

        async def call(request_id: str) -> str:
            run = await client.pipeline.create_pipeline_run(
                "copyOrders",
                parameters=dict(PARAMETERS),
                headers={"x-ms-client-request-id": request_id},
                enforce_https=False,
            )
            return str(run.run_id)

        yield call


@asynccontextmanager
async def _bare(url: str) -> AsyncIterator[Call]:
    async with aiohttp.ClientSession() as session:
        target = create_run_url(_call(url, "", b""))

        async def call(request_id: str) -> str:
            headers = {
                "Authorization": f"Bearer {TOKEN}",
                "Content-Type": "application/json",
                "x-ms-client-request-id": request_id,
            }
            body = json.dumps(PARAMETERS).encode()
            async with session.post(target, data=body, headers=headers) as answer:
                return str(json.loads(await answer.read())["runId"])

        yield call


def _call(url: str, request_id: str, body: bytes) -> CreateRun:
    return CreateRun(
        endpoint=url, pipeline_name="copyOrders", parameters=body, client_request_id=request_id
    )
