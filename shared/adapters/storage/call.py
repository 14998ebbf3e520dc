"""Bounds a call to the storage service by the deadline, and lets no error of another library out.

Their text is not passed on: it quotes addresses (which may contain a SAS signature) and the string to be signed.
"""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from shared.adapters.storage.facts import DEADLINE
from shared.kernel.errors import StorageUnavailable


async def reach[T](what: str, operation: Callable[[], Awaitable[T]]) -> T:
    """Call the service within the deadline.

    Args:
        what: what is called, for the error's text.
        operation: the call.

    Raises:
        StorageUnavailable: there was no answer. What the operation itself raises of ours goes through.
    """
    try:
        async with asyncio.timeout(DEADLINE):
            return await operation()
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # `from None`: a traceback would show their text.
        msg = f"{what}: {_reason(error)}"
        raise StorageUnavailable(msg) from None


def _reason(error: Exception) -> str:
    # Some of aiohttp's errors are TimeoutErrors too: of connecting or reading, not of the deadline.
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
        return f"no answer within {DEADLINE:g} s"
    return type(error).__name__
