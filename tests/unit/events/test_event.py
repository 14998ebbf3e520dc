"""Both envelopes become the same event, and any other JSON value every fault at once."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import JsonValue

from shared.events.event import MAX_ID, MAX_SOURCE, MAX_SUBJECT, MAX_TYPE, Event, read
from shared.kernel.cloud_error import CloudError

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

# The example of https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage, shortened.
EVENT_GRID: dict[str, Any] = {
    "topic": "/subscriptions/s/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/a",
    "subject": "/blobServices/default/containers/in/blobs/new-file.txt",
    "eventType": "Microsoft.Storage.BlobCreated",
    "eventTime": "2017-06-26T18:41:00.9584103Z",
    "id": "831e1650-001e-001b-66ab-eeb76e069631",
    "data": {"api": "PutBlockList", "url": "https://a.blob.core.windows.net/in/new-file.txt"},
    "dataVersion": "",
    "metadataVersion": "1",
}
CLOUD_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "source": EVENT_GRID["topic"],
    "subject": EVENT_GRID["subject"],
    "type": EVENT_GRID["eventType"],
    "time": EVENT_GRID["eventTime"],
    "id": EVENT_GRID["id"],
    "data": EVENT_GRID["data"],
    "traceparent": TRACEPARENT,
    "tracestate": "a=b",
    "comexampleextension": 5,
}


def change(value: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {name: item for name, item in (value | changes).items() if item is not ...}


def read_event(value: JsonValue) -> Event:
    event = read(value)
    assert isinstance(event, Event), event
    return event


def faults(value: JsonValue) -> list[str | None]:
    error = read(value)
    assert isinstance(error, CloudError), error
    return [fault.target for fault in error.details]


@pytest.mark.parametrize("envelope", [EVENT_GRID, CLOUD_EVENT], ids=["Event Grid", "CloudEvents"])
def test_both_envelopes_hold_the_same_event(envelope: dict[str, Any]) -> None:
    event = read_event(envelope)

    assert event.id == EVENT_GRID["id"]
    assert event.source == EVENT_GRID["topic"]
    assert event.type == EVENT_GRID["eventType"]
    assert event.subject == EVENT_GRID["subject"]
    assert event.time == datetime(2017, 6, 26, 18, 41, 0, 958410, UTC)
    assert event.data == EVENT_GRID["data"]
    assert event.raw == envelope


def test_the_trace_is_read_from_the_extension() -> None:
    event = read_event(CLOUD_EVENT)

    assert event.traceparent == TRACEPARENT
    assert event.tracestate == "a=b"


@pytest.mark.parametrize("traceparent", [..., None, 5, "", "00-0", TRACEPARENT.upper()])
def test_a_trace_that_is_none_is_left_out(traceparent: Any) -> None:
    assert read_event(change(CLOUD_EVENT, traceparent=traceparent)).traceparent is None


def test_a_document_has_the_names_of_both_envelopes() -> None:
    document = read_event(EVENT_GRID).document

    assert document["type"] == document["eventType"] == EVENT_GRID["eventType"]
    assert document["source"] == document["topic"] == EVENT_GRID["topic"]
    assert document["time"] == document["eventTime"] == "2017-06-26T18:41:00.958410Z"


@pytest.mark.parametrize("name", ["time", "eventTime"])
def test_a_document_has_one_form_of_a_time_whoever_wrote_it(name: str) -> None:
    """The platform's trigger writes it with six digits and an offset."""
    envelope = CLOUD_EVENT if name == "time" else EVENT_GRID
    again = change(envelope, **{name: "2017-06-26T18:41:00.958410+00:00"})

    assert read_event(again).document["time"] == read_event(envelope).document["time"]
    assert read_event(change(envelope, **{name: "noon"})).document["time"] == "noon"


def test_a_document_keeps_extensions_and_decoded_data() -> None:
    encoded = base64.b64encode(b'{"n": 1}').decode()
    document = read_event(change(CLOUD_EVENT, data=..., data_base64=encoded)).document

    assert document["comexampleextension"] == 5
    assert document["data"] == {"n": 1}


@pytest.mark.parametrize("name", ["subject", "time", "data"])
@pytest.mark.parametrize("missing", [..., None])
def test_what_is_optional_may_be_missing(name: str, missing: Any) -> None:
    assert getattr(read_event(change(CLOUD_EVENT, **{name: missing})), name) is None


@pytest.mark.parametrize("missing", [..., None, "", 5, [], "\ud800"])
@pytest.mark.parametrize(
    ("envelope", "name"),
    [(EVENT_GRID, "id"), (EVENT_GRID, "topic"), (EVENT_GRID, "eventType"),
     (CLOUD_EVENT, "id"), (CLOUD_EVENT, "source"), (CLOUD_EVENT, "type")],
    ids=["eg id", "eg topic", "eg type", "ce id", "ce source", "ce type"],
)  # fmt: skip
def test_what_is_required_is_named_where_it_is_missing(
    envelope: dict[str, Any], name: str, missing: Any
) -> None:
    assert faults(change(envelope, **{name: missing})) == [f"$.{name}"]


@pytest.mark.parametrize(
    ("name", "limit"),
    [("id", MAX_ID), ("source", MAX_SOURCE), ("type", MAX_TYPE), ("subject", MAX_SUBJECT)],
)
def test_lengths_are_bounded(name: str, limit: int) -> None:
    read_event(change(CLOUD_EVENT, **{name: "x" * limit}))

    assert faults(change(CLOUD_EVENT, **{name: "x" * (limit + 1)})) == [f"$.{name}"]


