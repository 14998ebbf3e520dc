"""Puts an adapter behind each port: the composition root. Opens nothing yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.adapters import connection
from shared.adapters.clock import SystemClock
from shared.adapters.event_grid_topic import EventGridTopic
from shared.adapters.observed import Parts, observed
from shared.adapters.storage.audit import TableAudit
from shared.adapters.storage.outbox import OutboxQueue, ResultsAndEvents
from shared.adapters.storage.queues import RequestQueue, ResultQueue
from shared.adapters.storage.records import TableRecords
from shared.adapters.storage.ticket_keys import TableTicketKeys
from shared.adapters.synapse import SynapsePipelines
from shared.auth import webhook_secrets
from shared.auth.policy import Policy
from shared.config.gateway_json import GatewayConfig
from shared.config.settings import Settings
from shared.gateway.event_post import EventPost
from shared.gateway.follower import Follower
from shared.gateway.gateway import Gateway
from shared.gateway.open_run_list import OpenRunList
from shared.gateway.operations import Operations
from shared.gateway.poison import Poison
from shared.gateway.retention import Retention
from shared.gateway.rights_lookup import RightsLookup
from shared.gateway.runner import Runner
from shared.gateway.synchronous_start import SynchronousStart
from shared.gateway.tracking import Tracking
from shared.gateway.workspace_runs import WorkspaceRuns
from shared.ports import Records
from shared.runs.cloud_event import NAMELESS
from shared.triggers.event_grid import Events
from shared.triggers.outcomes import OutcomeRoutes
from shared.triggers.run_operations import RunOperations
from shared.triggers.runs import Runs
from shared.triggers.synapse import WireRoutes
from shared.triggers.webhooks import Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Everything that the triggers call."""

    gateway: Gateway
    runs: Runs
    run_operations: RunOperations
    wire: WireRoutes
    events: Events
    webhooks: Webhooks
    outcomes: OutcomeRoutes
    poison: Poison
    retention: Retention
    event_post: EventPost | None
    follower: Follower
    rights: RightsLookup
    records: Records
    policy: Policy
    synapse: SynapsePipelines


def build(
    settings: Settings, config: GatewayConfig, environment: Mapping[str, str], root: Path
) -> App:
    """Put an adapter behind each port, without opening a connection.

    Args:
        settings: of the app.
        config: of gateway.json.
        environment: for secrets of webhooks, proxies, and where telemetry goes.
        root: the app's directory, with host.json.
    """
    clock = SystemClock()
    account = connection.account(settings, environment)
    synapse = SynapsePipelines(
        credential=connection.credential,
        clock=clock,
        call_timeout=settings.call_timeout,
        max_connections=2 * settings.max_concurrent_calls,  # starts, and looks
    )
    results = ResultQueue(account, settings.results_queue, encoding=settings.results_encoding.value)
    policy = Policy.configured(config, settings)
    outbox, url = OutboxQueue(account, settings.outbox_queue), settings.outcome_topic
    topic = EventGridTopic(url, credential=connection.credential, clock=clock) if url else None
    source = settings.address or NAMELESS
    parts = Parts(
        records=TableRecords(account, settings.runs_table),
        audit=TableAudit(account, settings.audit_table),
        requests=RequestQueue(account, settings.requests_queue),
        results=ResultsAndEvents(results, outbox, source=source) if topic else results,
        pipelines=synapse,
        following=connection.follow_ports(account, settings, outbox if topic else None),
    )
    parts = observed(parts, settings, policy, environment, root / "host.json")
    records, audit, pipelines = parts.records, parts.audit, parts.pipelines
    ports = parts.following
    tracking = Tracking(
        clock=clock, ports=ports, requests=parts.requests, settings=settings, default=config.follow
    )
    runner = Runner(
        clock=clock, records=records, pipelines=pipelines, policy=policy, settings=settings
    )
    gateway = parts.gateway(
        clock=clock,
        records=records,
        results=parts.results,
        audit=audit,
        requests=parts.requests,
        policy=policy,
        settings=settings,
        runner=runner,
        tracking=tracking,
    )
    retention = Retention(clock=clock, records=records, ports=ports, audit=audit, settings=settings)
    events = Events(gateway=gateway, rules=config.rules, clock=clock)
    outcomes = OutcomeRoutes.over(
        clock=clock,
        records=records,
        ports=ports,
        keys=TableTicketKeys(account, settings.runs_table),
        tracking=tracking,
        policy=policy,
        settings=settings,
    )
    return App(
        gateway=gateway,
        runs=Runs(
            clock=clock,
            gateway=gateway,
            records=records,
            recorded=ports.outcomes,
            audit=audit,
            open_runs=OpenRunList(ports.open_runs),
            outcomes=outcomes,
            policy=policy,
        ),
        outcomes=outcomes,
        run_operations=RunOperations(
            operations=Operations(
                clock=clock, records=records, gateway=gateway, lookup=runner.lookup
            ),
            lookup=runner.lookup,
            records=records,
            links=outcomes.links,
            policy=policy,
        ),
        wire=WireRoutes(
            gateway=gateway,
            synchronous_start=SynchronousStart(
                clock=clock, records=records, runner=runner, call_timeout=settings.call_timeout
            ),
            workspace=WorkspaceRuns(
                clock=clock,
                pipelines=pipelines,
                open_runs=ports.open_runs,
                policy=policy,
                throttle=runner.throttle,
            ),
        ),
        events=events,
        webhooks=Webhooks(
            events=events,
            clock=clock,
            senders=config.events,
            hooks=config.hooks,
            secrets=webhook_secrets.read_all(config.hooks, environment),
        ),
        poison=Poison(records=records, requests=parts.requests, gateway=gateway),
        retention=retention,
        event_post=parts.event_post(clock=clock, outbox=outbox, topic=topic) if topic else None,
        follower=parts.follower(
            clock=clock,
            ports=ports,
            requests=parts.requests,
            audit=audit,
            pipelines=pipelines,
            throttle=runner.throttle,
            tracking=tracking,
            retention=retention,
            settings=settings,
        ),
        rights=RightsLookup(
            clock=clock,
            storage=account,
            topic=topic,
            pipelines=pipelines,
            throttle=runner.throttle,
            policy=policy,
            rules=config.rules,
            settings=settings,
        ),
        records=records,
        policy=policy,
        synapse=synapse,
    )
