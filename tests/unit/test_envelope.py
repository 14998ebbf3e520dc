"""Every content mode gives the same event, and one bad event spoils none of the others."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from shared.cloud_error import CloudError
from shared.envelope import Item, content_of, read_message, unpack
from shared.event import MAX_ID, Event

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/orders",
    "type": "order.placed",
    "subject": "orders/1",
    "time": "2026-11-24T08:00:00Z",
    "traceparent": TRACEPARENT,
    "data": {"total": 5},
}
GRID: dict[str, Any] = {
    "id": "e-1",
    "topic": "/orders",
    "eventType": "order.placed",
    "subject": "orders/1",
    "eventTime": "2026-11-24T08:00:00Z",
    "data": {"total": 5},
}
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "e-1",
    "ce-source": "/orders",
    "ce-type": "order.placed",
    "ce-subject": "orders/1",
    "ce-time": "2026-11-24T08:00:00Z",
    "ce-traceparent": TRACEPARENT,
    "content-type": "application/json",
}
DATA = b'{"total": 5}'


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def one(headers: dict[str, str], body: bytes) -> Event:
    (item,) = unpack(headers, body)
    assert isinstance(item.event, Event), item.event
    return item.event


def fault(headers: dict[str, str], body: bytes) -> CloudError:
    (item,) = unpack(headers, body)
    assert isinstance(item.event, CloudError), item.event
    return item.event


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "application/cloudevents+json; charset=utf-8"}, dumped(EVENT)),
        ({"Content-Type": "application/CloudEvents-batch+json"}, dumped([EVENT])),
        ({"content-type": "application/cloudevents+json", "ce-id": "other"}, dumped(EVENT)),
        ({"content-type": "application/json"}, dumped(EVENT)),
        ({}, b"\xef\xbb\xbf" + dumped(EVENT)),
        ({}, b" \n" + dumped([EVENT]) + b"\n"),
        (HEADERS, DATA),
        ({name.title(): text for name, text in HEADERS.items()}, DATA),
        ({"content-type": "application/json", "aeg-event-type": "Notification"}, dumped([GRID])),
        ({}, dumped(GRID)),
    ],
)
def test_every_mode_gives_the_same_event(headers: dict[str, str], body: bytes) -> None:
    event = one(headers, body)

    assert (event.id, event.source, event.type) == ("e-1", "/orders", "order.placed")
    assert (event.subject, event.data) == ("orders/1", {"total": 5})
    assert event.document["time"] == "2026-11-24T08:00:00.000000Z"
    assert event.traceparent in {TRACEPARENT, None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \u20ac \U0001f600"),  # the binding's own example
        ("euro%e2%82%ac", "euro\u20ac"),
        ("%41", "A"),
        ("100%25", "100%"),
        ("%2541", "%41"),  # one round
        ('"with \\"quotes\\" and \\\\"', 'with "quotes" and \\'),
        ('"Euro%20"', "Euro "),
        ("plus+plus", "plus+plus"),
    ],
)
def test_a_headers_value_is_unescaped_and_decoded_once(text: str, value: str) -> None:
    assert one(HEADERS | {"ce-subject": text}, DATA).subject == value


@pytest.mark.parametrize("text", ["%C0%A0", "%FF", "%ED%A0%80"])
def test_what_is_not_utf_8_is_rejected(text: str) -> None:
    error = fault(HEADERS | {"ce-subject": text}, DATA)

    assert error.message == "The header ce-subject is not percent-encoded UTF-8."


@pytest.mark.parametrize(
    ("media_type", "body", "data"),
    [
        ("text/plain", b"hello", "hello"),
        ("application/octet-stream", b"\xff\x00", None),
        ("application/vnd.order+json", b"[1]", [1]),
        (None, b"5", 5),
        ("application/json", b"", None),
    ],
)
def test_the_body_is_the_data_in_its_own_type(
    media_type: str | None, body: bytes, data: Any
) -> None:
    headers = {name: text for name, text in HEADERS.items() if name != "content-type"}
    event = one(headers | ({"content-type": media_type} if media_type else {}), body)

    assert event.data == data
    if body:
        assert event.document["data_base64"] == base64.b64encode(body).decode()


@pytest.mark.parametrize("missing", ["ce-id", "ce-source", "ce-type", "ce-specversion"])
def test_every_required_header_is_named_where_it_is_missing(missing: str) -> None:
    error = fault({name: text for name, text in HEADERS.items() if name != missing}, DATA)

    assert [each.target for each in error.details] == [f"$.{missing.removeprefix('ce-')}"]


def test_a_header_is_not_taken_for_the_data() -> None:
    assert one(HEADERS | {"ce-data": "forged", "ce-data_base64": "Zm9v"}, DATA).data == {"total": 5}


def test_an_empty_batch_holds_nothing() -> None:
    assert unpack({"content-type": "application/cloudevents-batch+json"}, b" [ ] ") == ()


@pytest.mark.parametrize(
    "bad",
    [
        "{}",
        "5",
        "null",
        "[]",
        '{"id": "e-2", "id": "e-3"}',
        '{"data": NaN}',
        '{"data": 1e999}',
        '{"data": ' + "9" * 5000 + "}",
        '{"data": "\\ud800"}',
        '{"data": ' + "[" * 200 + "]" * 200 + "}",
        '{"data": ' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"id" "e-2"}',
        '{"data": "\n"}',
        "[}",
    ],
)
def test_a_bad_event_spoils_none_of_the_others(bad: str) -> None:
    good = json.dumps(EVENT)

    first, wrong, last = unpack({}, f"[{good}, {bad} ,{good}]".encode())

    assert isinstance(first.event, Event)
    assert isinstance(last.event, Event)
    assert isinstance(wrong.event, CloudError)
    assert wrong.content == content_of(bad.encode())


@pytest.mark.parametrize(
    "body",
    [b"", b"hello", b"\xff", b"[", b"[1", b"[1,", b"[1,]", b"[1]]", b"[] x", b"[1 2]", b"[" * 100_000, b'[{}, {"a": "}]'],
)  # fmt: skip
def test_what_is_no_json_is_one_bad_item(body: bytes) -> None:
    (item,) = unpack({"content-type": "application/json"}, body)

    assert isinstance(item.event, CloudError)
    assert item.event.code in {"InvalidJson", "InvalidRequest"}
    assert item.named is None


def test_a_bad_event_is_known_by_its_id() -> None:
    (item,) = unpack({}, dumped({"id": "e" * 500, "eventType": 5}))

    assert item.named == "e" * MAX_ID
    assert unpack({}, dumped({"id": 5}))[0].named is None


@pytest.mark.parametrize("event", [EVENT, GRID], ids=["CloudEvents", "Event Grid"])
@pytest.mark.parametrize("encode", [bytes, base64.b64encode, base64.encodebytes])
def test_an_event_is_found_in_a_queue_message(event: dict[str, Any], encode: Any) -> None:
    item = read_message(encode(dumped(event)))

    assert isinstance(item, Item)
    assert isinstance(item.event, Event)
    assert item.named == "e-1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        dumped([EVENT]),
        dumped({"pipelineName": "copy"}),
        dumped({"pipelineName": "copy", "eventType": "x", "id": "1"}),
        dumped({"resume": "order-1"}),
        dumped({"requestId": "order-1", "parameters": {"specversion": "1.0"}}),
        dumped({}),
    ],
)
def test_a_run_request_is_never_taken_for_an_event(body: bytes) -> None:
    assert read_message(body) is None


def test_a_bad_event_on_the_queue_is_an_event_all_the_same() -> None:
    item = read_message(dumped({"eventType": "order.placed"}))

    assert item is not None
    assert isinstance(item.event, CloudError)
    assert [each.target for each in item.event.details] == ["$.id", "$.topic"]


TEXTS = st.text(st.characters(), max_size=20) | st.sampled_from([*HEADERS.values()])
NAMES = st.sampled_from(sorted(HEADERS)) | st.text(max_size=10)
BODIES = st.binary() | st.text('[]{},:"1 a\\', max_size=30).map(str.encode)


@given(st.dictionaries(NAMES, TEXTS), BODIES)
def test_any_message_holds_events_or_bad_items(headers: dict[str, str], body: bytes) -> None:
    for item in unpack(headers, body):
        assert isinstance(item.event, Event | CloudError)
        assert item.content.length <= len(body) * 4
    read_message(body)
