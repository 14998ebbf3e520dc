"""The way of an event from the outbox to the topic, and back where the topic does not take it."""

import logging
from datetime import UTC, datetime

import pytest

from shared.gateway.event_post import EventPost, NotPosted, Reason, read_answer
from shared.gateway.throttle import NotAsked
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import StorageUnavailable
from shared.runs import cloud_event
from shared.synapse.reply import Answer, Lost
from tests.fakes.clock import FakeClock
from tests.fakes.topic import FakeOutbox, FakeTopic
from tests.unit.runs.test_cloud_event import a_message

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
AWAY = Lost(
    sent=True, error=CloudError(code=Code.OUTCOME_UNKNOWN, message="No answer came [ServerGone].")
)


def answered(status: int, body: bytes = b"", **headers: str) -> Answer:
    return Answer(
        status=status,
        headers={name.replace("_", "-"): text for name, text in headers.items()},
        body=body,
    )


class World:
    """One process that posts, the outbox and the topic."""

    def __init__(self, *answers: Answer | Lost) -> None:
        self.clock = FakeClock()
        self.outbox = FakeOutbox(self.clock)
        self.topic = FakeTopic(*answers)
        self.post = EventPost(clock=self.clock, outbox=self.outbox, topic=self.topic)

    async def send(self) -> None:
        await self.post.send(a_message().to_json().encode())

    async def drain(self) -> None:
        while (body := self.outbox.take_next()) is not None:
            await self.post.send(body)

    def delays(self) -> list[float]:
        return [one.due - self.clock.monotonic() for one in self.outbox.messages]


async def test_an_event_is_posted_and_is_on_no_queue_after_that() -> None:
    world = World()

    await world.send()

    assert world.topic.taken == [a_message().event]
    assert world.outbox.messages == []


@pytest.mark.parametrize(
    "answer", [AWAY, *(answered(status) for status in (400, 401, 403, 404, 413, 429, 500, 503))]
)
async def test_what_is_not_taken_comes_again_until_it_is(answer: Answer | Lost) -> None:
    world = World(*[answer] * 40)

    await world.send()
    await world.drain()

    assert world.topic.taken == [a_message().event]
    assert world.topic.calls == 41


async def test_each_round_waits_longer_and_ten_minutes_at_most() -> None:
    world = World(*[AWAY] * 20)
    await world.send()

    delays = []
    while world.outbox.messages:
        delays += world.delays()
        body = world.outbox.take_next()
        assert body is not None
        await world.post.send(body)

    assert len(delays) == 20
    assert delays[0] < 5
    assert delays == sorted(delays)
    assert max(delays) <= 600


async def test_retry_after_is_kept_and_other_events_wait_without_a_call() -> None:
    world = World(answered(429, retry_after="120"))

    await world.send()
    await world.send()

    assert world.topic.calls == 1
    assert all(delay >= 120 for delay in world.delays())
    await world.drain()
    assert len(world.topic.taken) == 2


async def test_retry_after_of_a_503_is_kept() -> None:
    world = World(answered(503, retry_after="700"))

    await world.send()

    assert world.delays()[0] >= 700


async def test_an_event_that_can_t_be_put_back_is_delivered_again() -> None:
    world = World(AWAY)
    world.outbox.mishaps.fail("put")

    with pytest.raises(StorageUnavailable):
        await world.send()


async def test_what_the_platform_gave_up_on_goes_back_later_each_time() -> None:
    world = World()

    for rounds in (0, 1, 8):
        await world.post.put_back(a_message(rounds).to_json().encode())

    assert [one.message.rounds for one in world.outbox.messages] == [1, 2, 9]
    assert world.delays() == sorted(world.delays())
    assert world.delays()[0] >= 2
    assert world.topic.calls == 0


@pytest.mark.parametrize("method", ["send", "put_back"])
async def test_what_is_no_event_is_dropped_and_named_by_length_and_hash(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()

    await getattr(world.post, method)(b"hunter2")

    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("run_gateway.event_unreadable bytes=7 sha256=")
    assert "hunter2" not in line
    assert world.outbox.messages == []


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (NotAsked(seconds=3.0, error=AWAY.error), Reason.RESTING),
        (AWAY, Reason.UNAVAILABLE),
        (answered(401), Reason.UNAUTHORIZED),
        (answered(403), Reason.FORBIDDEN),
        (answered(404), Reason.NOT_FOUND),
        (answered(408), Reason.UNAVAILABLE),
        (answered(429), Reason.THROTTLED),
        (answered(400), Reason.REFUSED),
        (answered(413), Reason.REFUSED),
        (answered(302), Reason.REFUSED),
        (answered(500), Reason.UNAVAILABLE),
        (answered(503), Reason.UNAVAILABLE),
    ],
)
def test_each_answer_has_its_reason(outcome: Answer | Lost | NotAsked, reason: Reason) -> None:
    found = read_answer(outcome, NOW)

    assert found is not None
    assert found.reason is reason
    assert found.sentence.endswith((".", "?", "]."))


def test_the_topic_s_own_words_are_kept() -> None:
    body = b'{"error": {"code": "Unauthorized", "message": "No permission to send data."}}'

    assert read_answer(answered(401, body), NOW) == NotPosted(
        reason=Reason.UNAUTHORIZED,
        sentence="The identity lacks EventGrid Data Sender on the topic.",
        status=401,
        error="Unauthorized: No permission to send data.",
    )


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (AWAY, logging.WARNING, "reason=unavailable"),
        (answered(429, retry_after="9"), logging.WARNING, "reason=throttled status=429"),
        (answered(401), logging.ERROR, "reason=unauthorized status=401"),
        (answered(403), logging.ERROR, "reason=forbidden status=403"),
        (answered(404), logging.ERROR, "reason=notFound status=404"),
    ],
)
async def test_one_line_says_why_an_event_waits(
    answer: Answer | Lost, level: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="run_gateway")
    world = World(answer)

    await world.send()
    await world.drain()

    first, last = caplog.records
    event = cloud_event.read(a_message().to_json().encode())
    assert event is not None
    assert first.levelno == level
    assert first.getMessage().startswith(
        f"run_gateway.event_deferred eventId={event.event['id']} requestId=order-17"
        " type=SynapseRunGateway.RequestFailed rounds=0 seconds="
    )
    assert words in first.getMessage()
    assert last.getMessage().startswith("run_gateway.event_posted ")
    assert " rounds=1" in last.getMessage()
