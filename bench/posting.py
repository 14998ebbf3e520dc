"""Calls POST /api/runs, so many callers at a time, each again as soon as it is answered.

A caller that is answered 503 asks for the same again, as its Retry-After says.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp

HEADERS: Final = {"Content-Type": "application/json"}
TRIES: Final = 100


@dataclass(slots=True)
class Answered:
    """What the callers saw."""

    latencies: list[float] = field(
        default_factory=list
    )  #: seconds, those of repeated calls included
    repeated: int = 0


async def post_all(
    session: aiohttp.ClientSession,
    url: str,
    bodies: Sequence[str],
    at_once: int,
    noted: Callable[[], None] = lambda: None,
) -> Answered:
    """Post every body. Raises RuntimeError for an answer other than 202 and 503."""
    waiting = iter(bodies)
    answered = Answered()

    async def call() -> None:
        for body in waiting:
            began = time.perf_counter()
            answered.repeated += await _until_answered(session, url, body)
            answered.latencies.append(time.perf_counter() - began)
            noted()

    await asyncio.gather(*(call() for _ in range(at_once)))
    return answered


async def _until_answered(session: aiohttp.ClientSession, url: str, body: str) -> int:
    """Post until it is taken; returns how often it was not."""
    said = ""
    for tries in range(TRIES):
        async with session.post(url, data=body, headers=HEADERS) as answer:
            said = f"{url} answered {answer.status}: {await answer.text()}"
        if answer.status == 202:
            return tries
        if answer.status != 503:
            break
        await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
    raise RuntimeError(said[:500])
