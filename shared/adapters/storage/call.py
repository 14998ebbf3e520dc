"""Turns the outcome of a call to the storage service into its result, one of our facts, or `StorageUnavailable`.

Errors of Azure's SDK end here and nowhere else. Their text is not passed on: it quotes addresses (which may
contain a SAS signature) and the string to be signed.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp
from azure.core.exceptions import AzureError, HttpResponseError

from shared.adapters.storage.facts import DEADLINE, Changed, Exists, Missing, NotCreated
from shared.kernel.errors import StorageRefused, StorageUnavailable

# The services' own codes (learn, rest/api/storageservices: table and queue service error codes).
FACTS: Final[Mapping[str, type[Exception]]] = {
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
# ValueError: what the SDK raises for a connection string or an address that it can't read.
_FOREIGN: Final = (AzureError, aiohttp.ClientError, TimeoutError, OSError, ValueError)


async def reach[T](what: str, operation: Callable[[], Awaitable[T]]) -> T:
    """Call the service within the deadline.

    Args:
        what: what is called, for the error's text.
        operation: the call.

    Raises:
        Missing, Exists, Changed, NotCreated: the service's answer is such a fact.
        StorageRefused: it answered 401 or 403.
        StorageUnavailable: anything else.
    """
    try:
        async with asyncio.timeout(DEADLINE):
            return await operation()
    except _FOREIGN as error:
        # `from None`: a traceback would show the SDK's text.
        raise read(what, error) from None


def read(what: str, error: Exception) -> Exception:
    """Return the error of ours that stands for one of the SDK's."""
    code = error_code(error)
    message = f"{what}: {_reason(error, code)}"
    if code not in FACTS and getattr(error, "status_code", None) in {401, 403}:
        return StorageRefused(message, code=code)
    return FACTS.get(code, StorageUnavailable)(message)


def error_code(error: Exception) -> str:
    """Return the service's code; empty if there was no answer, or one without a code."""
    if not isinstance(error, HttpResponseError):
        return ""
    found: Any = getattr(error, "error_code", None) or _code_in_body(error)
    return str(getattr(found, "value", found))


def _code_in_body(error: HttpResponseError) -> str:
    """Read the code that `create_entity` leaves undecoded (azure-data-tables 12.7, _table_client_async.py)."""
    try:
        return str(json.loads(error.response.text())["odata.error"]["code"])  # type: ignore[union-attr]  # None is an AttributeError
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""


def _reason(error: Exception, code: str) -> str:
    status = getattr(error, "status_code", None)
    if status is not None:
        return f"{status} {code or getattr(error, 'reason', '')}"
    if isinstance(error, TimeoutError):
        return f"no answer within {DEADLINE:g} s"
    cause = getattr(error, "inner_exception", None)
    return type(error).__name__ + (f" ({type(cause).__name__})" if cause else "")
