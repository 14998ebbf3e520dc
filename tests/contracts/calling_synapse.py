"""What a test of the adapter needs: a credential that gives what it is told, and one valid call."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import override

from azure.core.credentials import AccessToken

from shared.adapters.clock import SystemClock
from shared.adapters.synapse import SynapsePipelines
from shared.adapters.tokens import Credential
from shared.ports import Clock
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import NotSent, Reply, Unknown
from tests.contracts.raw_server import RUN_ID, RawServer

TOKEN = "planted-token"
CALL_TIMEOUT = 1.0
CONNECT_TIMEOUT = 0.5
LARGE = b"[" + b" " * (900 << 10) + b"]"  # more than a server buffers that does not read it


class FixedCredential(Credential):
    """Gives the same token for an hour."""

    @override
    async def get_token(self, *scopes: str) -> AccessToken:
        return AccessToken(TOKEN, int(time.time()) + 3600)

    @override
    async def close(self) -> None:
        pass


@asynccontextmanager
async def synapse(
    *,
    credential: Callable[[], Credential] = FixedCredential,
    call_timeout: float = CALL_TIMEOUT,
    max_connections: int = 100,
    clock: Clock | None = None,
) -> AsyncIterator[SynapsePipelines]:
    """Give an adapter with short time-outs, and close it."""
    pipelines = SynapsePipelines(
        credential=credential,
        clock=clock or SystemClock(),
        call_timeout=call_timeout,
        connect_timeout=CONNECT_TIMEOUT,
        token_timeout=CONNECT_TIMEOUT,
        max_connections=max_connections,
    )
    try:
        yield pipelines
    finally:
        await pipelines.aclose()


def a_call(
    endpoint: str, *, parameters: bytes = b'{"day": 1}', pipeline: str = "copy"
) -> CreateRun:
    return CreateRun(
        endpoint=endpoint,
        pipeline_name=pipeline,
        parameters=parameters,
        client_request_id=RUN_ID,
    )


async def created(server: RawServer, parameters: bytes = b'{"day": 1}') -> Reply:
    async with synapse() as pipelines:
        return await pipelines.create_run(a_call(server.url, parameters=parameters))


def assert_not_sent(reply: Reply, *words: str) -> None:
    assert isinstance(reply, NotSent), reply
    assert reply.error.code == "GatewayUnavailable"
    assert all(word in reply.error.message for word in (*words, "Nothing was sent."))


def assert_lost(reply: Reply) -> None:
    assert isinstance(reply, Unknown), reply
    assert reply.error.code == "OutcomeUnknown"
    assert reply.wire.http_status is None
