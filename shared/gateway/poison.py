"""Messages that the platform gave up on: each is answered, and nothing is ever sent from here.

Such a message comes with its body alone: a poison copy has lost its message id, its reason and its dequeue count
(azure-sdk-for-net, QueueProcessor.CopyMessageToPoisonQueueAsync).
"""

from typing import Final

from shared.gateway.attempt import Exhausted
from shared.gateway.gateway import Gateway, unreadable
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import RecordUnreadable
from shared.ports import Records, Requests
from shared.runs import payload
from shared.runs.delivery import Delivery, Source
from shared.runs.record import FINAL
from shared.runs.request import QUEUE_LIMIT, Rejection, Resume, RunRequest, decode, told

PRINCIPAL: Final = "queue"
LAST_ROUND: Final = 12  # with the delays below that is a day and a few hours
FIRST_DELAY: Final = 60.0
LONGEST_DELAY: Final = 6 * 3600.0


class Poison:
    """Answers messages of the poison queue, so that none of them is swallowed."""

    def __init__(self, *, records: Records, requests: Requests, gateway: Gateway) -> None:
        self._records = records
        self._requests = requests
        self._gateway = gateway

    async def receive(self, body: bytes, message_id: str) -> None:
        """Answer one message. Raises `StorageUnavailable` alone; the platform shows it again."""
        delivery = Delivery(id=message_id, source=Source.POISON)
        message = decode(body, default_id=f"msg-{message_id}", limit=QUEUE_LIMIT)
        if not isinstance(message, Resume):
            delivery = told(delivery, message)
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
            owed = (isinstance(message, Resume) and message.delivery) or delivery
            await self._gateway.turn_away(unreadable(request_id, error), owed, PRINCIPAL)

    async def _resume(self, message: Resume, delivery: Delivery) -> None:
        """Put an open request back on the queue, later each time, and answer it after the last."""
        stored = await self._records.get(message.resume)
        if stored is None or stored.record.status in FINAL:
            await self._gateway.resume(message, delivery)
            return
        payload.read(stored.record)  # what nobody can work on is answered now
        if message.rounds >= LAST_ROUND:
            error = CloudError(
                code=Code.DELIVERY_EXHAUSTED,
                message="The request could not be worked on for a day. A run may exist.",
            )
            rejection = Rejection(error=error, request_id=message.resume, may_run=True)
            owed = message.delivery or stored.record.delivery
            await self._gateway.turn_away(rejection, owed, message.principal)
            return
        again = message.model_copy(update={"rounds": message.rounds + 1})
        await self._requests.enqueue(again, _delay(message.rounds))


_NEVER_SENT: Final = Exhausted(
    error=CloudError(
        code=Code.DELIVERY_EXHAUSTED,
        message="The request could not be taken up in all of its deliveries. It was never sent.",
    ),
    may_run=False,
)


def _nameless(request: RunRequest) -> Exhausted:
    """A request without an id had its message's, which is lost: a run of it may exist."""
    message = (
        "The request named no requestId and lost its message id on the way to the poison queue: a run may "
        "exist. Look in Synapse, then put it back under an id of your own: "
        f'make requeue ARGS="--record {request.request_id} --as <requestId>"'
    )
    return Exhausted(error=CloudError(code=Code.DELIVERY_EXHAUSTED, message=message), may_run=True)


def _delay(rounds: int) -> float:
    """Return the seconds before a message that has come back so often shows again: at once the first time."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0**rounds) if rounds else 0.0
