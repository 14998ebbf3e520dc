"""`/api/events` and `/api/hooks/{name}`: takes events over HTTP.

The answer is success once every valid event is safely enqueued, and 503 if storage fails; then the sender delivers
again. It is never 400: Event Grid drops events after one, and senders of webhooks would send the same again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

import azure.functions as func

from shared.api import headers
from shared.auth import webhook_signature
from shared.auth.webhook_signature import Reason
from shared.config.gateway_json import EventSenders, Hook
from shared.events import envelope, handshake, webhook_event
from shared.events.envelope import LIMIT, MAX_EVENTS, Item
from shared.events.event import Event
from shared.gateway.gateway import Deferred
from shared.kernel import log_line
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import RecordUnreadable, StorageUnavailable
from shared.ports import Clock
from shared.runs.delivery import Delivery, Source
from shared.runs.request import Content, Rejection
from shared.triggers import outage, responses
from shared.triggers.event_grid import Events, Taken, arrival

#: How many events of one call are recorded concurrently: Event Grid allows 30 s for a batch of thousands.
AT_ONCE: Final = 32
#: For how many events of one call that started nothing the answer gives the reasons; they help to try out rules.
MAX_REASONS: Final = 20
#: Event Grid waits at least as long after a 503 (learn, event-grid/delivery-and-retry).
RETRY_AFTER: Final = 30

Secrets = Mapping[str, tuple[bytes, ...] | CloudError]


class Webhooks:
    """The routes that take events over HTTP."""

    def __init__(
        self,
        *,
        events: Events,
        clock: Clock,
        senders: EventSenders,
        hooks: Mapping[str, Hook],
        secrets: Secrets,
    ) -> None:
        self._events = events
        self._clock = clock
        self._senders = senders
        self._hooks = hooks
        self._secrets = secrets
        self.refused: Counter[tuple[str, Reason]] = Counter()

    @property
    def faults(self) -> list[CloudError]:
        """The hooks without a usable secret."""
        return [found for found in self._secrets.values() if isinstance(found, CloudError)]

    async def events(self, request: func.HttpRequest, call_id: str) -> func.HttpResponse:
        """Serve `/api/events`: both handshakes, and any number of events in one call."""
        return await _safely(self._answer_events(request, call_id))

    async def hook(self, request: func.HttpRequest, call_id: str) -> func.HttpResponse:
        """Serve `/api/hooks/{name}`: the signature authenticates the sender, and `hook:{name}` is the principal."""
        return await _safely(self._answer_hook(request, call_id))

    async def _answer_events(self, request: func.HttpRequest, call_id: str) -> func.HttpResponse:
        if request.method.upper() == "OPTIONS":
            return self._permit(request.headers)
        body = request.get_body()
        if len(body) > LIMIT:
            return await self._too_large(_too_large(body), body, call_id)
        items = envelope.unpack(request.headers, body)
        if len(items) > MAX_EVENTS:
            return await self._too_large(_TOO_MANY, body, call_id)
        taken: list[Taken] = []
        passed_over: dict[int, dict[str, object]] = {}

        async def take(index: int, item: Item) -> None:
            if isinstance(item.event, Event) and handshake.is_own(item.event):
                _log_deleted(item.event)
                return
            found = await self._events.take_item(item, arrival(item.named or f"{call_id}/{index}"))
            taken.extend(found)
            if len(passed_over) < MAX_REASONS and (why_not := self._events.why_not(item, found)):
                passed_over[index] = why_not

        await _each(enumerate(items), take)
        # Event Grid sends a validation event by itself, but publishers of a topic can put one among other events.
        asked = handshake.validation([one.event for one in items if isinstance(one.event, Event)])
        if asked is not None:
            return _validated(asked)
        # 200, although 202 would be more exact: Azure's own publishing clients accept only 200.
        said = {"events": len(items), "requests": len(taken)} | _passed_over(passed_over)
        return responses.written(responses.dump(said))

    async def _answer_hook(self, request: func.HttpRequest, call_id: str) -> func.HttpResponse:
        name = request.route_params.get("name", "")
        hook = self._hooks.get(name)
        if hook is None:
            message = "The configuration names no such hook."
            return responses.refusal(CloudError(code=Code.NOT_FOUND, message=message))
        secrets = self._secrets[name]
        if isinstance(secrets, CloudError):
            return outage.unavailable("The hook is not configured.")
        trace = headers.traceparent(request.headers)
        delivery = Delivery(id=call_id, source=Source.HOOK, traceparent=trace)
        principal = f"hook:{name}"
        body = request.get_body()
        if len(body) > LIMIT:
            # Before it is hashed; an unauthenticated call leaves nothing in the audit.
            return responses.refusal(_too_large(body))
        webhook_id = self._verify(hook, request.headers, body, secrets)
        if isinstance(webhook_id, Reason):
            return self._refuse(name, webhook_id)
        item = webhook_event.read(name, hook, webhook_id, request.headers, body)
        taken = await self._events.take_item(item, delivery, principal)
        said = {"id": webhook_id, "requests": [_summary(one) for one in taken]}
        return responses.written(responses.dump(said), 202)

    def _permit(self, headers: Mapping[str, str]) -> func.HttpResponse:
        permission = handshake.permission(headers, self._senders)
        if permission is None:
            origin = headers.get("WebHook-Request-Origin", "")[:200]
            log_line.write(logging.WARNING, "origin_refused", origin=origin)
            message = "This origin may not send events here."
            return responses.refusal(CloudError(code=Code.NOT_PERMITTED, message=message))
        return func.HttpResponse(status_code=200, headers={"Allow": "POST, OPTIONS"} | permission)

    def _verify(
        self, hook: Hook, headers: Mapping[str, str], body: bytes, secrets: tuple[bytes, ...]
    ) -> str | Reason:
        if hook.scheme == "github":
            return webhook_signature.github(headers, body, secrets)
        return webhook_signature.standard_webhooks(headers, body, secrets, self._clock.now())

    def _refuse(self, name: str, reason: Reason) -> func.HttpResponse:
        """Refuse an invalid signature. It leaves only a log line and a count, so that no caller can fill audit or results."""
        self.refused[name, reason] += 1
        count = self.refused[name, reason]
        log_line.write(
            logging.WARNING, "hook_unauthenticated", hook=name, reason=reason, count=count
        )
        error = CloudError(code=Code.UNAUTHENTICATED, message=_SENTENCES[reason])
        body = responses.dump({"error": error.model_dump(by_alias=True)})
        return responses.written(body, 401, {"WWW-Authenticate": 'Webhook realm="run-gateway"'})

    async def _too_large(self, error: CloudError, body: bytes, call_id: str) -> func.HttpResponse:
        """Refuse with 413, the one refusal that helps: the sender may send the same events in smaller batches."""
        rejection = Rejection(error=error, request_id=None, content=Content.of(body))
        await self._events.refuse(rejection, arrival(call_id))
        return responses.refusal(error)


_LONGEST_URL: Final = 2000  # a truncated URL would be useless
_TOO_MANY: Final = CloudError(
    code=Code.REQUEST_TOO_LARGE, message=f"One call may hold up to {MAX_EVENTS} events."
)
_SENTENCES: Final = {
    Reason.MISSING: "A header of the signature is missing.",
    Reason.MALFORMED: "A header of the signature can't be read.",
    Reason.TOO_OLD: "The signature is older than five minutes.",
    Reason.TOO_NEW: "The signature was made more than five minutes in the future.",
    Reason.MISMATCH: "The signature does not match.",
}


async def _safely(answer: Awaitable[func.HttpResponse]) -> func.HttpResponse:
    """Answer 503 if anything was not safely enqueued: the sender delivers again, and what was enqueued is recognised."""
    try:
        return await answer
    except (StorageUnavailable, RecordUnreadable) as error:
        log_line.write(logging.WARNING, "events_not_taken", reason=error)
        again = CloudError(code=Code.GATEWAY_UNAVAILABLE, message=f"{error} Send it again.")
        return responses.refusal(again, retry_after=RETRY_AFTER)


async def _each(
    items: Iterable[tuple[int, Item]], work: Callable[[int, Item], Awaitable[None]]
) -> None:
    """Do the work for every item, `AT_ONCE` at a time, and raise a failure at the end.

    A record that can't be read stops no other item: it would do so each time. Other failures stop items not yet begun.
    """
    left = iter(items)
    unreadable: list[RecordUnreadable] = []

    async def worker() -> None:
        for index, item in left:
            try:
                await work(index, item)
            except RecordUnreadable as error:
                unreadable.append(error)

    ends = await asyncio.gather(*(worker() for _ in range(AT_ONCE)), return_exceptions=True)
    for end in (*ends, *unreadable):
        if end is not None:
            raise end


def _passed_over(why_not: Mapping[int, Mapping[str, object]]) -> dict[str, object]:
    """List the events that started nothing, in their order; an empty dict if there are none."""
    return {"passedOver": [why_not[index] for index in sorted(why_not)]} if why_not else {}


def _validated(asked: handshake.Validation) -> func.HttpResponse:
    """Return Event Grid's validation code, with 200: it accepts no other status."""
    if asked.code is None:
        log_line.write(
            logging.WARNING,
            "open_validation_url_by_hand_within_5_minutes",
            limit=_LONGEST_URL,
            topic=asked.topic,
            validationUrl=asked.url,
        )
        return responses.written("{}")
    log_line.write(logging.INFO, "subscription_validated", topic=asked.topic)
    return responses.written(responses.dump({"validationResponse": asked.code}))


def _log_deleted(event: Event) -> None:
    if event.type == handshake.DELETION:
        log_line.write(logging.INFO, "subscription_deleted", topic=event.source)


def _summary(taken: Taken) -> dict[str, object]:
    reception = taken.reception
    return {
        "requestId": taken.request_id,
        "rule": taken.rule,
        "status": "Waiting" if isinstance(reception, Deferred) else reception.result.status,
        "duplicate": taken.duplicate,
    }


def _too_large(body: bytes) -> CloudError:
    message = f"The content has {len(body)} bytes; {LIMIT} are allowed here."
    return CloudError(code=Code.REQUEST_TOO_LARGE, message=message)
