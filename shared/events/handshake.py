"""Answers the handshakes with which a sender asks for permission to send events.

Event Grid's schema asks with an event of its own
(https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema), CloudEvents with OPTIONS
(https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.config.gateway_json import EventSenders
from shared.events.event import Event
from shared.kernel.glob import fits

VALIDATION: Final = "Microsoft.EventGrid.SubscriptionValidationEvent"
DELETION: Final = "Microsoft.EventGrid.SubscriptionDeletedEvent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A new subscription: Event Grid expects its code in the answer, or a GET of its URL."""

    topic: str
    code: str | None
    url: str | None


def is_own(event: Event) -> bool:
    """Return whether an event is Event Grid's own, about a subscription: it starts no run."""
    return event.type in {VALIDATION, DELETION}


def validation(events: Sequence[Event]) -> Validation | None:
    """Return the first request to validate a subscription; None if there is none."""
    for event in events:
        if event.type == VALIDATION:
            data = event.data if isinstance(event.data, dict) else {}
            code, url = data.get("validationCode"), data.get("validationUrl")
            return Validation(
                topic=event.source,
                code=code if isinstance(code, str) and code else None,
                url=url if isinstance(url, str) else None,
            )
    return None


def permission(headers: Mapping[str, str], senders: EventSenders) -> dict[str, str] | None:
    """Return the headers that let an origin send; None if it may not, empty if no origin is given.

    The origin is in `WebHook-Request-Origin`; the rate is returned even if the sender asks for none.
    """
    given = headers.get("webhook-request-origin")
    if given is None:
        return {}
    origin = given.strip()
    if not any(fits(origin, known, ignore_case=True) for known in senders.allowed_origins):
        return None
    rate = "*" if senders.allowed_rate is None else str(senders.allowed_rate)
    return {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": rate}
