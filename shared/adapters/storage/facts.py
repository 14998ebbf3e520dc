"""The storage account's address, the time limits of its calls, and the facts that its answers state."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.kernel.errors import StorageUnavailable

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ByConnectionString:
    """The account, by a connection string."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByIdentity:
    """The account, by the URIs of its two services and an identity."""

    queue_uri: str
    table_uri: str
    credential: "Callable[[], AsyncTokenCredential]"  #: called once; not closed here
