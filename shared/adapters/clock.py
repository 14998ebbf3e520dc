"""The host's time and random numbers."""

import asyncio
import random
import secrets
import time
from datetime import UTC, datetime
from typing import override

from shared.ports import Clock


class SystemClock(Clock):
    """The operating system's clocks."""

    @override
    def now(self) -> datetime:
        return datetime.now(UTC)

    @override
    def monotonic(self) -> float:
        return time.monotonic()

    @override
    def jitter(self) -> float:
        return random.random()  # noqa: S311 - spreads retries, guards nothing

    @override
    def nonce(self) -> str:
        return secrets.token_hex(16)

    @override
    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
