"""Who may send events here is asked in two ways, and each gets its own answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.config.gateway_json import EventSenders
from shared.events import event as events
from shared.events.event import Event
from shared.events.handshake import Validation, is_own, permission, validation
from tests.unit.builders import as_received

SAMPLES = Path(__file__).parents[3] / "samples" / "events"
ASKED = json.loads((SAMPLES / "subscription-validation.json").read_text())
SENDERS = EventSenders()


def an_event(**changes: Any) -> Event:
    event = events.read(ASKED[0] | changes)
    assert isinstance(event, Event), event
    return event


def test_event_grids_documented_question_is_understood() -> None:
    asked = validation([an_event()])

    assert asked == Validation(
        topic="/subscriptions/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        code="512d38b6-c7b8-40c8-89fe-f46f9e9622b6",
        url=ASKED[0]["data"]["validationUrl"],
    )


@pytest.mark.parametrize("data", [None, {}, [], "x", {"validationCode": 5, "validationUrl": 5}])
def test_a_question_without_a_code_is_one_all_the_same(data: Any) -> None:
    asked = validation([an_event(data=data)])

    assert asked is not None
    assert (asked.code, asked.url) == (None, None)


def test_other_events_ask_nothing() -> None:
    other = an_event(eventType="Microsoft.Storage.BlobCreated")

    assert validation([other]) is None
    assert not is_own(other)


def test_the_end_of_a_subscription_starts_no_run() -> None:
    assert is_own(an_event(eventType="Microsoft.EventGrid.SubscriptionDeletedEvent"))


@pytest.mark.parametrize("name", ["WebHook-Request-Origin", "webhook-request-origin"])
@pytest.mark.parametrize("origin", ["eventgrid.azure.net", "EventGrid.Azure.net"])
def test_event_grid_may_send(name: str, origin: str) -> None:
    assert permission(as_received({name: origin, "WebHook-Request-Rate": "120"}), SENDERS) == {
        "WebHook-Allowed-Origin": origin,
        "WebHook-Allowed-Rate": "*",
    }


@pytest.mark.parametrize(
    "origin", ["", "*", "example.com", "eventgrid.azure.net.example.com", "a.eventgrid.azure.net"]
)
def test_a_stranger_may_not(origin: str) -> None:
    assert permission(as_received({"WebHook-Request-Origin": origin}), SENDERS) is None


def test_who_does_not_ask_gets_nothing() -> None:
    assert permission({"Origin": "https://example.com"}, SENDERS) == {}


def test_origins_and_rate_are_as_configured() -> None:
    senders = EventSenders.model_validate_json(
        '{"allowedOrigins": ["*.example.com"], "allowedRate": 120}'
    )
    asking = {"WebHook-Request-Origin": "events.example.com"}

    assert permission(as_received(asking), senders) == {
        "WebHook-Allowed-Origin": "events.example.com",
        "WebHook-Allowed-Rate": "120",
    }
    assert (
        permission(as_received({"WebHook-Request-Origin": "eventgrid.azure.net"}), senders) is None
    )
