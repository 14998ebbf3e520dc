"""The requests of nine operations: one entity, one message or one page of entities each.

learn, rest/api/storageservices: query-entities, insert-entity, merge-entity, insert-or-replace-entity, get-entity, delete-entity1,
put-message, update-message, delete-message2. A test compares each with the request of Azure's library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from shared.adapters.storage.address import Service
from shared.adapters.storage.columns import Entity
from shared.adapters.storage.entity_json import encode
from shared.ports import Receipt

# One old version for both services: it has all that is used, and every cloud and emulator knows it.
VERSION: Final = "2019-02-02"

_JSON: Final = "application/json"
_WITH_TYPES: Final = "application/json;odata=minimalmetadata"
_TABLE: Final = {"x-ms-version": VERSION, "DataServiceVersion": "3.0"}
_INSERT: Final = {
    **_TABLE,
    "Accept": _WITH_TYPES,
    "Content-Type": _JSON,
    "Prefer": "return-no-content",  # else the service returns the whole entity
}
_WRITE: Final = {**_TABLE, "Accept": _JSON, "Content-Type": _JSON}
_READ: Final = {**_TABLE, "Accept": _WITH_TYPES}
_PUT: Final = {
    "x-ms-version": VERSION,
    "Accept": "application/xml",
    "Content-Type": "application/xml",
}
_CHANGE: Final = {"x-ms-version": VERSION, "Accept": "*/*"}

_IN_KEYS: Final = "!$&'()*,;=:@~"  # the characters that stay as they are, as in Azure's library
_NEVER: Final = "-1"  # expires a message; the service's own default is seven days


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call, without what differs each time that it is sent."""

    service: Service
    method: str
    path: str  #: below the account's; encoded
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)  #: not encoded
    body: bytes = b""


def insert(table: str, entity: Entity) -> Request:
    """Write a new entity."""
    return Request(
        service=Service.TABLE,
        method="POST",
        path=f"/{table}",
        headers=_INSERT,
        body=encode(entity),
    )


def merge(table: str, entity: Entity, etag: str) -> Request:
    """Write properties of an entity that has this ETag."""
    return Request(
        service=Service.TABLE,
        method="PATCH",
        path=_path(table, str(entity["PartitionKey"]), str(entity["RowKey"])),
        # Without If-Match the service would insert or merge, whatever is stored.
        headers={**_WRITE, "If-Match": _known(etag)},
        body=encode(entity),
    )


def replace(table: str, entity: Entity) -> Request:
    """Write an entity, whatever is stored under its keys."""
    return Request(
        service=Service.TABLE,
        method="PUT",
        path=_path(table, str(entity["PartitionKey"]), str(entity["RowKey"])),
        headers=_WRITE,
        body=encode(entity),
    )


def get(table: str, partition: str, row: str) -> Request:
    """Read an entity."""
    return Request(
        service=Service.TABLE, method="GET", path=_path(table, partition, row), headers=_READ
    )


def page(
    table: str, query: str, *, select: Sequence[str], size: int, after: Mapping[str, str]
) -> Request:
    """Read the entities that match: the first page, or the one `after` that of an answer."""
    return Request(
        service=Service.TABLE,
        method="GET",
        path=f"/{table}()",
        headers=_READ,
        query={"$top": str(size), "$select": ",".join(select), "$filter": query, **after},
    )


def delete(table: str, partition: str, row: str, etag: str) -> Request:
    """Delete an entity that has this ETag."""
    return Request(
        service=Service.TABLE,
        method="DELETE",
        path=_path(table, partition, row),
        headers={**_READ, "If-Match": _known(etag)},
    )


def put_message(queue: str, text: str, *, hidden: int) -> Request:
    """Put a message, which never expires, on a queue; it is hidden for so many seconds."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    body = f"<QueueMessage><MessageText>{escaped}</MessageText></QueueMessage>"
    return Request(
        service=Service.QUEUE,
        method="POST",
        path=f"/{queue}/messages",
        headers=_PUT,
        query={"visibilitytimeout": str(hidden), "messagettl": _NEVER},
        body=body.encode(),
    )


def hide_message(queue: str, receipt: Receipt, *, hidden: int) -> Request:
    """Hide a message for so many seconds from now on."""
    return Request(
        service=Service.QUEUE,
        method="PUT",
        path=_message(queue, receipt),
        headers=_CHANGE,
        query={"popreceipt": receipt.pop_receipt, "visibilitytimeout": str(hidden)},
    )


def delete_message(queue: str, receipt: Receipt) -> Request:
    """Delete a message."""
    return Request(
        service=Service.QUEUE,
        method="DELETE",
        path=_message(queue, receipt),
        headers=_CHANGE,
        query={"popreceipt": receipt.pop_receipt},
    )


def _path(table: str, partition: str, row: str) -> str:
    return f"/{table}(PartitionKey='{_key(partition)}',RowKey='{_key(row)}')"


def _key(key: str) -> str:
    return quote(key.replace("'", "''"), safe=_IN_KEYS)


def _message(queue: str, receipt: Receipt) -> str:
    return f"/{queue}/messages/{quote(receipt.message_id, safe='')}"


def _known(etag: str) -> str:
    if etag.strip() in {"", "*"}:
        msg = "A conditional write needs the ETag that was read."
        raise ValueError(msg)
    return etag
