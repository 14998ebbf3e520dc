"""What becomes of a message that the platform gave up on?

It comes with its body alone: a poison copy has lost its message id, its reason and its dequeue count
(azure-sdk-for-net, QueueProcessor.CopyMessageToPoisonQueueAsync). Nothing is ever sent from here.
"""

from typing import Final

from shared.cloud_error import CloudError
from shared.delivery import Delivery, Source
from shared.errors import RecordUnreadable, StorageUnavailable
from shared.gateway import Gateway, unreadable
from shared.policy import Policy
from shared.ports import Clock, Overtaken, Records, Requests, Stored
from shared.record import FINAL, Place, claim, fail, reject
from shared.run_request import QUEUE_LIMIT, Rejection, Resume, RunRequest, decode, told
from shared.stored_request import close

PRINCIPAL: Final = "queue"


class Poison:
    """Answers messages of the poison queue, so that none of them is swallowed."""

    def __init__(
        self,
        *,
        clock: Clock,
        records: Records,
        requests: Requests,
        policy: Policy,
        gateway: Gateway,
    ) -> None:
        self._clock = clock
        self._records = records
        self._requests = requests
        self._policy = policy
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
            elif request_id == f"msg-{message_id}":
                await self._give_up_nameless(message, delivery)
            else:
                await self._give_up(message, delivery)
        except RecordUnreadable as error:
            await self._gateway.turn_away(unreadable(request_id, error), delivery, PRINCIPAL)

    async def _resume(self, message: Resume, delivery: Delivery) -> None:
        stored = await self._records.get(message.resume)
        if stored is None or stored.record.status in FINAL:
            await self._gateway.resume(message, delivery)
        else:
            await self._requests.enqueue(message, 0.0)

    async def _give_up(self, request: RunRequest, delivery: Delivery) -> None:
        """A request by its id: its record answers, and where none is, it was never sent."""
        error = CloudError(
            code="DeliveryExhausted",
            message="The request could not be taken up in all of its deliveries. It was never sent.",
        )
        now = self._clock.now()
        first = reject(claim(request, self._place(request), delivery, PRINCIPAL, now), error, now)
        inserted = await self._records.insert(close(first))
        if isinstance(inserted, Overtaken):
            if inserted.stored is None:
                msg = "The record was deleted while it was looked at."
                raise StorageUnavailable(msg)
            standing = inserted.stored.record
            if standing.status not in FINAL:
                owed = Resume(
                    resume=request.request_id, delivery=delivery, fingerprint=first.fingerprint
                )
                await self._requests.enqueue(owed, 0.0)
                return
        await self._gateway.follow(inserted, request, delivery, PRINCIPAL)

    async def _give_up_nameless(self, request: RunRequest, delivery: Delivery) -> None:
        """A request without an id had its message's, which is lost: a run of it may exist."""
        error = CloudError(
            code="DeliveryExhausted",
            message=(
                "The request named no requestId and lost its message id on the way to the poison "
                "queue: a run may exist. Look in Synapse, then put it back under an id of your own: "
                f"python -m shared.triggers.requeue --record {request.request_id} --as <requestId>"
            ),
        )
        now = self._clock.now()
        first = fail(claim(request, self._place(request), delivery, PRINCIPAL, now), error, now)
        inserted = await self._records.insert(close(first))
        if isinstance(inserted, Stored):
            await self._gateway.publish(inserted.record, delivery, PRINCIPAL)
        elif inserted.stored is not None:
            await self._gateway.publish(inserted.stored.record, delivery, PRINCIPAL)

    def _place(self, request: RunRequest) -> Place:
        place = self._policy.place(request, PRINCIPAL)
        if isinstance(place, Place):
            return place
        return Place(name=request.workspace or self._policy.default_workspace, endpoint="")
