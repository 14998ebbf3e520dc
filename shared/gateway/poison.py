"""Answers the messages that the platform gave up on; sends nothing to Synapse.

Only the body of such a message is left: a poison copy has lost its message id, its reason and its dequeue count
(azure-sdk-for-net, QueueProcessor.CopyMessageToPoisonQueueAsync).
"""

from typing import Final

from shared.gateway import delivery_log
from shared.gateway.attempt import Exhausted
from shared.gateway.gateway import Gateway, unreadable
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import RecordUnreadable
from shared.ports import Records, Requests
from shared.runs import payload
from shared.runs.delivery import Delivery, Source
from shared.runs.record import FINAL
from shared.runs.request import QUEUE_LIMIT, Follow, Rejection, Resume, RunRequest, decode, with_ids

PRINCIPAL: Final = "queue"
LAST_ROUND: Final = 12  # with the delays below, after a day and a few hours
FIRST_DELAY: Final = 60.0
LONGEST_DELAY: Final = 6 * 3600.0
FOLLOW_DELAY: Final = 300.0


class Poison:
    """Answers messages of the poison queue, so that none is lost."""

    def __init__(self, *, records: Records, requests: Requests, gateway: Gateway) -> None:
        self._records = records
        self._requests = requests
        self._gateway = gateway

    async def receive(self, body: bytes, message_id: str) -> None:
        """Answer one message. Raises only `StorageUnavailable`; then the platform delivers it again."""
        delivery = Delivery(id=message_id, source=Source.POISON)
        message = decode(body, default_id=f"msg-{message_id}", limit=QUEUE_LIMIT)
        if isinstance(message, Follow):
            # Later: whatever made it fail is given time. A message of a chain that has gone on is dropped.
            await self._requests.enqueue(message, FOLLOW_DELAY)
            return
        if not isinstance(message, Resume):
            delivery = with_ids(delivery, message)
        delivery_log.poisoned(message_id, message)
        if isinstance(message, Rejection):
            await self._gateway.turn_away(message, delivery, PRINCIPAL)
            return
        request_id = message.resume if isinstance(message, Resume) else message.request_id
        try:
            if isinstance(message, Resume):
                await self._resume(message, delivery)
            else:
                is_nameless = request_id == f"msg-{message_id}"
                exhausted = _nameless(message) if is_nameless else _NEVER_SENT
                await self._gateway.exhaust(message, delivery, PRINCIPAL, exhausted)
        except RecordUnreadable as error:
            recipient = (isinstance(message, Resume) and message.delivery) or delivery
            await self._gateway.turn_away(unreadable(request_id, error), recipient, PRINCIPAL)

    async def _resume(self, message: Resume, delivery: Delivery) -> None:
        """Put an open request back on the queue, later each time, and answer it after the last."""
        stored = await self._records.get(message.resume)
        if stored is None or stored.record.status in FINAL:
            await self._gateway.resume(message, delivery)
            return
        payload.read(stored.record)  # raises: an unreadable request is answered now
        if message.rounds >= LAST_ROUND:
            error = CloudError(
                code=Code.DELIVERY_EXHAUSTED,
                message="The request could not be processed for a day. A run may exist.",
            )
            rejection = Rejection(error=error, request_id=message.resume, may_run=True)
            recipient = message.delivery or stored.record.delivery
            await self._gateway.turn_away(rejection, recipient, message.principal)
            return
        next_round = message.model_copy(update={"rounds": message.rounds + 1})
        await self._requests.enqueue(next_round, _delay(message.rounds))


_NEVER_SENT: Final = Exhausted(
    error=CloudError(
        code=Code.DELIVERY_EXHAUSTED,
        message="The request could not be processed in any of its deliveries. It was never sent.",
    ),
    may_run=False,
)


def _nameless(request: RunRequest) -> Exhausted:
    """Return the end of a request that had its message's id, which is lost: a run of it may exist."""
    message = (
        "The request named no requestId and lost its message id on the way to the poison queue: a run may "
        "exist. Look in Synapse, then put it back under an id of your own: "
        f'make requeue ARGS="--record {request.request_id} --as <requestId>"'
    )
    return Exhausted(error=CloudError(code=Code.DELIVERY_EXHAUSTED, message=message), may_run=True)


def _delay(rounds: int) -> float:
    """Return the seconds for which a message is hidden after so many rounds: 0 the first time."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0**rounds) if rounds else 0.0
