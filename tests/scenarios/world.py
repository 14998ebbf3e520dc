"""The gateway on fakes: several processes, one storage account, one workspace, and time that a test moves."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import azure.functions as func

from shared.auth.policy import Policy
from shared.config.settings import Settings, read
from shared.gateway.follower import Follower
from shared.gateway.gateway import Gateway, Reception
from shared.gateway.operations import Operations
from shared.gateway.poison import Poison
from shared.gateway.retention import Retention
from shared.gateway.runner import Runner
from shared.gateway.tracking import FollowPorts, Tracking
from shared.kernel.errors import GatewayError
from shared.ports import Clock, Pipelines
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Record
from shared.runs.request import RunRequest
from shared.runs.result import RunResult
from shared.triggers import queue
from tests.fakes.audit import FakeAudit
from tests.fakes.clock import FakeClock
from tests.fakes.following import FakeChains, FakeOpenRuns, FakeOutcomeMessages, FakeOutcomes
from tests.fakes.pipelines import FakePipelines
from tests.fakes.queues import FakeRequests, FakeResults
from tests.fakes.records import FakeRecords
from tests.fakes.ticket_keys import FakeTicketKeys
from tests.unit.builders import a_request

ENDPOINT = "https://w.dev.azuresynapse.net"
ENVIRONMENT = {"SYNAPSE_ENDPOINT": ENDPOINT, "RunStorage": "fake"}


def some_settings(**environment: str) -> Settings:
    settings = read(ENVIRONMENT | environment)
    assert isinstance(settings, Settings), settings
    return settings


class Host:
    """One process of the app: what it holds in memory dies with it."""

    def __init__(self, world: "World", clock: Clock, settings: Settings) -> None:
        workspaces = {"default": world.endpoint} | dict(world.workspaces)
        policy = Policy(
            workspaces=workspaces,
            default_workspace="default",
            permits=lambda _, name, __: world.permitted and name not in world.barred,
            permits_any=lambda _, __: world.permitted,
            names=lambda _: True,
            is_restricted=lambda _: not world.permitted or bool(world.barred),
        )
        runner = Runner(
            clock=clock,
            records=world.records,
            pipelines=world.synapse,
            policy=policy,
            settings=settings,
        )
        self.tracking = Tracking(
            clock=clock,
            ports=world.follow_ports,
            requests=world.requests,
            settings=settings,
            default=world.follow_default,
        )
        self.gateway = Gateway(
            clock=clock,
            records=world.records,
            results=world.results,
            audit=world.audit,
            requests=world.requests,
            policy=policy,
            settings=settings,
            runner=runner,
            tracking=self.tracking,
        )
        self.retention = Retention(
            clock=clock,
            records=world.records,
            ports=world.follow_ports,
            audit=world.audit,
            settings=settings,
        )
        self.follower = Follower(
            clock=clock,
            ports=world.follow_ports,
            requests=world.requests,
            audit=world.audit,
            pipelines=world.synapse,
            throttle=runner.throttle,
            tracking=self.tracking,
            retention=self.retention,
            settings=settings,
        )
        self.operations = Operations(
            clock=clock,
            records=world.records,
            gateway=self.gateway,
            lookup=runner.lookup,
        )
        self.poison = Poison(
            records=world.records,
            requests=world.requests,
            gateway=self.gateway,
        )

    async def deliver(self, body: bytes | Mapping[str, Any], message_id: str = "m-1") -> None:
        """Deliver one queue message, as the platform calls the trigger."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        message = func.QueueMessage(id=message_id, body=content)
        await queue.receive(self.gateway, message, self.follower.visit)

    async def call(self, request: RunRequest, call_id: str = "h-1") -> Reception:
        """Take one HTTP call."""
        delivery = Delivery(id=call_id, source=Source.HTTP, correlation_id=request.correlation_id)
        return await self.gateway.submit(request, delivery, "key", recoverable=True)


