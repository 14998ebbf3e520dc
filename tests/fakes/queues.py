"""The `run-requests` and `run-results` queues in memory."""

import itertools
from dataclasses import dataclass, replace
from typing import Final, override

from shared.ports import Poisoned, Receipt, Requests, Results
from shared.runs.request import Follow, Resume
from shared.runs.result import RunResult
from tests.fakes.clock import FakeClock
from tests.fakes.mishaps import Mishaps

LONGEST_DELAY: Final = 6 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One of the gateway's own messages."""

    resume: Resume
    due: float  #: when it shows, in the clock's monotonic seconds
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowMessage:
    """A message that continues a chain."""

    follow: Follow
    due: float
    receipt: Receipt


class FakeRequests(Requests):
    """`messages` are all that are on the queue, shown or not; those that continue chains are in `follows`."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self.messages: list[Message] = []
        self.follows: list[FollowMessage] = []
        self.mishaps = Mishaps()

    def due(self) -> list[Message]:
        """Return the messages that show now; they stay on the queue."""
        return [message for message in self.messages if message.due <= self._clock.monotonic()]

    def take_due(self) -> list[Message]:
        """Take the messages that show now off the queue, as a platform that acknowledges them."""
        taken = self.due()
        self.messages = [message for message in self.messages if message not in taken]
        return taken

    def seize(self, message: Message, seconds: float = 30.0) -> Message:
        """Hide a message as a platform does that works on it: receipts given out before are void."""
        hidden = replace(
            message, due=self._clock.monotonic() + seconds, receipt=self._receipt(message.receipt)
        )
        self.messages[self.messages.index(message)] = hidden
        return hidden

    def take_follow(self) -> FollowMessage | None:
        """Take the message that continues a chain and shows next off the queue, due or not."""
        if not self.follows:
            return None
        taken = min(self.follows, key=lambda message: message.due)
        self.follows.remove(taken)
        return taken

    @override
    async def enqueue(self, message: Resume | Follow, delay: float) -> Receipt:
        async with self.mishaps.around("enqueue"):
            due, receipt = self._due(delay), self._receipt()
            if isinstance(message, Follow):
                self.follows.append(FollowMessage(follow=message, due=due, receipt=receipt))
            else:
                self.messages.append(Message(resume=message, due=due, receipt=receipt))
            return receipt

    @override
    async def postpone(self, receipt: Receipt, delay: float) -> bool:
        async with self.mishaps.around("postpone"):
            for i, message in enumerate(self.messages):
                if message.receipt == receipt:
                    self.messages[i] = replace(
                        message, due=self._due(delay), receipt=self._receipt(receipt)
                    )
                    return True
            for i, follow in enumerate(self.follows):
                if follow.receipt == receipt:
                    self.follows[i] = replace(
                        follow, due=self._due(delay), receipt=self._receipt(receipt)
                    )
                    return True
            return False

    @override
    async def withdraw(self, receipt: Receipt) -> None:
        async with self.mishaps.around("withdraw"):
            self.messages = [one for one in self.messages if one.receipt != receipt]
            self.follows = [one for one in self.follows if one.receipt != receipt]

    def _due(self, delay: float) -> float:
        return self._clock.monotonic() + min(max(delay, 0.0), LONGEST_DELAY)

    def _receipt(self, earlier: Receipt | None = None) -> Receipt:
        number = next(self._numbers)
        name = earlier.message_id if earlier else f"message {number}"
        return Receipt(message_id=name, pop_receipt=f"receipt {number}")


class FakeResults(Results):
    """`published` has what was published, in that order; a result published twice stands there twice."""

    def __init__(self) -> None:
        self.published: list[RunResult] = []
        self.mishaps = Mishaps()

    @override
    async def publish(self, result: RunResult) -> None:
        async with self.mishaps.around("publish"):
            self.published.append(RunResult.model_validate_json(result.to_json()))


class FakePoisoned(Poisoned):
    """`bodies` lie on the poison queue, taken or not; `put` has what went back to the requests queue."""

    def __init__(self, bodies: list[bytes]) -> None:
        self._lying = dict(enumerate(bodies))
        self._hidden: set[int] = set()
        self.put: list[bytes] = []

    @property
    def bodies(self) -> list[bytes]:
        return list(self._lying.values())

    @override
    async def take(self, lease: float) -> list[tuple[bytes, Receipt]]:
        shown = [number for number in self._lying if number not in self._hidden]
        self._hidden.update(shown)
        return [
            (self._lying[number], Receipt(message_id=str(number), pop_receipt=""))
            for number in shown
        ]

    @override
    async def put_back(self, body: bytes, receipt: Receipt | None = None) -> None:
        self.put.append(body)
        if receipt is not None:
            self._lying.pop(int(receipt.message_id), None)
