"""How a process is built: the one place that knows the app's classes.

All else of the explorer calls what `Process` offers, and the ports.
"""

import itertools
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import azure.functions as func

from shared.triggers import queue
from tests.explorer.ground import Ground
from tests.explorer.life import Life
from tests.explorer.virtual_time import VirtualClock
from tests.scenarios.api import JSON, Answer, Api
from tests.scenarios.event_senders import Senders
from tests.scenarios.wire import Wire
from tests.scenarios.world import World


class Process:
    """One process of the app, with all of its triggers."""

    def __init__(self, ground: Ground, name: str) -> None:
        weather = ground.weather
        self.life = Life(name, weather.fuse(), ground.note)
        resend = "resend" if "resend" in weather.features else "fail"
        calls = "1" if "crowd" in weather.features else "16"
        world = World(UNKNOWN_OUTCOME=resend, MAX_CONCURRENT_CALLS=calls)
        ground.processes += 1
        world.clock = VirtualClock(ground.clock._time, weather.dice.random, ground.processes)
        if "skew" in weather.features:
            world.clock.wall_offset = timedelta(hours=weather.dice.uniform(-3.0, 3.0))
        world.records, world.requests = ground.records, ground.requests
        world.results, world.audit = ground.results, ground.audit
        world.pipelines = world.synapse = ground.workspace
        world.barred = ground.barred
        self._host = world.restart()
        self.api, self._wire, self.senders = Api(world), Wire(world), Senders(world)
        # Invocation ids are unique over all processes and routes.
        first = ground.processes * 1_000_000
        self.api._calls, self.senders._calls = first, first + 300_000
        self._wire._numbers = itertools.count(first + 600_000)

    async def receive(self, body: bytes, message_id: str) -> None:
        """Take a message of the requests queue."""
        message = func.QueueMessage(id=message_id, body=body)
        host, events = self._host, self.senders.events
        await queue.receive(host.gateway, message, host.follower.visit, events.receive_message)

    async def receive_poisoned(self, body: bytes, message_id: str) -> None:
        """Take a message of the poison queue."""
        message = func.QueueMessage(id=message_id, body=body)
        await queue.receive_poisoned(
            self._host.poison, message, self.senders.events.receive_message
        )

    async def start(self, fields: Mapping[str, Any], prefer: str) -> Answer:
        """Call `POST /api/runs`."""
        return await self.api.start(fields, JSON | ({"prefer": prefer} if prefer else {}))

    async def create_run(self, fields: Mapping[str, Any]) -> Answer:
        """Call Synapse's own createRun for the same request."""
        return await self._wire.create(
            fields["parameters"],
            request_id=str(fields["requestId"]),
            pipeline=str(fields["pipelineName"]),
            x_ms_correlation_request_id=str(fields["correlationId"]),
        )

    async def look(self, run_id: str) -> Answer:
        """Look at a run on Synapse's own route."""
        return await self._wire.get(run_id)
