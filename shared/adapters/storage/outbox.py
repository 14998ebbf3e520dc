"""The `run-outbox` queue, and the results and outcomes that are written there beside their own queues."""

import asyncio
from typing import override

from shared.adapters.storage.account import Account
from shared.following_ports import OutcomeMessages
from shared.ports import Outbox, Results
from shared.runs import cloud_event
from shared.runs.cloud_event import OutboxMessage
from shared.runs.outcome import RunOutcome
from shared.runs.result import RunResult


class OutboxQueue(Outbox):
    """Events as plain JSON: only the gateway reads them."""

    def __init__(self, account: Account, queue: str) -> None:
        self._account = account
        self._queue = queue

    @override
    async def put(self, message: OutboxMessage, delay: float = 0.0) -> None:
        await self._account.queue(self._queue).put(message.to_json(), delay=delay)


class ResultsAndEvents(Results):
    """Publishes a result on its own queue and, as an event, on the outbox. A failure of either is the delivery's."""

    def __init__(self, results: Results, outbox: Outbox, *, source: str) -> None:
        self._results = results
        self._outbox = outbox
        self._source = source

    @override
    async def publish(self, result: RunResult) -> None:
        event = cloud_event.of_result(result, self._source)
        await asyncio.gather(
            self._results.publish(result), self._outbox.put(OutboxMessage(event=event))
        )


class OutcomesAndEvents(OutcomeMessages):
    """Publishes an outcome on its own queue, if there is one, and, as an event, on the outbox."""

    def __init__(self, messages: OutcomeMessages | None, outbox: Outbox, *, source: str) -> None:
        self._messages = messages
        self._outbox = outbox
        self._source = source

    @override
    async def publish(self, outcome: RunOutcome) -> None:
        event = OutboxMessage(event=cloud_event.of_outcome(outcome, self._source))
        if self._messages:
            await self._messages.publish(outcome)
        await self._outbox.put(event)
