"""A signed webhook's whole payload is its event's data."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from shared.config.gateway_json import Hook
from shared.events.event import Event
from shared.events.webhook_event import read
from shared.kernel.cloud_error import CloudError
from tests.unit.builders import as_received

SAMPLES = Path(__file__).parents[3] / "samples" / "events"
PUSH = json.loads((SAMPLES / "github-push.json").read_text())
CONTACT = json.loads((SAMPLES / "standard-webhook.json").read_text())
GITHUB = Hook(scheme="github")
STANDARD = Hook(scheme="standard-webhooks")
PUSHED = {"X-GitHub-Event": "push", "Content-Type": "application/json"}


def event(hook: Hook, headers: dict[str, str], body: bytes) -> Event:
    item = read("mine", hook, "id-1", as_received(headers), body)
    assert isinstance(item.event, Event), item.event
    return item.event


def test_a_push_to_github_is_an_event() -> None:
    found = event(GITHUB, PUSHED, json.dumps(PUSH).encode())

    assert (found.id, found.source, found.type) == ("id-1", "mine", "push")
    assert (found.data, found.time) == (PUSH, None)


def test_a_form_is_read_as_its_payload() -> None:
    """What GitHub sends where nobody has chosen JSON."""
    headers = PUSHED | {"Content-Type": "application/x-www-form-urlencoded"}

    assert event(GITHUB, headers, urlencode({"payload": json.dumps(PUSH)}).encode()).data == PUSH


def test_a_standard_webhook_is_an_event() -> None:
    found = event(STANDARD, {}, json.dumps(CONTACT).encode())

    assert (found.id, found.source, found.type) == ("id-1", "mine", "contact.created")
    assert found.time == datetime(2022, 11, 3, 20, 26, 10, 344522, UTC)
    assert found.data == CONTACT


@pytest.mark.parametrize("payload", [{}, {"type": None}, {"type": 5}, {"type": ""}])
def test_a_payload_without_a_type_has_its_hooks_name(payload: dict[str, Any]) -> None:
    assert event(STANDARD, {}, json.dumps(payload).encode()).type == "mine"


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"\xff", b"payload=%7B%7D", b'{"a": NaN}'])
def test_what_is_no_object_is_a_bad_event(body: bytes) -> None:
    item = read("mine", STANDARD, "id-1", {}, body)

    assert isinstance(item.event, CloudError)
    assert (item.event.code, item.named, item.content.length) == ("InvalidJson", "id-1", len(body))


@pytest.mark.parametrize(
    "body", [b"", b"payload", b"payload=hello", b"a=1&b=2", b"&" * 99, b"\xff"]
)
def test_a_form_without_a_payload_is_a_bad_event(body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}

    assert isinstance(read("mine", GITHUB, "id-1", headers, body).event, CloudError)


def test_a_type_too_long_is_a_fault_of_the_event() -> None:
    item = read("mine", STANDARD, "id-1", {}, json.dumps({"type": "x" * 501}).encode())

    assert isinstance(item.event, CloudError)
    assert [each.target for each in item.event.details] == ["$.type"]
