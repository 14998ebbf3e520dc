"""Every call to the storage service ends, and in words of ours: shared/adapters/storage/call.py."""

import asyncio

import aiohttp
import pytest

from shared.adapters.storage import call as storage_call
from shared.kernel.errors import StorageUnavailable


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientPayloadError("hunter2"),
        aiohttp.InvalidURL("http://x?sig=hunter2"),
        aiohttp.SocketTimeoutError("hunter2"),
        ConnectionResetError("hunter2"),
        ValueError("hunter2"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_no_foreign_error_gets_out(error: Exception) -> None:
    """It is told by its class, and none of its words go on."""

    async def fail() -> None:
        raise error

    with pytest.raises(StorageUnavailable) as caught:
        await storage_call.reach("table runs", fail)

    assert str(caught.value) == f"table runs: {type(error).__name__}"
    assert caught.value.__suppress_context__


async def test_a_call_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it would have gone on."""
    monkeypatch.setattr(storage_call, "DEADLINE", 0.01)

    with pytest.raises(StorageUnavailable, match="no answer within"):
        await storage_call.reach("table runs", lambda: asyncio.sleep(5))


async def test_an_error_of_our_own_is_left_alone() -> None:
    """A fault in the program is no unavailable storage."""

    async def fail() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await storage_call.reach("table runs", fail)
