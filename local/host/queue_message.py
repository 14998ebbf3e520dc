"""Writes a queue message as a function sees it: its text and six facts, in the platform's names and forms."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from local.host.protos import TypedData

if TYPE_CHECKING:  # what measures the app's imports must not import it first
    from azure.storage.queue import QueueMessage


class Undecodable(Exception):
    """The message isn't base64 although host.json says so: the platform poisons it without a run."""


def body(content: str, encoding: str) -> bytes:
    """Return the bytes that the sender meant."""
    if encoding == "none":
        return content.encode()
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise Undecodable(str(fault)) from fault


def data(raw: bytes, data_type: str | None) -> TypedData:
    """Return the trigger's value; bytes that are no UTF-8 fail, unless the binding asks for bytes."""
    if (data_type or "").upper() == "BINARY":
        return TypedData(bytes=raw)
    return TypedData(string=raw.decode())


def metadata(message: "QueueMessage", count: int) -> Mapping[str, TypedData]:
    """Return the trigger metadata."""
    return {
        "Id": TypedData(string=message.id),
        "DequeueCount": TypedData(json=str(count)),
        "PopReceipt": TypedData(string=message.pop_receipt or ""),
        "InsertionTime": _moment(message.inserted_on),
        "ExpirationTime": _moment(message.expires_on),
        "NextVisibleTime": _moment(message.next_visible_on),
    }


def _moment(value: datetime | None) -> TypedData:
    return TypedData(json=json.dumps(value and value.isoformat()))
