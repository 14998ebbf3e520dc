"""Where the storage account is, how long its calls may take, and what its answers may mean to an adapter."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.kernel.errors import StorageUnavailable

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

# A lease is 90 s. A call is over after DEADLINE at the latest, whatever its tries and waits were; a write
# whose answer was lost takes two calls.
DEADLINE: Final = 25.0
CONNECT_TIMEOUT: Final = 5.0
READ_TIMEOUT: Final = 10.0
RETRIES: Final = 4


class Missing(Exception):
    """The entity or the message is not there."""


class Exists(Exception):
    """An entity with these keys is there already."""


class Changed(Exception):
    """The entity was written, or the message was taken, since it was read."""


class NotCreated(StorageUnavailable):
    """The table or the queue itself does not exist (yet)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByConnectionString:
    """The account as a connection string names it."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByIdentity:
    """The account's two services, and the identity that may use them."""

    queue_uri: str
    table_uri: str
    credential: "Callable[[], AsyncTokenCredential]"  #: called once; its owner closes what it gives
