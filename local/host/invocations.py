"""Runs functions: writes their outputs afterwards, logs their failures, and waits for their end."""

import asyncio
import json
import logging
import time
from collections.abc import Coroutine, Mapping
from contextvars import ContextVar
from typing import Any

from local.host import settings, trace as traces
from local.host.protos import TypedData
from local.host.storage import Storage
from local.host.worker import Binding, Function, Outcome, invoke

LOG = logging.getLogger(__name__)
NOWHERE = "-"
FUNCTION: ContextVar[str] = ContextVar("function", default=NOWHERE)


class Invocations:
    """Runs functions."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._background: set[asyncio.Task[Any]] = set()

    async def run(
        self,
        function: Function,
        data: TypedData,
        *,
        metadata: Mapping[str, TypedData] | None = None,
        trace: traces.Trace | None = None,
    ) -> Outcome:
        """Run the function and write its queue outputs; never raises for what the app did."""
        began = time.perf_counter()
        named = FUNCTION.set(function.name)
        try:
            outcome = await invoke(
                function, data, metadata=metadata or {}, trace=trace or traces.begin()
            )
            if outcome.error is None:
                outcome = await self._written(function, outcome)
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

    async def _written(self, function: Function, outcome: Outcome) -> Outcome:
        values = dict(outcome.outputs)
        if outcome.returned is not None:
            values["$return"] = outcome.returned
        try:
            for name, value in values.items():
                if function.outputs[name].type == "queue":
                    await self._write(function.outputs[name], value)
        except Exception as fault:  # noqa: BLE001 (the platform fails the invocation whatever hindered its outputs)
            return Outcome(error=f"output binding: {fault!r}")
        return outcome

    async def _write(self, binding: Binding, value: TypedData) -> None:
        name = settings.resolve(binding.fields["queueName"]).lower()
        queue = self._storage.queue(binding.fields.get("connection"), name)
        for text in messages(value):
            await self._storage.send(queue, text)


def _log(function: Function, outcome: Outcome, took: float) -> None:
    if outcome.error is None:
        LOG.debug("executed", extra={"milliseconds": round(took * 1000, 1)})
    else:
        LOG.error("%s failed: %s\n%s", function.name, outcome.error, outcome.stack.rstrip())


def messages(value: TypedData) -> list[bytes]:
    """Return the bodies that an output makes: an array makes one for each element, even if it is text."""
    if value.kind == "bytes":
        return [value.bytes]
    text: str = value.json if value.kind == "json" else value.string
    if not text.lstrip().startswith("["):
        return [text.encode()]
    try:
        elements = json.loads(text)
    except ValueError:
        return [text.encode()]
    return [(one if isinstance(one, str) else json.dumps(one)).encode() for one in elements]
