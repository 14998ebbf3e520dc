"""The `run-requests` queue, for the gateway's own messages, and the queues `run-results` and `run-outcomes`."""

import base64
from typing import Final, Literal, override

from shared.adapters.storage.account import Account
from shared.following_ports import OutcomeMessages
from shared.ports import Poisoned, Receipt, Requests, Results
from shared.runs.outcome import RunOutcome
from shared.runs.request import Follow, Resume
from shared.runs.result import RunResult

# Seconds. The table service gives its time in whole seconds (the Date of an answer), so a message that became
# visible exactly when its record is due would mostly find it a little too young, and be deferred once more.
GRAIN: Final = 1.0


class RequestQueue(Requests):
    """The gateway's own messages, as plain JSON: our reader accepts both encodings."""

    def __init__(self, account: Account, queue: str) -> None:
        self._account = account
        self._queue = queue

    @override
    async def enqueue(self, message: Resume | Follow, delay: float) -> Receipt:
        queue = self._account.queue(self._queue)
        return await queue.put(message.to_json(), delay=_later(delay))

    @override
    async def postpone(self, receipt: Receipt, delay: float) -> bool:
        return await self._account.queue(self._queue).hide(receipt, _later(delay))

    @override
    async def withdraw(self, receipt: Receipt) -> None:
        await self._account.queue(self._queue).delete(receipt)


def _later(delay: float) -> float:
    return delay + GRAIN if delay > 0 else 0.0


class PoisonQueue(Poisoned):
    """The messages that the platform gave up on, and their way back."""

    def __init__(self, account: Account, requests_queue: str) -> None:
        self._account = account
        self._requests = requests_queue
        self._poison = f"{requests_queue}-poison"

    @override
    async def take(self, lease: float) -> list[tuple[bytes, Receipt]]:
        taken = await self._account.queue(self._poison).take(lease)
        return [(text.encode(), receipt) for text, receipt in taken]

    @override
    async def put_back(self, body: bytes, receipt: Receipt | None = None) -> None:
        # Put before delete: a duplicate finds its record, but a lost message would be lost for good.
        await self._account.queue(self._requests).put(body.decode())
        if receipt is not None:
            await self._account.queue(self._poison).delete(receipt)


class AnswerQueue(Results, OutcomeMessages):
    """Results or outcomes, one JSON object in each message, in the encoding that their readers expect."""

    def __init__(
        self, account: Account, queue: str, *, encoding: Literal["base64", "none"] = "base64"
    ) -> None:
        self._account = account
        self._queue = queue
        self._encoding = encoding

    @override
    async def publish(self, answer: RunResult | RunOutcome, /) -> None:
        text = answer.to_json()
        if self._encoding == "base64":
            text = base64.b64encode(text.encode()).decode()
        await self._account.queue(self._queue).put(text)
