"""Calls POST /api/runs, so many callers at a time, each again as soon as it is answered."""

import asyncio
import time
from collections.abc import Callable, Sequence

import aiohttp

HEADERS = {"Content-Type": "application/json"}


async def post_all(
    session: aiohttp.ClientSession,
    url: str,
    bodies: Sequence[str],
    at_once: int,
    noted: Callable[[], None] = lambda: None,
) -> list[float]:
    """Post every body; returns the seconds that each took. Raises RuntimeError for an answer that is not 202."""
    waiting = iter(bodies)
    latencies: list[float] = []

    async def call() -> None:
        for body in waiting:
            began = time.perf_counter()
            async with session.post(url, data=body, headers=HEADERS) as answer:
                text = await answer.text()
                if answer.status != 202:
                    msg = f"{url} answered {answer.status}: {text[:500]}"
                    raise RuntimeError(msg)
            latencies.append(time.perf_counter() - began)
            noted()

    await asyncio.gather(*(call() for _ in range(at_once)))
    return latencies
