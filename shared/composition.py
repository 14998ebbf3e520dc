"""Puts an adapter behind each port: the composition root. Opens nothing yet.

What a queue request does not need is imported when it is first used: a new process answers its first request sooner.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from shared.adapters import connection
from shared.adapters.clock import SystemClock
from shared.adapters.observed import Parts, observed
from shared.adapters.storage.audit import TableAudit
from shared.adapters.storage.outbox import OutboxQueue, ResultsAndEvents
from shared.adapters.storage.queues import AnswerQueue, RequestQueue
from shared.adapters.storage.records import TableRecords
from shared.adapters.synapse import SynapsePipelines
from shared.auth.policy import Policy
from shared.config.gateway_json import GatewayConfig
from shared.config.settings import Settings
from shared.gateway.poison import Poison
from shared.gateway.runner import Runner
from shared.gateway.tracking import Tracking
from shared.runs.cloud_event import NAMELESS
from shared.runs.delivery import Delivery
from shared.runs.request import Follow

if TYPE_CHECKING:
    from shared.adapters.event_grid_topic import EventGridTopic
    from shared.gateway.event_post import EventPost
    from shared.gateway.follower import Follower
    from shared.gateway.retention import Retention
    from shared.gateway.rights_lookup import RightsLookup
    from shared.triggers.event_grid import Events
    from shared.triggers.outcomes import OutcomeRoutes
    from shared.triggers.run_operations import RunOperations
    from shared.triggers.runs import Runs
    from shared.triggers.synapse import WireRoutes
    from shared.triggers.webhooks import Webhooks


class App:
    """Everything that the triggers call.

    Args:
        settings: of the app.
        config: of gateway.json.
        environment: for secrets of webhooks, proxies, and where telemetry goes.
        root: the app's directory, with host.json.
    """

    def __init__(
        self, settings: Settings, config: GatewayConfig, environment: Mapping[str, str], root: Path
    ) -> None:
        self._settings = settings
        self._config = config
        self._environment = environment
        self._clock = clock = SystemClock()
        self._account = account = connection.account(settings, environment)
        self.synapse = SynapsePipelines(
            credential=connection.credential,
            clock=clock,
            call_timeout=settings.call_timeout,
            max_connections=2 * settings.max_concurrent_calls,  # starts, and looks
        )
        self.policy = policy = Policy.configured(config, settings)
        results = AnswerQueue(
            account, settings.results_queue, encoding=settings.results_encoding.value
        )
        outbox, has_topic = OutboxQueue(account, settings.outbox_queue), settings.outcome_topic
        self._outbox, source = outbox, settings.address or NAMELESS
        self._parts = parts = observed(
            Parts(
                records=TableRecords(account, settings.runs_table),
                audit=TableAudit(account, settings.audit_table),
                requests=RequestQueue(account, settings.requests_queue),
                results=ResultsAndEvents(results, outbox, source=source) if has_topic else results,
                pipelines=self.synapse,
                following=connection.follow_ports(account, settings, outbox if has_topic else None),
            ),
            settings,
            policy,
            environment,
            root / "host.json",
        )
        self.records = parts.records
        self._ports = parts.following
        self._tracking = Tracking(
            clock=clock,
            ports=self._ports,
            requests=parts.requests,
            settings=settings,
            default=config.follow,
        )
        self._runner = Runner(
            clock=clock,
            records=parts.records,
            pipelines=parts.pipelines,
            policy=policy,
            settings=settings,
        )
        self.gateway = parts.gateway(
            clock=clock,
            records=parts.records,
            results=parts.results,
            audit=parts.audit,
            requests=parts.requests,
            policy=policy,
            settings=settings,
            runner=self._runner,
            tracking=self._tracking,
        )
        self.poison = Poison(records=parts.records, requests=parts.requests, gateway=self.gateway)

    async def take_event(self, body: bytes, delivery: Delivery) -> bool:
        """Take the event in a message of the requests queue; False if the message holds none."""
        return await self.events.receive_message(body, delivery)

    async def follow(self, message: Follow) -> None:
        """Go on with a chain that follows open runs."""
        await self.follower.visit(message)

    @cached_property
    def events(self) -> "Events":
        from shared.triggers.event_grid import Events

        return Events(gateway=self.gateway, rules=self._config.rules, clock=self._clock)

    @cached_property
    def webhooks(self) -> "Webhooks":
        from shared.auth import webhook_secrets
        from shared.triggers.webhooks import Webhooks

        return Webhooks(
            events=self.events,
            clock=self._clock,
            senders=self._config.events,
            hooks=self._config.hooks,
            secrets=webhook_secrets.read_all(self._config.hooks, self._environment),
        )

    @cached_property
    def outcomes(self) -> "OutcomeRoutes":
        from shared.adapters.storage.ticket_keys import TableTicketKeys
        from shared.triggers.outcomes import OutcomeRoutes

        return OutcomeRoutes.over(
            clock=self._clock,
            records=self.records,
            ports=self._ports,
            keys=TableTicketKeys(self._account, self._settings.runs_table),
            tracking=self._tracking,
            policy=self.policy,
            settings=self._settings,
        )

    @cached_property
    def runs(self) -> "Runs":
        from shared.gateway.open_run_list import OpenRunList
        from shared.triggers.runs import Runs

        return Runs(
            clock=self._clock,
            gateway=self.gateway,
            records=self.records,
            recorded=self._ports.outcomes,
            audit=self._parts.audit,
            open_runs=OpenRunList(self._ports.open_runs),
            outcomes=self.outcomes,
            policy=self.policy,
        )

    @cached_property
    def run_operations(self) -> "RunOperations":
        from shared.gateway.operations import Operations
        from shared.triggers.run_operations import RunOperations

        lookup = self._runner.lookup
        return RunOperations(
            operations=Operations(
                clock=self._clock, records=self.records, gateway=self.gateway, lookup=lookup
            ),
            lookup=lookup,
            records=self.records,
            links=self.outcomes.links,
            policy=self.policy,
        )

    @cached_property
    def wire(self) -> "WireRoutes":
        from shared.gateway.synchronous_start import SynchronousStart
        from shared.gateway.workspace_runs import WorkspaceRuns
        from shared.triggers.synapse import WireRoutes

        return WireRoutes(
            gateway=self.gateway,
            synchronous_start=SynchronousStart(
                clock=self._clock,
                records=self.records,
                runner=self._runner,
                call_timeout=self._settings.call_timeout,
            ),
            workspace=WorkspaceRuns(
                clock=self._clock,
                pipelines=self._parts.pipelines,
                open_runs=self._ports.open_runs,
                policy=self.policy,
                throttle=self._runner.throttle,
            ),
        )

    @cached_property
    def retention(self) -> "Retention":
        from shared.gateway.retention import Retention

        return Retention(
            clock=self._clock,
            records=self.records,
            ports=self._ports,
            audit=self._parts.audit,
            settings=self._settings,
        )

    @cached_property
    def follower(self) -> "Follower":
        from shared.gateway.follower import Follower

        return (self._parts.follower or Follower)(
            clock=self._clock,
            ports=self._ports,
            requests=self._parts.requests,
            audit=self._parts.audit,
            pipelines=self._parts.pipelines,
            throttle=self._runner.throttle,
            tracking=self._tracking,
            retention=self.retention,
            settings=self._settings,
        )

    @cached_property
    def event_post(self) -> "EventPost | None":
        from shared.gateway.event_post import EventPost

        topic, kind = self._topic, self._parts.event_post or EventPost
        return kind(clock=self._clock, outbox=self._outbox, topic=topic) if topic else None

    @cached_property
    def rights(self) -> "RightsLookup":
        from shared.gateway.rights_lookup import RightsLookup

        return RightsLookup(
            clock=self._clock,
            storage=self._account,
            topic=self._topic,
            pipelines=self._parts.pipelines,
            throttle=self._runner.throttle,
            policy=self.policy,
            rules=self._config.rules,
            settings=self._settings,
        )

    @cached_property
    def _topic(self) -> "EventGridTopic | None":
        from shared.adapters.event_grid_topic import EventGridTopic

        url = self._settings.outcome_topic
        return (
            EventGridTopic(url, credential=connection.credential, clock=self._clock)
            if url
            else None
        )
