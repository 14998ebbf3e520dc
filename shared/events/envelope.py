"""Reads the events of an HTTP or queue message: each is an `Event`, or every error in it.

Accepts the three content modes of CloudEvents (bindings/http-protocol-binding.md of the specification, v1.0.2) and
Event Grid's own schema, one event or an array. An unreadable event does not affect the others.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote

from pydantic import JsonValue

from shared.events import event as events
from shared.events.event import Event
from shared.kernel import strict_json
from shared.kernel.cloud_error import CloudError, Code
from shared.runs.request import Content, unwrap

#: Event Grid's own limit for an event and for an array of events (learn, event-grid/quotas-limits).
LIMIT: Final = 1024 * 1024
#: Event Grid's own limit for the events in one delivery (learn, event-grid/delivery-and-retry, "Output batching").
MAX_EVENTS: Final = 5000

#: Limit for one header of a binary event, in characters; the event's data is in the body.
MAX_HEADER: Final = 8192

_BINARY: Final = frozenset({"ce-id", "ce-source", "ce-type", "ce-specversion"})
_SPACE: Final = re.compile(r"[ \t\r\n]*")
# A complete or an unterminated string. An unterminated one is skipped at once: retrying from each quotation mark in it
# would take quadratic time.
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*+)("|\\?\Z)', re.DOTALL)
# Brackets, and complete strings, whose brackets don't count; a lone quotation mark is an unterminated string.
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|["\[\]{}]', re.DOTALL)
# Only finds the end of a value that is not an object. Numbers stay text: `int` refuses more than 4,300 digits.
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str)
# Names of attributes (CloudEvents, "naming conventions"); `data` is not one.
_ATTRIBUTE: Final = re.compile(r"ce-(?!data$)([0-9a-z]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One event of a message."""

    event: Event | CloudError
    content: Content
    named: str | None  #: the event's id, even if the event can't be read


def unpack(headers: Mapping[str, str], body: bytes) -> tuple[Item, ...]:
    """Read the events of an HTTP message; a message that can't be split into events is one bad item.

    At most MAX_EVENTS + 1 are read, so that the caller can see that there are too many.
    """
    media_type = headers.get("content-type", "").strip().lower()
    if not media_type.startswith("application/cloudevents") and _BINARY & headers.keys():
        return (_binary(headers, body),)
    try:
        return tuple(_read(part) for part in islice(_parts(body), MAX_EVENTS + 1))
    except strict_json.Unreadable as error:
        return (_unreadable(str(error), body),)


def read_message(body: bytes) -> Item | None:
    """Read the event that a queue message holds; None if it holds none.

    A run request always has `pipelineName`, and our own message `resume`. No event has either: attributes of
    CloudEvents are in lower case, and Event Grid's schema has a fixed set of fields.
    """
    try:
        part = unwrap(body)
        value = strict_json.parse(part)
    except strict_json.Unreadable:
        return None
    if {"pipelineName", "resume"} & value.keys() or not {"specversion", "eventType"} & value.keys():
        return None
    return _item(value, body)


def _parts(body: bytes) -> Iterator[bytes]:
    """Yield the text of each event, so that a fault in one (a number too large) does not affect the next."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"The content is not UTF-8 (byte {error.start})."
        raise strict_json.Unreadable(msg) from error
    at = _skip(text, 0)
    if not text.startswith("[", at):
        yield body
        return
    at, separator = _skip(text, at + 1), ","
    if text.startswith("]", at):
        at, separator = _skip(text, at + 1), "]"
    while separator == ",":
        end = _end(text, at)
        yield text[at:end].encode(errors="replace")
        at = _skip(text, end)
        separator = text[at : at + 1]
        at = _skip(text, at + 1)
    if separator != "]" or at != len(text):
        msg = "The content is not an array of events: it is cut off, or continues after its end."
        raise strict_json.Unreadable(msg)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _end(text: str, at: int) -> int:
    """Return where an event ends, even if its content is invalid."""
    if text.startswith(("{", "["), at):
        return _closing(text, at)
    try:
        return _DECODER.raw_decode(text, at)[1]
    except (ValueError, RecursionError) as error:
        msg = "The content is not JSON."
        raise strict_json.Unreadable(msg) from error


def _closing(text: str, at: int) -> int:
    depth = 0
    for found in _STRUCTURE.finditer(text, at):
        match found[0]:
            case "{" | "[":
                depth += 1
            case "}" | "]":
                depth -= 1
                if depth == 0:
                    return found.end()
            case '"':
                break
            case _:  # a complete string
                pass
    msg = "The content is not an array of events: it is cut off within an event."
    raise strict_json.Unreadable(msg)


def _read(part: bytes) -> Item:
    try:
        return _item(strict_json.parse(part), part)
    except strict_json.Unreadable as error:
        return _unreadable(str(error), part)


def _item(value: dict[str, Any], content: bytes) -> Item:
    return Item(event=events.read(value), content=Content.of(content), named=named(value.get("id")))


def _unreadable(why: str, content: bytes) -> Item:
    error = CloudError(code=Code.INVALID_JSON, message=why)
    return Item(event=error, content=Content.of(content), named=None)


def named(event_id: object) -> str | None:
    """Return an untrusted event id as a delivery's id: cut and encodable; None if there is no usable one."""
    if not isinstance(event_id, str) or not event_id:
        return None
    return event_id[: events.MAX_ID].encode(errors="replace").decode()


def _binary(headers: Mapping[str, str], body: bytes) -> Item:
    """Read a binary event: its attributes are headers, its data is the body."""
    value: dict[str, JsonValue] = {"specversion": ""}
    try:
        for header, text in headers.items():
            attribute = _ATTRIBUTE.fullmatch(header)
            if attribute is not None:
                value[attribute[1]] = _header_value(header, text)
        if "content-type" in headers:
            value["datacontenttype"] = _bounded("content-type", headers["content-type"])
    except _BadHeader as error:
        refusal = CloudError(code=Code.INVALID_REQUEST, message=str(error))
        return Item(event=refusal, content=Content.of(body), named=None)
    if body:
        value["data_base64"] = base64.b64encode(body).decode()
    return _item(value, body)


class _BadHeader(ValueError):
    """A header that can't be read; the message quotes no value."""


def _bounded(header: str, text: str) -> str:
    if len(text) > MAX_HEADER:
        msg = f"The header {header[:100]} has {len(text)} characters; {MAX_HEADER} are allowed."
        raise _BadHeader(msg)
    return text


def _header_value(header: str, text: str) -> str:
    """Unescape, then decode percent signs once: section 3.1.3.2 of the binding, with its order."""
    bare = _QUOTED.sub(_unescaped, _bounded(header, text).strip())
    try:
        return unquote(bare, errors="strict")
    except UnicodeDecodeError as error:
        msg = f"The header {header[:100]} is not percent-encoded UTF-8."
        raise _BadHeader(msg) from error


def _unescaped(found: re.Match[str]) -> str:
    return re.sub(r"\\(.)", r"\1", found[1]) if found[2] == '"' else found[0]
