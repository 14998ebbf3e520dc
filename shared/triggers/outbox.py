"""Takes messages of the outbox queue and of its poison queue."""

from typing import TYPE_CHECKING

import azure.functions as func

from shared.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from shared.gateway.event_post import EventPost


async def post(events: "EventPost | None", message: func.QueueMessage) -> None:
    """Post one event, or put it back. Raises only `StorageUnavailable`, and `Misconfigured` if there is no topic."""
    await _configured(events).send(message.get_body())


async def put_back(events: "EventPost | None", message: func.QueueMessage) -> None:
    """Put one event back that the platform gave up on. Raises as `post` does."""
    await _configured(events).put_back(message.get_body())


def _configured(events: "EventPost | None") -> "EventPost":
    if events is None:
        msg = "OUTCOME_TOPIC_ENDPOINT is not set."
        raise Misconfigured(msg)
    return events
