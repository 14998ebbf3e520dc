"""The storage account's address, the time limits of its calls, and the facts that its answers state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.kernel.errors import StorageRefused, StorageUnavailable

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

# A lease is 90 s. A call ends within DEADLINE, its retries and waits included; a write whose answer was lost
# takes two calls.
DEADLINE: Final = 25.0
CONNECT_TIMEOUT: Final = 5.0
READ_TIMEOUT: Final = 10.0
RETRIES: Final = 4


class Missing(Exception):
    """The entity or the message does not exist."""


class Exists(Exception):
    """An entity with these keys exists already."""


class Changed(Exception):
    """The entity was written, or the message was taken, since it was read."""


class NotCreated(StorageUnavailable):
    """The table or the queue itself does not exist (yet)."""


# The services' own codes (learn, rest/api/storageservices: table and queue service error codes).
_FACTS: Final[Mapping[str, type[Exception]]] = {
    "ResourceNotFound": Missing,
    "EntityNotFound": Missing,
    "MessageNotFound": Missing,
    "EntityAlreadyExists": Exists,
    "UpdateConditionNotSatisfied": Changed,
    "ConditionNotMet": Changed,
    "PopReceiptMismatch": Changed,
    "TableNotFound": NotCreated,
    "QueueNotFound": NotCreated,
}


def failure(what: str, status: int, code: str) -> Exception:
    """Return what an error of the service means: its code decides, since 409 has many meanings.

    Args:
        what: what was called, for the error's text.
        status: the answer's status.
        code: the service's code; empty if it gave none.
    """
    message = f"{what}: {status} {code}".rstrip()
    if code not in _FACTS and status in {401, 403}:
        return StorageRefused(message, code=code)
    return _FACTS.get(code, StorageUnavailable)(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByConnectionString:
    """The account, by a connection string."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByIdentity:
    """The account, by the URIs of its two services and an identity."""

    queue_uri: str
    table_uri: str
    credential: "Callable[[], AsyncTokenCredential]"  #: a new one for each call
