"""The storage service goes away in the middle of a load, and comes back: all of it, or its tables alone."""

import asyncio
from collections.abc import Mapping
from enum import StrEnum

from local.storage_proxy.faults import BUSY
from local.storage_proxy.operation import Service
from tests.crash import load
from tests.crash.plan import MIX, Entry, draw
from tests.crash.play import Play, Reckoning

# A sender whose put was cut off puts it again: without an id, that would be another request.
NAMED: Mapping[Entry, int] = {
    entry: share for entry, share in MIX.items() if entry is not Entry.NAMELESS
}


class What(StrEnum):
    """What goes away."""

    AZURITE = "azurite"  #: the process ends, and starts again on the same disk and ports
    TABLES = "tables"  #: every call to them is answered 503; queues serve on


async def run(play: Play, *, seed: int, what: What, requests: int, seconds: float) -> Reckoning:
    """Send so many requests before, while and after the storage is away for so many seconds."""
    await play.hosts.start()
    await play.warm_up()
    plan = draw(seed, requests=requests, waves=1, mix=NAMED)
    sending = asyncio.create_task(load.steadily(play, plan.postings, seconds * 1.5 + 2.0))
    await asyncio.sleep(1.0 + seconds / 4)
    await _away(play, what, seconds)
    await sending
    return await play.reckon()


async def _away(play: Play, what: What, seconds: float) -> None:
    if what is What.AZURITE:
        await play.ground.stop_storage()
        await asyncio.sleep(seconds)
        await play.ground.start_storage()
    else:
        refused = await play.ground.proxy.fault(BUSY, times=None, service=Service.TABLE)
        await asyncio.sleep(seconds)
        await play.ground.proxy.remove(refused)
