"""How the workspace answers who looks at runs: well, not at all for a while, less than is asked, or late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

from local.synapse.client import Simulator
from local.synapse.faults import Answer
from local.synapse.routes import MONITORING
from local.synapse.settings import Admission

SPARSE = Admission(rate=2, burst=4, retry_after=2)
BEFORE = 5.0  #: seconds of a play before the looks are away


class Monitoring(StrEnum):
    """How looks are answered."""

    WELL = "well"
    AWAY = "away"  #: each is answered 503 for some time
    THROTTLED = "throttled"  #: two a second, the others are answered 429
    LAGGING = "lagging"  #: the query shows each change so much later


@asynccontextmanager
async def answering(synapse: Simulator, how: Monitoring, seconds: float) -> AsyncIterator[None]:
    """Let looks be answered so from now on.

    Args:
        synapse: the workspace.
        how: how.
        seconds: how long they are away, or how late they are; the block ends when they are back.
    """
    match how:
        case Monitoring.AWAY:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_away(synapse, seconds))
                yield
            return
        case Monitoring.THROTTLED:
            await synapse.settings(monitoring=SPARSE)
        case Monitoring.LAGGING:
            await synapse.settings(query_lag_seconds=seconds)
        case Monitoring.WELL:
            pass
    yield


async def _away(synapse: Simulator, seconds: float) -> None:
    await asyncio.sleep(BEFORE)
    gone = await synapse.fault(Answer(status=503), times=None, operation=MONITORING)
    await asyncio.sleep(seconds)
    await synapse.remove_faults(gone)