class World:
    """Everything outside the processes."""

    def __init__(self, *, echoes: bool = True, **environment: str) -> None:
        self.settings = some_settings(**environment)
        self.workspaces: dict[str, str] = {}
        self.permitted = True
        self.barred: set[str] = set()  #: pipelines that nobody may start
        self.clock = FakeClock()
        self.records = FakeRecords(self.clock)
        self.requests = FakeRequests(self.clock)
        self.results = FakeResults()
        self.audit = FakeAudit()
        self.pipelines = FakePipelines(echoes=echoes, clock=self.clock)
        self.chains = FakeChains(self.clock)
        self.open_runs = FakeOpenRuns(self.clock)
        self.outcomes = FakeOutcomes()
        self.outcome_messages = FakeOutcomeMessages()
        self.ticket_keys = FakeTicketKeys()
        self.follow_ports = FollowPorts(
            chains=self.chains,
            open_runs=self.open_runs,
            outcomes=self.outcomes,
            messages=self.outcome_messages,
        )
        self.follow_default: bool | None = None  #: as gateway.json says
        self.endpoint = ENDPOINT
        self.synapse: Pipelines = (
            self.pipelines
        )  #: what the processes call; the fake unless a test says
        self.host = Host(self, self.clock, self.settings)

    def restart(self) -> Host:
        """Let the process die and another take its place."""
        self.host = Host(self, self.clock, self.settings)
        return self.host

    async def deliver(self, message_id: str = "m-1", **fields: Any) -> None:
        """Deliver one valid request by queue."""
        body = {"pipelineName": "copy", "requestId": "order-17", "parameters": {"day": 1}} | fields
        await self.host.deliver(body, message_id)

    async def drain(self, *, for_seconds: float = 7 * 24 * 3600.0) -> None:
        """Let the platform deliver the gateway's own messages, moving time on to each, until none is left."""
        until = self.clock.monotonic() + for_seconds
        while self.requests.messages:
            due = min(message.due for message in self.requests.messages)
            if due > until:
                break
            self.clock.advance(max(0.0, due - self.clock.monotonic()))
            for message in self.requests.take_due():
                await self.platform_delivers(message.resume.to_json().encode())

    async def follow(self, *, for_seconds: float = 3600.0) -> None:
        """Let the platform deliver the messages that continue chains, moving time on to each, until none is left."""
        until = self.clock.monotonic() + for_seconds
        while self.requests.follows:
            due = min(message.due for message in self.requests.follows)
            if due > until:
                break
            self.clock.advance(max(0.0, due - self.clock.monotonic()))
            message = self.requests.take_follow()
            assert message is not None
            await self.platform_delivers(message.follow.to_json().encode())

    async def platform_delivers(self, body: bytes, message_id: str = "own") -> None:
        """Deliver a message until it is acknowledged."""
        for _ in range(20):
            try:
                await self.host.deliver(body, message_id)
            except GatewayError:
                self.clock.advance(30.0)
            else:
                return
        await self.host.poison.receive(body, "poison-1")

    @property
    def record(self) -> Record:
        """The one record."""
        (record,) = self.records.all()
        return record

    def record_of(self, request_id: str) -> Record:
        """The record of one of several requests."""
        (record,) = (one for one in self.records.all() if one.request_id == request_id)
        return record

    @property
    def events(self) -> list[str]:
        """The history of the one record."""
        return [entry.event for entry in self.record.history]

    @property
    def run_id(self) -> str:
        """The id of the one record's run."""
        assert self.record.run_id
        return self.record.run_id

    @property
    def result(self) -> RunResult:
        """The one result."""
        (result,) = self.results.published
        return result


def later(world: World, seconds: float) -> str:
    """Write a time so many seconds from now."""
    return (world.clock.now() + timedelta(seconds=seconds)).isoformat()


__all__ = ["ENDPOINT", "Host", "World", "a_request", "later", "some_settings"]
