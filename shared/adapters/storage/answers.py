"""What an answer of the storage service means: a value, or one of our facts.

No word of an answer but its error code goes on: addresses may contain a signature.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from shared.adapters.storage import entity_json
from shared.adapters.storage.columns import TIMESTAMP
from shared.adapters.storage.facts import failure
from shared.kernel.errors import StorageUnavailable
from shared.ports import Receipt

# <Code>, <code> or <m:code>: queues, Azurite's tables and Azure's tables write it each their own way.
_CODE_IN_XML: Final = re.compile(rb"<(?:\w+:)?code>\s*(\w+)", re.IGNORECASE)
_CODE: Final = re.compile(r"\w{1,64}", re.ASCII)
_MESSAGE_ID: Final = re.compile(rb"<MessageId>([!-;=-~]+)</MessageId>")
_POP_RECEIPT: Final = re.compile(rb"<PopReceipt>([!-;=-~]+)</PopReceipt>")


_NEXT: Final = ("NextPartitionKey", "NextRowKey")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]  #: in any case
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entity as the service has it."""

    values: Mapping[str, object]  #: without its Timestamp
    etag: str
    age: float  #: seconds since its last write, by the service's own clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of the entities that match a query."""

    rows: list[Mapping[str, object]]  #: each as it was selected
    after: Mapping[str, str]  #: parameters that ask for the next page; empty for the last


def error(what: str, answer: Answer) -> Exception | None:
    """Return the fact or the failure that an answer states; None for a success."""
    if 200 <= answer.status < 300:
        return None
    return failure(what, answer.status, error_code(answer))


def error_code(answer: Answer) -> str:
    """Return the service's code; empty if the answer has none, as one of a proxy on the way."""
    code = _code_in(answer.body) or answer.headers.get("x-ms-error-code", "")
    return code if _CODE.fullmatch(code) else ""


def etag(what: str, answer: Answer) -> str:
    """Return the ETag of what was written or read."""
    found = answer.headers.get("ETag", "")
    if not found:
        raise _unreadable(what, "it has no ETag")
    return found


def row(what: str, answer: Answer) -> Row:
    """Read an entity."""
    try:
        values = entity_json.decode(answer.body)
    except ValueError:
        raise _unreadable(what, "it is no entity") from None
    age = _age(values.pop(TIMESTAMP, None), answer.headers.get("Date", ""))
    if age is None:
        raise _unreadable(what, "it has no Date or Timestamp, so the entity's age can't be known")
    return Row(values=values, etag=etag(what, answer), age=age)


def page(what: str, answer: Answer) -> Page:
    """Read a page of entities, which may be empty though others follow."""
    try:
        rows = [_timed(row) for row in entity_json.decode_page(answer.body)]
    except ValueError:
        raise _unreadable(what, "it is no page of entities") from None
    after = {
        name: found for name in _NEXT if (found := answer.headers.get(f"x-ms-continuation-{name}"))
    }
    return Page(rows=rows, after=after)


def receipt(what: str, answer: Answer) -> Receipt:
    """Read the receipt of a message that was put on the queue."""
    found = _MESSAGE_ID.search(answer.body), _POP_RECEIPT.search(answer.body)
    if found[0] is None or found[1] is None:
        raise _unreadable(what, "it has no receipt")
    return Receipt(message_id=found[0][1].decode(), pop_receipt=found[1][1].decode())


def _timed(row: dict[str, object]) -> Mapping[str, object]:
    if TIMESTAMP not in row:
        return row
    return row | {TIMESTAMP: datetime.fromisoformat(str(row[TIMESTAMP]))}


def _age(written: object, date: str) -> float | None:
    try:
        answered = parsedate_to_datetime(date).replace(tzinfo=UTC)
        since = answered - datetime.fromisoformat(str(written))
    except (TypeError, ValueError, OverflowError):
        return None
    # Date has whole seconds, so an age may be up to a second short, and never too long.
    return max(0.0, since.total_seconds())


def _code_in(body: bytes) -> str:
    try:
        return str(json.loads(body)["odata.error"]["code"])
    except (LookupError, TypeError, ValueError, RecursionError):
        in_xml = _CODE_IN_XML.search(body)
        return "" if in_xml is None else in_xml[1].decode()


def _unreadable(what: str, why: str) -> StorageUnavailable:
    return StorageUnavailable(f"{what}: the answer can't be read: {why}.")
