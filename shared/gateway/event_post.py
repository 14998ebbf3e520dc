"""Posts the outbox's events to the Event Grid topic; one that was not taken goes back, later each time.

An event is acknowledged once the topic has it or the queue has it again, so it arrives at least once: a process that
dies in between leaves both, with one id.
"""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.gateway.throttle import Lane, NotAsked
from shared.kernel import cloud_error, log_line
from shared.ports import Clock, Outbox, Topic
from shared.runs import cloud_event
from shared.runs.cloud_event import CloudEvent, OutboxMessage
from shared.synapse import retry
from shared.synapse.reply import Answer, Lost

AT_ONCE: Final = 16  # posts of one process


class Reason(StrEnum):
    """Why the topic has not taken an event. Only the first three pass by themselves."""

    RESTING = "resting"  #: an earlier answer asked to wait
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "notFound"
    REFUSED = "refused"


_PASSING: Final = frozenset({Reason.RESTING, Reason.THROTTLED, Reason.UNAVAILABLE})
#: What an answer means, by its status. A missing role is answered 401 (azure-sdk-for-net #22831).
_REASONS: Final = {
    401: (Reason.UNAUTHORIZED, "The identity lacks EventGrid Data Sender on the topic."),
    403: (Reason.FORBIDDEN, "The topic's network rules don't let the app in."),
    404: (Reason.NOT_FOUND, "There is no topic at OUTCOME_TOPIC_ENDPOINT."),
    408: (Reason.UNAVAILABLE, "The topic was too slow."),
    429: (Reason.THROTTLED, "The topic is throttled."),
}
_UNAVAILABLE: Final = (Reason.UNAVAILABLE, "The topic is not available.")
_REFUSED: Final = (Reason.REFUSED, "The topic takes no such events: is its schema CloudEvents 1.0?")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPosted:
    """The topic has not taken an event."""

    reason: Reason
    sentence: str
    status: int | None = None
    error: str | None = None  #: the service's own words
    retry_after: float | None = None  #: seconds


def read_answer(outcome: Answer | Lost | NotAsked, now: datetime) -> NotPosted | None:
    """Return why an event was not taken; None if it was."""
    match outcome:
        case NotAsked(seconds=seconds):
            sentence = "The topic asked to wait, or is busy with earlier events."
            return NotPosted(reason=Reason.RESTING, sentence=sentence, retry_after=seconds)
        case Lost(error=error):
            return NotPosted(reason=Reason.UNAVAILABLE, sentence=error.message)
        case Answer(status=status) if 200 <= status < 300:
            return None
        case Answer(status=status, body=body, headers=headers):
            reason, sentence = _REASONS.get(status, _UNAVAILABLE if status >= 500 else _REFUSED)
            said = cloud_error.read(body, http_status=status) if body.strip() else None
            return NotPosted(
                reason=reason,
                sentence=sentence,
                status=status,
                error=f"{said.code}: {said.message}" if said else None,
                retry_after=retry.retry_after(headers, now),
            )


class EventPost:
    """Takes one message of the outbox, or of its poison queue, at a time."""

    def __init__(self, *, clock: Clock, outbox: Outbox, topic: Topic) -> None:
        self._clock = clock
        self._outbox = outbox
        self._topic = topic
        self._lane = Lane(clock, AT_ONCE)

    async def send(self, body: bytes) -> None:
        """Post one event, or put it back. Raises only `StorageUnavailable`; then the platform delivers it again."""
        message = _read(body)
        if message is None:
            return
        failure = await self.post(message.event)
        if failure is not None:
            await self._defer(message, failure)
            return
        log_line.write(
            logging.INFO,
            "event_posted",
            eventId=message.event.get("id"),
            requestId=message.event.get("subject"),
            type=message.event.get("type"),
            rounds=message.rounds,
        )

    async def post(self, event: CloudEvent) -> NotPosted | None:
        """Post one event; return why the topic has not taken it, None if it has."""
        outcome = await self._lane.ask(lambda: self._topic.post(event))
        return read_answer(outcome, self._clock.now())

    async def _defer(self, message: OutboxMessage, failure: NotPosted) -> None:
        # After a 429 the lane rests, too: events that come meanwhile are not posted.
        asked, jitter = failure.retry_after, self._clock.jitter()
        seconds = retry.wait_for_throttle(asked, message.rounds + 1, jitter)
        log_line.write(
            logging.WARNING if failure.reason in _PASSING else logging.ERROR,
            "event_deferred",
            eventId=message.event.get("id"),
            requestId=message.event.get("subject"),
            type=message.event.get("type"),
            rounds=message.rounds,
            seconds=round(seconds, 1),
            reason=failure.reason,
            status=failure.status,
            message=failure.sentence,
            error=failure.error,
        )
        await self._outbox.put(message.next_round(), seconds)

    async def put_back(self, body: bytes) -> None:
        """Put an event back that the platform gave up on. Raises only `StorageUnavailable`."""
        message = _read(body)
        if message is None:
            return
        seconds = retry.backoff(message.rounds + 1, self._clock.jitter())
        log_line.write(
            logging.WARNING,
            "event_put_back",
            eventId=message.event.get("id"),
            requestId=message.event.get("subject"),
            type=message.event.get("type"),
            rounds=message.rounds,
            seconds=round(seconds, 1),
        )
        await self._outbox.put(message.next_round(), seconds)


def _read(body: bytes) -> OutboxMessage | None:
    """Read a message; one that is not ours is dropped, and its length and hash are logged."""
    message = cloud_event.read(body)
    if message is None:
        digest = hashlib.sha256(body).hexdigest()
        log_line.write(logging.ERROR, "event_unreadable", bytes=len(body), sha256=digest)
    return message
