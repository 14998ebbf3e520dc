"""Reads a JSON value as an `Event`, or returns every error in it.

Two envelopes are read: Event Grid's schema (https://learn.microsoft.com/azure/event-grid/event-schema) and
CloudEvents 1.0 in JSON (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue

from shared.events import event_data
from shared.kernel import strict_json, timestamp
from shared.kernel.cloud_error import CloudError
from shared.kernel.validation import counted, fault
from shared.runs.request import TRACEPARENT

MAX_ID: Final = 400  # as a delivery's id
MAX_SOURCE: Final = 2048
MAX_TYPE: Final = 500
MAX_SUBJECT: Final = 8192  # a blob's contains its path: 1,024 characters, perhaps percent-encoded

_CLOUD_EVENTS: Final = {"id": "id", "source": "source", "type": "type", "time": "time"}
_EVENT_GRID: Final = {"id": "id", "source": "topic", "type": "eventType", "time": "eventTime"}
_LIMITS: Final = {"id": MAX_ID, "source": MAX_SOURCE, "type": MAX_TYPE}
_ANY: Final = r"(?s:.*)"
_TRACESTATE: Final = r"[ -~]{1,512}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, from either envelope."""

    id: str  #: unique within its source
    source: str  #: Event Grid's topic
    type: str
    subject: str | None
    time: datetime | None  #: None if absent or unreadable
    data: JsonValue
    raw: Mapping[str, JsonValue]  #: the envelope as it came, with its extension attributes
    traceparent: str | None
    tracestate: str | None

    @property
    def correlation_id(self) -> str | None:
        """The id, if it is short enough for a request's correlation id."""
        return self.id if len(self.id) <= 200 else None

    @property
    def document(self) -> dict[str, JsonValue]:
        """The whole event for an expression: as it came, and under CloudEvents' names whatever its envelope.

        The time is normalized: the platform's own trigger rewrites it, and the same event that arrives another
        way should still make the same request.
        """
        named: dict[str, JsonValue] = {"id": self.id, "source": self.source, "type": self.type}
        written = self.raw.get("time", self.raw.get("eventTime"))
        time = written if self.time is None else _write_time(self.time)
        if "eventTime" in self.raw:
            named["eventTime"] = time
        return dict(self.raw) | named | {"subject": self.subject, "time": time, "data": self.data}


def read(value: JsonValue) -> Event | CloudError:
    """Read one event from a JSON value; the error lists everything that is missing or wrong."""
    if not isinstance(value, dict):
        return counted("The event has", [fault("$", "An event should be a JSON object.")])
    names = _EVENT_GRID if _is_of_event_grid(value) else _CLOUD_EVENTS
    found = {part: _first(value, name, part) for part, name in names.items()}
    faults = list(_faults(value, found, names))
    data = _read_data(value)
    if isinstance(data, CloudError):
        return counted("The event has", [*faults, data])
    if faults:
        return counted("The event has", faults)
    return Event(
        id=str(found["id"]),
        source=str(found["source"]),
        type=str(found["type"]),
        subject=_text(value, "subject"),
        time=_read_time(found["time"]),
        data=data,
        raw=value,
        traceparent=_text(value, "traceparent", TRACEPARENT),
        tracestate=_text(value, "tracestate", _TRACESTATE),
    )


def _is_of_event_grid(value: Mapping[str, JsonValue]) -> bool:
    """Return whether the envelope is Event Grid's. One with `type` alone is a CloudEvent that lacks its specversion."""
    return "specversion" not in value and ("eventType" in value or "type" not in value)


def _first(value: dict[str, JsonValue], *names: str) -> JsonValue:
    # Some senders mix the two envelopes, so either name will do.
    return next((value[name] for name in names if value.get(name) is not None), None)


def _text(value: dict[str, JsonValue], name: str, pattern: str = _ANY) -> str | None:
    text = value.get(name)
    return text if isinstance(text, str) and re.fullmatch(pattern, text) else None


def _faults(
    value: dict[str, JsonValue], found: dict[str, JsonValue], names: Mapping[str, str]
) -> Iterator[CloudError]:
    if names is _CLOUD_EVENTS:
        version = value.get("specversion")
        if version is None:
            yield fault("$.specversion", "Field required.")
        elif not isinstance(version, str) or not version.startswith("1."):
            yield fault("$.specversion", "Only version 1.0 of CloudEvents is supported.")
    for part, limit in _LIMITS.items():
        text = found[part]
        if text is None:
            yield fault(f"$.{names[part]}", "Field required.")
        elif not isinstance(text, str) or not 1 <= len(text) <= limit or not _is_encodable(text):
            yield fault(f"$.{names[part]}", f"Value should be a text of 1 to {limit} characters.")
    subject = value.get("subject")
    if subject is not None and (not isinstance(subject, str) or len(subject) > MAX_SUBJECT):
        yield fault("$.subject", f"Value should be a text of up to {MAX_SUBJECT} characters.")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can write it, UTF-8 can't
        return False
    return True


def _read_data(value: dict[str, JsonValue]) -> JsonValue | CloudError:
    data, encoded = value.get("data"), value.get("data_base64")
    media_type = value.get("datacontenttype")
    if encoded is None:
        return data
    if data is not None:  # null is fine: some senders always write every field of the envelope
        return fault("$.data", "An event has its data either here or in data_base64.")
    try:
        content = base64.b64decode(str(encoded), validate=True)
    except ValueError:
        return fault("$.data_base64", "Value should be base64.")
    try:
        return event_data.read(content, media_type)
    except strict_json.Unreadable as reason:
        if media_type is None:  # the sender does not say that it is JSON
            return None
        text = f"Value should be base64 of what datacontenttype says. {reason}"
        return fault("$.data_base64", text)


def _read_time(value: JsonValue) -> datetime | None:
    try:
        time = timestamp.read(str(value))  # the seventh digit that Azure writes is dropped
        # Event Grid's times are in UTC, even if a publisher omits the offset.
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _write_time(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")
