"""The contract of the `Topic` port, on the fake and over HTTP, and what goes over the wire."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import override

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from azure.core.credentials import AccessToken
from azure.core.messaging import CloudEvent as AzureEvent
from azure.eventgrid.aio import EventGridPublisherClient

from local import event_grid_topic
from local.event_grid_topic import Failure
from shared.adapters.clock import SystemClock
from shared.adapters.event_grid_topic import SCOPE, EventGridTopic
from shared.adapters.tokens import Credential
from shared.gateway.event_post import Reason, read_answer
from shared.ports import Clock, Topic
from shared.runs import cloud_event
from shared.synapse.reply import Answer, Lost
from tests.fakes.clock import FakeClock
from tests.fakes.topic import FakeTopic
from tests.unit.builders import NOW
from tests.unit.runs.test_cloud_event import SOURCE, a_result

EVENT = cloud_event.of_result(a_result(), SOURCE)
KEY = "a key of this test's own, of 32 bytes and more"


class SigningCredential(Credential):
    """Gives tokens for the scope that is asked for; each is new."""

    given = 0

    @override
    async def get_token(self, *scopes: str) -> AccessToken:
        SigningCredential.given += 1
        end = int(NOW.timestamp()) + 10 * 365 * 24 * 3600
        claims = {"aud": scopes[0].removesuffix("/.default"), "exp": end, "n": self.given}
        return AccessToken(jwt.encode(claims, KEY), end)

    @override
    async def close(self) -> None:
        pass


@asynccontextmanager
async def posting(
    base: str, *, clock: Clock | None = None, credential: Callable[[], Credential] | None = None
) -> AsyncIterator[EventGridTopic]:
    topic = EventGridTopic(
        f"{base}/api/events",
        credential=credential or SigningCredential,
        clock=clock or SystemClock(),
        call_timeout=1.0,
    )
    try:
        yield topic
    finally:
        await topic.aclose()


@dataclass
class TopicWorld:
    """The port, and what the topic behind it has taken."""

    topic: Topic
    taken: list[dict[str, object]]


@pytest.fixture(params=["fake", "http"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[TopicWorld]:
    if request.param == "fake":
        fake = FakeTopic()
        yield TopicWorld(fake, fake.taken)  # type: ignore[arg-type] # JSON in both
        return
    async with event_grid_topic.serving() as server, posting(server.url) as topic:
        yield TopicWorld(topic, server.events)


async def test_an_event_arrives_as_it_is(world: TopicWorld) -> None:
    answer = await world.topic.post(EVENT)

    assert isinstance(answer, Answer)
    assert answer.status == 200
    assert world.taken == [EVENT]


async def test_an_event_posted_twice_is_there_twice(world: TopicWorld) -> None:
    for _ in range(2):
        await world.topic.post(EVENT)

    assert world.taken == [EVENT] * 2


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure(400), Reason.REFUSED),
        (Failure(401), Reason.UNAUTHORIZED),
        (Failure(403), Reason.FORBIDDEN),
        (Failure(404), Reason.NOT_FOUND),
        (Failure(429, headers={"Retry-After": "7"}), Reason.THROTTLED),
        (Failure(503), Reason.UNAVAILABLE),
    ],
)
async def test_each_failure_is_read_from_the_wire(failure: Failure, reason: Reason) -> None:
    async with event_grid_topic.serving() as server, posting(server.url) as topic:
        server.failure = failure

        found = read_answer(await topic.post(EVENT), NOW)

        assert found is not None
        assert (found.reason, found.status) == (reason, failure.status)
        assert found.error is not None
        assert found.error.endswith(": planned by the test")
        assert found.retry_after == (7.0 if failure.headers else None)


async def test_a_topic_that_is_away_is_no_exception() -> None:
    async with event_grid_topic.serving() as server:
        base = server.url
    async with posting(base) as topic:
        outcome = await topic.post(EVENT)

    assert isinstance(outcome, Lost)
    assert not outcome.sent
    assert outcome.error.message.startswith("The topic could not be reached: ")


async def test_a_topic_that_never_answers_is_no_exception() -> None:
    async def silent(_: web.BaseRequest) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    server = RawTestServer(silent)
    async with server, posting(str(server.make_url("/")).rstrip("/")) as topic:
        outcome = await topic.post(EVENT)

    assert isinstance(outcome, Lost)
    assert outcome.sent


async def test_without_a_token_nothing_is_sent() -> None:
    class Broken(SigningCredential):
        @override
        async def get_token(self, *scopes: str) -> AccessToken:
            raise OSError

    async with (
        event_grid_topic.serving() as server,
        posting(server.url, credential=Broken) as topic,
    ):
        outcome = await topic.post(EVENT)

        assert isinstance(outcome, Lost)
        assert SCOPE in outcome.error.message
        assert server.requests == 0


async def test_a_missing_role_is_seen() -> None:
    async with event_grid_topic.serving() as server, posting(server.url) as topic:
        assert topic.posted().refused is None
        server.granted = False

        await topic.post(EVENT)

        assert topic.posted().succeeded is None
        assert topic.posted().refused is not None
        assert topic.posted().code == "Unauthorized"
        server.granted = True
        await topic.post(EVENT)
        assert topic.posted().succeeded is not None


async def test_an_older_token_that_is_refused_is_replaced_at_once() -> None:
    """A role that was granted meanwhile is in the next token."""
    clock = FakeClock()
    async with event_grid_topic.serving() as server, posting(server.url, clock=clock) as topic:
        await topic.post(EVENT)
        before = SigningCredential.given
        clock.advance(120)
        server.failure = Failure(401)

        await topic.post(EVENT)

        assert SigningCredential.given == before + 1
        assert server.requests == 3


async def test_azures_own_client_sends_the_same() -> None:
    """Path, query, content type and body; its retries and its trace headers are its own."""
    seen: list[tuple[str, str, object]] = []

    async def keep(request: web.BaseRequest) -> web.Response:
        body = json.loads(await request.read())
        seen.append((request.path_qs, request.headers["Content-Type"], body))
        return web.Response()

    server = RawTestServer(keep)
    async with server:
        base = str(server.make_url("/")).rstrip("/")
        async with posting(base) as topic:
            await topic.post(EVENT)
        async with EventGridPublisherClient(f"{base}/api/events", SigningCredential()) as client:  # type: ignore[arg-type]
            event: AzureEvent[object] = AzureEvent.from_dict(dict(EVENT))
            await client.send([event], enforce_https=False)

    ours, theirs = seen
    assert ours[:2] == theirs[:2]
    assert isinstance(theirs[2], list)
    theirs[2][0]["time"] = EVENT["time"]  # the same moment, written another way
    assert ours[2] == theirs[2]


async def test_the_server_takes_what_azures_own_client_sends() -> None:
    async with (
        event_grid_topic.serving() as server,
        EventGridPublisherClient(f"{server.url}/api/events", SigningCredential()) as client,  # type: ignore[arg-type]
    ):
        event: AzureEvent[object] = AzureEvent.from_dict(dict(EVENT))
        await client.send([event, event], enforce_https=False)

        assert [one["id"] for one in server.events] == [EVENT["id"]] * 2
