"""Runs functions: logs their failures, and waits for their end."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping
from contextvars import ContextVar
from typing import Any

from local.host import trace as traces
from local.host.protos import TypedData
from local.host.worker import Function, Outcome, invoke

LOG = logging.getLogger(__name__)
NOWHERE = "-"
FUNCTION: ContextVar[str] = ContextVar("function", default=NOWHERE)


class Invocations:
    """Runs functions."""

    def __init__(self) -> None:
        self._background: set[asyncio.Task[Any]] = set()

    async def run(
        self,
        function: Function,
        data: TypedData,
        *,
        metadata: Mapping[str, TypedData] | None = None,
        trace: traces.Trace | None = None,
    ) -> Outcome:
        """Run the function; never raises for what the app did."""
        began = time.perf_counter()
        named = FUNCTION.set(function.name)
        try:
            outcome = await invoke(
                function, data, metadata=metadata or {}, trace=trace or traces.begin()
            )
            _log(function, outcome, time.perf_counter() - began)
        finally:
            FUNCTION.reset(named)
        return outcome

    def start(self, work: Coroutine[Any, Any, Outcome]) -> asyncio.Task[Outcome]:
        """Run in the background what `drained` waits for."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def drained(self) -> None:
        """Wait until nothing runs in the background."""
        while self._background:
            await asyncio.wait(self._background)


def _log(function: Function, outcome: Outcome, took: float) -> None:
    if outcome.error is None:
        LOG.debug("executed", extra={"milliseconds": round(took * 1000, 1)})
    else:
        LOG.error("%s failed: %s\n%s", function.name, outcome.error, outcome.stack.rstrip())
