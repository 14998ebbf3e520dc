"""A connection to Synapse is cut at each point: what state follows, after how many POSTs, with which history.

The gateway's records are in memory; its calls go over real sockets to the simulated workspace.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, override

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError

from local.faults import Cut
from local.synapse.client import Simulator
from local.synapse.faults import Act, Answer, Point, Silence
from local.synapse.in_process import simulating
from local.synapse.pipelines import Pipeline
from shared.adapters.tokens import Credential
from shared.ports import Echo
from shared.runs.record import Status
from tests.contracts.calling_synapse import synapse
from tests.scenarios.world import World

FOUND = ("claimed", "answer lost", "found")
SENT_AGAIN = ("claimed", "answer lost", "sendAgain", "taken", "createRun")
TRIED_AGAIN = ("claimed", "throttled", "taken", "createRun")
REFUSED = Answer(status=400, content={"error": {"code": "BadThing", "message": "It is bad."}})
ACCEPTED = Answer(status=202, content={"runId": "x" * 9})


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way to lose a call: what is done at which point, and what comes of it."""

    act: Act
    at: Point
    posts: int
    history: tuple[str, ...]
    state: Status = Status.STARTED
    runs: int = 1


CASES = {
    "reset before the request was read": Case(
        act=Cut(), at=Point.ACCEPTED, posts=1, history=SENT_AGAIN
    ),
    "reset after its headers": Case(act=Cut(), at=Point.HEADERS, posts=2, history=SENT_AGAIN),
    "reset after its body": Case(act=Cut(), at=Point.RECEIVED, posts=2, history=SENT_AGAIN),
    "closed after its body": Case(
        act=Cut(how="fin"), at=Point.RECEIVED, posts=2, history=SENT_AGAIN
    ),
    "reset after the run was started": Case(act=Cut(), at=Point.CREATED, posts=1, history=FOUND),
    "closed after the run was started": Case(
        act=Cut(how="fin"), at=Point.CREATED, posts=1, history=FOUND
    ),
    "reset after the answer's headers": Case(
        act=Cut(), at=Point.ANSWER_HEADERS, posts=1, history=FOUND
    ),
    "reset in the middle of the answer's body": Case(
        act=Cut(), at=Point.ANSWER_BODY, posts=1, history=FOUND
    ),
    "silent until time-out, before the run": Case(
        act=Silence(), at=Point.RECEIVED, posts=2, history=SENT_AGAIN
    ),
    "silent until time-out, after the run": Case(
        act=Silence(), at=Point.CREATED, posts=1, history=FOUND
    ),
    "an answer that trickles": Case(
        act=ACCEPTED.model_copy(update={"byte_pause": 0.5}),
        at=Point.CREATED,
        posts=1,
        history=FOUND,
    ),
    "an answer of 100 MB": Case(
        act=Answer(status=202, body="", size=100 << 20), at=Point.CREATED, posts=1, history=FOUND
    ),
    "an answer that is not JSON": Case(
        act=Answer(status=202, body="<html>"), at=Point.CREATED, posts=1, history=FOUND
    ),
    "202 without a run id": Case(
        act=Answer(status=202, content={}), at=Point.CREATED, posts=1, history=FOUND
    ),
    "500 after the run was started": Case(
        act=Answer(status=500), at=Point.CREATED, posts=1, history=FOUND
    ),
    "503 before the run": Case(
        act=Answer(status=503), at=Point.RECEIVED, posts=2, history=SENT_AGAIN
    ),
    "408 before the run": Case(
        act=Answer(status=408), at=Point.RECEIVED, posts=2, history=SENT_AGAIN
    ),
    "429": Case(
        act=Answer(status=429, headers={"retry-after": "3"}),
        at=Point.RECEIVED,
        posts=2,
        history=TRIED_AGAIN,
    ),
    "a redirect": Case(
        act=Answer(status=307, headers={"location": "http://127.0.0.1:9/"}),
        at=Point.RECEIVED,
        posts=1,
        history=("claimed", "UnreadableResponse"),
        state=Status.FAILED,
        runs=0,
    ),
    "a refusal": Case(
        act=REFUSED,
        at=Point.RECEIVED,
        posts=1,
        history=("claimed", "BadThing"),
        state=Status.FAILED,
        runs=0,
    ),
}  # fmt: skip


class GivenToken(Credential):
    """Gives a token of the simulated identity, or fails as the identity service does."""

    def __init__(self, token: str, failure: Exception | None = None, delay: float = 0.0) -> None:
        self._token = token
        self._failure = failure
        self._delay = delay

    @override
    async def get_token(self, *scopes: str) -> AccessToken:
        await asyncio.sleep(self._delay)
        if self._failure is not None:
            raise self._failure
        return AccessToken(self._token, int(time.time()) + 3600)

    @override
    async def close(self) -> None:
        pass


@asynccontextmanager
async def gateway(
    *, endpoint: str = "", failure: Exception | None = None, delay: float = 0.0
) -> AsyncIterator[tuple[World, Simulator]]:
    async with simulating(Pipeline(name="copy")) as simulator:
        token = await simulator.token()
        credential = partial(GivenToken, token, failure, delay)
        async with synapse(credential=credential) as pipelines:
            world = World()
            world.endpoint, world.synapse = endpoint or simulator.url, pipelines
            world.records.echoes[world.endpoint] = Echo.CONFIRMED
            world.restart()
            yield world, simulator


@pytest.mark.parametrize("name", CASES)
async def test_a_cut_ends_in_one_run_or_a_refusal(name: str) -> None:
    case = CASES[name]
    async with gateway() as (world, simulator):
        await simulator.fault(
            case.act, at=case.at, operation=None if case.at is Point.ACCEPTED else "createRun"
        )

        await world.deliver()
        await world.drain()

        arrived = await simulator.calls("createRun")
        assert len(arrived) == case.posts
        assert (world.record.status, tuple(world.events)) == (case.state, case.history)
        runs = await simulator.runs()
        assert [run.run_id for run in runs] == (
            [world.record.client_request_id] if case.runs else []
        )
        assert len({call.client_request_id for call in arrived}) == 1
        assert world.result.run_id == world.record.run_id


NEVER_SENT: dict[str, dict[str, Any]] = {
    "connection refused": {"endpoint": "http://127.0.0.1:9"},
    "unknown host": {"endpoint": "http://nowhere.invalid"},
    "no TLS behind https": {"endpoint": "https"},
    "token endpoint down": {"failure": CredentialUnavailableError("down")},
    "token endpoint refusing": {"failure": ClientAuthenticationError("no")},
    "token endpoint slow": {"delay": 5.0},
}


@pytest.mark.parametrize("name", NEVER_SENT)
async def test_what_never_left_waits_to_be_tried_again(name: str) -> None:
    async with simulating(Pipeline(name="copy")) as plain:
        trouble = dict(NEVER_SENT[name])
        if trouble.get("endpoint") == "https":
            trouble["endpoint"] = plain.url.replace("http://", "https://")
        async with gateway(**trouble) as (world, simulator):
            await world.deliver()

            assert (world.record.status, world.events) == (Status.WAITING, ["claimed", "notSent"])
            assert (world.record.attempts, world.record.first_sent_at) == (1, None)
            assert world.record.error is not None
            assert world.record.error.code == "GatewayUnavailable"
            assert await simulator.calls("createRun") == await plain.calls("createRun") == []
            assert [message.resume.resume for message in world.requests.messages] == ["order-17"]
