"""The serving host: the HTTP server, a poller for each queue trigger, a clock for each timer."""

import asyncio
import logging
import os
import ssl
from collections.abc import Mapping

from local.host.host_json import HostJson
from local.host.http_server import HttpServer
from local.host.invocations import Invocations
from local.host.queue_trigger import QueueTrigger
from local.host.storage import Storage
from local.host.timers import Timer
from local.host.worker import Function

LOG = logging.getLogger(__name__)
SUPPORTED = frozenset({"httpTrigger", "queueTrigger", "timerTrigger", "eventGridTrigger"})


class Host:
    """Everything that serves one app."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        *,
        numbers: HostJson,
        lease: int,
        keys: frozenset[str],
        grace: float,
    ) -> None:
        self._grace = grace
        self._storage = Storage()
        self._invocations = Invocations()
        self._server = HttpServer(
            functions,
            prefix=numbers.route_prefix,
            keys=keys,
            grace=grace,
            invocations=self._invocations,
        )
        self._triggers = [
            QueueTrigger(
                function,
                options=numbers.queues,
                lease=lease,
                storage=self._storage,
                invocations=self._invocations,
            )
            for function in _with(functions, "queueTrigger")
        ]
        self._timers = [Timer(one, self._invocations) for one in _with(functions, "timerTrigger")]
        self._polling: list[asyncio.Task[None]] = []
        self._ticking: list[asyncio.Task[None]] = []
        for function in functions.values():
            if function.trigger.type not in SUPPORTED:
                LOG.warning("%s never runs here: %s", function.name, function.trigger.type)

    async def start(self, port: int, tls: ssl.SSLContext | None) -> int:
        """Serve; returns the port."""
        await asyncio.gather(*(trigger.create() for trigger in self._triggers))
        listening = await self._server.start(port, tls)
        # The app's own address, as the platform and Core Tools name it.
        os.environ.setdefault("WEBSITE_HOSTNAME", f"127.0.0.1:{listening}")
        self._polling = [asyncio.create_task(trigger.poll()) for trigger in self._triggers]
        self._ticking = [asyncio.create_task(timer.run()) for timer in self._timers]
        return listening

    async def wait(self, ended: asyncio.Event) -> None:
        """Wait for the end; raise what stopped a poller or a clock before it."""
        told = asyncio.create_task(ended.wait())
        running = {told, *self._polling, *self._ticking}
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task

    async def stop(self) -> bool:
        """Begin nothing new, wait for what runs; False if it took longer than the grace."""
        for tick in self._ticking:
            tick.cancel()
        for trigger in self._triggers:
            trigger.stop()
        try:
            async with asyncio.timeout(self._grace):
                await self._drained()
        except TimeoutError:
            LOG.warning("some invocations did not end within %s s", self._grace)
            return False
        return True

    async def _drained(self) -> None:
        await asyncio.gather(self._server.stop(), *self._polling)
        await asyncio.gather(*(trigger.drained() for trigger in self._triggers))
        await self._invocations.drained()
        await self._storage.close()


def _with(functions: Mapping[str, Function], trigger: str) -> list[Function]:
    return [function for function in functions.values() if function.trigger.type == trigger]
