"""Every content mode gives the same event, and one bad event spoils none of the others."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from shared.events.envelope import MAX_HEADER, Item, read_message, unpack
from shared.events.event import MAX_ID, Event
from shared.kernel.cloud_error import CloudError
from shared.runs.request import Content
from tests.unit.builders import as_received

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
    (item,) = unpack(as_received(headers), body)
    assert isinstance(item.event, Event), item.event
    return item.event


def fault(headers: dict[str, str], body: bytes) -> CloudError:
    (item,) = unpack(as_received(headers), body)
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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('5" wide', '5" wide'),
        ('"open \\" to the end', '"open \\" to the end'),
        ('"open \\', '"open \\'),
        ('"one" "two', 'one "two'),
    ],
)
def test_a_quotation_mark_without_an_end_stays(text: str, value: str) -> None:
    assert one(HEADERS | {"ce-subject": text}, DATA).subject == value


@pytest.mark.parametrize("name", ["ce-id", "ce-comexample", "content-type"])
def test_a_headers_value_is_bounded(name: str) -> None:
    error = fault(HEADERS | {name: "x" * (MAX_HEADER + 1)}, DATA)

    assert error.code == "InvalidRequest"
    assert error.message == f"The header {name} has 8193 characters; 8192 are allowed."
    assert isinstance(one(HEADERS | {"ce-comexample": "x" * MAX_HEADER}, DATA), Event)


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


BREAD = {"name": "Brötchen", "price": "1 €"}


@pytest.mark.parametrize(
    ("media_type", "body", "data"),
    [
        ("application/json; charset=ISO-8859-1", '{"name": "Brötchen"}'.encode("latin-1"), {"name": "Brötchen"}),
        ("application/json; charset=windows-1252", json.dumps(BREAD, ensure_ascii=False).encode("cp1252"), BREAD),
        ('application/json; charset="utf-16"', json.dumps(BREAD, ensure_ascii=False).encode("utf-16"), BREAD),
        ("application/json;charset=utf-16le", json.dumps(BREAD).encode("utf-16-le"), BREAD),
        ("application/vnd.x+json; v=1; Charset=UTF-16BE", json.dumps(BREAD).encode("utf-16-be"), BREAD),
        ("application/json; charset=utf-8", b"\xef\xbb\xbf[1]", [1]),
        ("application/json", "[1]".encode("utf-16"), [1]),  # JSON shows how it is encoded
        ("application/json; charset=", b"[1]", [1]),
        ("text/plain; charset=iso-8859-15", "1 €".encode("iso-8859-15"), "1 €"),
        ("text/plain; charset=Shift_JIS", "注文".encode("shift_jis"), "注文"),
        ("text/plain; charset=us-ascii", b"hello", "hello"),
        ("text/plain", "ü".encode(), "ü"),
    ],
)  # fmt: skip
def test_the_data_is_decoded_by_its_charset(media_type: str, body: bytes, data: Any) -> None:
    event = one(HEADERS | {"content-type": media_type}, body)

    assert event.data == data
    assert event.document["data_base64"] == base64.b64encode(body).decode()


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/json; charset=x-unheard-of", b"{}"),
        ("application/json; charset=punycode", b"{}"),  # Python's codecs, but no charsets
        ("application/json; charset=idna", b"{}"),
        ("text/plain; charset=hex", b"6f"),
        ("text/plain; charset=unicode_escape", b"x"),
        ("text/plain; charset=" + "x" * 300, b"hello"),
        ("text/plain; charset=ü", b"hello"),
        ("text/plain", "Brötchen".encode("latin-1")),  # no charset, and not UTF-8
    ],
)
def test_data_in_an_unknown_charset_is_its_base64(media_type: str, body: bytes) -> None:
    """No event is dropped for it: a rule may not need the data, or passes it on as it is."""
    event = one(HEADERS | {"content-type": media_type}, body)

    assert event.data == base64.b64encode(body).decode()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"total": 5, "total": 6}', "An object names the same field twice."),
        (b'{"total": NaN}', "NaN is not JSON."),
        (b'{"total": 1e999}', "A number is too large for a double."),
        (b'{"total": ' + b"9" * 5000 + b"}", "A number has too many digits."),
        (b'{"total": "\\ud800"}', "A string holds half of a surrogate pair."),
        (b"[" * 200 + b"]" * 200, "The JSON is nested deeper than 100 levels."),
        (b"[" * 50_000 + b"]" * 50_000, "The JSON is nested deeper than 100 levels."),
        (b"{", "Not JSON at line 1, column 2"),
        (b"\xff", "The content is not UTF-8 (byte 0)."),
    ],
)
def test_json_in_the_body_is_read_as_strictly_as_any(body: bytes, why: str) -> None:
    (detail,) = fault(HEADERS, body).details

    assert detail.target == "$.data_base64"
    assert why in detail.message


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
    assert wrong.content == Content.of(bad.encode())


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
    for item in unpack(as_received(headers), body):
        assert isinstance(item.event, Event | CloudError)
        assert item.content.length <= len(body) * 4
    read_message(body)