def test_every_fault_is_told_at_once() -> None:
    assert faults({"specversion": "0.3", "subject": 5, "data_base64": "?"}) == [
        "$.specversion", "$.id", "$.source", "$.type", "$.subject", "$.data_base64",
    ]  # fmt: skip


@pytest.mark.parametrize("value", [None, True, 1, "event", [], [EVENT_GRID]])
def test_what_is_no_object_is_no_event(value: JsonValue) -> None:
    assert faults(value) == ["$"]


def test_the_names_of_the_envelopes_may_be_mixed() -> None:
    mixed = change(EVENT_GRID, topic=None, source="s", eventTime=..., time="2026-11-24T08:00:00Z")

    assert read_event(mixed).source == "s"
    assert read_event(mixed).time == datetime(2026, 11, 24, 8, tzinfo=UTC)


def test_one_of_the_two_envelopes_has_to_show() -> None:
    """`{"id", "type", "source"}` is an object of anybody's."""
    assert faults({"id": "1", "type": "t", "source": "s"}) == ["$.specversion"]
    assert faults(change(CLOUD_EVENT, specversion=None)) == ["$.specversion"]
    assert faults(change(EVENT_GRID, eventType=..., type="t", source="s")) == ["$.specversion"]


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        (..., {"n": 1}),
        (None, {"n": 1}),
        ("application/json", {"n": 1}),
        ("text/JSON; charset=utf-8", {"n": 1}),
        ("application/vnd.x+json", {"n": 1}),
        ("application/octet-stream", None),
        ("text/plain; charset=utf-8", '{"n": 1}'),
        ("application/jsonx", None),
        (5, None),
    ],
)
def test_base64_data_is_decoded_where_it_is_json(media_type: Any, data: JsonValue) -> None:
    encoded = base64.b64encode(b'{"n": 1}').decode()
    value = change(CLOUD_EVENT, data=..., data_base64=encoded, datacontenttype=media_type)

    assert read_event(value).data == data
    assert read_event(value).raw["data_base64"] == encoded


@pytest.mark.parametrize("data", ["text", 0, False, "", {}, []])
def test_data_in_both_forms_is_a_fault(data: JsonValue) -> None:
    """The two exclude each other (JSON format, section 3.1.1): nobody could say which one is meant."""
    assert faults(change(CLOUD_EVENT, data=data, data_base64="e30=")) == ["$.data"]


def test_null_beside_base64_data_is_no_data() -> None:
    """Some writers have all fields of the envelope, always."""
    encoded = base64.b64encode(b'{"n": 1}').decode()

    assert read_event(change(CLOUD_EVENT, data=None, data_base64=encoded)).data == {"n": 1}


NOT_JSON = [
    "e30",
    "?",
    5,
    {},
    base64.b64encode(b"not JSON").decode(),
    base64.b64encode(b"[" * 200_000).decode()[:40000],
]


@pytest.mark.parametrize("encoded", NOT_JSON)
def test_base64_data_that_is_not_what_it_is_said_to_be_is_a_fault(encoded: Any) -> None:
    value = change(CLOUD_EVENT, data=..., data_base64=encoded, datacontenttype="application/json")

    assert faults(value) == ["$.data_base64"]


@pytest.mark.parametrize("encoded", NOT_JSON[:4])
def test_what_is_no_base64_is_a_fault_whatever_it_is_said_to_be(encoded: Any) -> None:
    assert faults(change(CLOUD_EVENT, data=..., data_base64=encoded)) == ["$.data_base64"]


@pytest.mark.parametrize("encoded", NOT_JSON[4:])
def test_bytes_without_a_type_need_not_be_json(encoded: str) -> None:
    """Azure's own CloudEvent says nothing of the bytes that it holds."""
    assert read_event(change(CLOUD_EVENT, data=..., data_base64=encoded)).data is None


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-24T09:00:00+01:00", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        ("2026-11-24T08:00:00", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        ("2026-11-24t17:31:00z", datetime(2026, 11, 24, 17, 31, tzinfo=UTC)),
        ("2026-12-31T23:59:60Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-12-31t23:59:60.25z", datetime(2027, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
        ("2027-01-01T05:29:60+05:30", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-12-31T23:59:61Z", None),
        ("9999-12-31T23:59:60Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("yesterday", None),
        (5, None),
        ([], None),
    ],
)
def test_a_time_that_cannot_be_read_is_none(text: Any, time: datetime | None) -> None:
    assert read_event(change(CLOUD_EVENT, time=text)).time == time


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
NAMES = st.sampled_from(sorted({*EVENT_GRID, *CLOUD_EVENT, "data_base64", "datacontenttype"}))


@given(st.sampled_from([{}, EVENT_GRID, CLOUD_EVENT]), st.dictionaries(NAMES, JSON_VALUES))
def test_any_mutation_is_an_event_or_an_error(
    envelope: dict[str, Any], changes: dict[str, Any]
) -> None:
    event = read(envelope | changes)

    if isinstance(event, Event):
        json.dumps(event.document)
    else:
        assert event.details


@given(JSON_VALUES)
def test_any_json_value_is_an_event_or_an_error(value: JsonValue) -> None:
    assert isinstance(read(value), Event | CloudError)
