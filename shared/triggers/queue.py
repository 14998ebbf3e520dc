"""Takes messages of the requests queue and of its poison queue."""

from collections.abc import Awaitable, Callable

import azure.functions as func

from shared.gateway import delivery_log
from shared.gateway.gateway import Gateway, unreadable
from shared.gateway.poison import Poison
from shared.kernel.errors import RecordUnreadable
from shared.runs.delivery import Delivery, Source
from shared.runs.request import QUEUE_LIMIT, Follow, Rejection, Resume, decode, with_ids

PRINCIPAL = "queue"

#: Takes the event in a message (Event Grid's destination "storage queue"); False if the message holds none.
TakeEvent = Callable[[bytes, Delivery], Awaitable[bool]]


#: Goes on with a chain that follows open runs.
TakeFollow = Callable[[Follow], Awaitable[None]]


async def receive(
    gateway: Gateway,
    message: func.QueueMessage,
    follow: TakeFollow,
    take_event: TakeEvent | None = None,
) -> None:
    """Take one message. Bad content never raises. A storage failure does, and the platform redelivers the message."""
    body, delivery = message.get_body(), Delivery(id=message.id or "", source=Source.QUEUE)
    request = decode(body, default_id=f"msg-{delivery.id}", limit=QUEUE_LIMIT)
    if isinstance(request, Follow):
        await follow(request)
        return
    if isinstance(request, Rejection):
        if take_event and await take_event(body, delivery):
            return
        await gateway.turn_away(request, with_ids(delivery, request), PRINCIPAL)
        return
    try:
        if isinstance(request, Resume):
            await gateway.resume(request, delivery)
        else:
            await gateway.submit(request, with_ids(delivery, request), PRINCIPAL)
    except RecordUnreadable as error:
        request_id = request.resume if isinstance(request, Resume) else request.request_id
        await gateway.note(unreadable(request_id, error), delivery, PRINCIPAL)
        raise  # a newer version of the app may be able to read it: see the poison queue in docs/operate.md


async def receive_poisoned(
    poison: Poison, message: func.QueueMessage, take_event: TakeEvent
) -> None:
    """Take one message that the platform gave up on.

    An event is taken once more: the ids of its requests derive from it, so none is started twice. A request whose
    record can't be read is answered: a run may exist. Raises only `StorageUnavailable`.
    """
    delivery = Delivery(id=message.id or "", source=Source.POISON)
    if await take_event(message.get_body(), delivery):
        delivery_log.poisoned(delivery.id, None)
    else:
        await poison.receive(message.get_body(), delivery.id)
