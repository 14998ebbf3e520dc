"""The outbox queue and the Event Grid topic in memory."""

import itertools
from dataclasses import dataclass
from typing import override

from shared.ports import Evidence, Outbox, Topic
from shared.runs import cloud_event
from shared.runs.cloud_event import CloudEvent, OutboxMessage
from shared.synapse.reply import Answer, Lost
from tests.fakes.clock import FakeClock
from tests.fakes.mishaps import Mishaps

URL = "https://runs.westeurope-1.eventgrid.azure.net/api/events"
TAKEN = Answer(status=200, headers={}, body=b"")


@dataclass(frozen=True, slots=True)
class Delayed:
    """A message, and when it shows, in the clock's monotonic seconds."""

    message: OutboxMessage
    due: float


class FakeOutbox(Outbox):
    """`messages` are all that are on the queue, shown or not."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.messages: list[Delayed] = []
        self.mishaps = Mishaps()

    @override
    async def put(self, message: OutboxMessage, delay: float = 0.0) -> None:
        async with self.mishaps.around("put"):
            read = cloud_event.read(message.to_json().encode())
            assert read is not None
            self.messages.append(Delayed(read, self._clock.monotonic() + delay))

    def take_next(self) -> bytes | None:
        """Take the message that shows next off the queue, moving time on to it."""
        if not self.messages:
            return None
        found = min(self.messages, key=lambda one: one.due)
        self.messages.remove(found)
        self._clock.advance(max(0.0, found.due - self._clock.monotonic()))
        return found.message.to_json().encode()


class FakeTopic(Topic):
    """Answers as `answers` say, then takes everything; `taken` are the events that it has."""

    def __init__(self, *answers: Answer | Lost) -> None:
        self.url = URL
        self._answers = itertools.chain(answers, itertools.repeat(TAKEN))
        self.calls = 0
        self.taken: list[CloudEvent] = []
        self.evidence = Evidence()

    @override
    async def post(self, event: CloudEvent) -> Answer | Lost:
        self.calls += 1
        answer = next(self._answers)
        if isinstance(answer, Answer) and answer.status == 200:
            self.taken.append(event)
        return answer

    @override
    def posted(self) -> Evidence:
        return self.evidence
