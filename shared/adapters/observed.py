"""The gateway's parts as they are, or with telemetry around each of them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.auth.policy import Policy
from shared.config import telemetry
from shared.config.settings import Exporting, Settings
from shared.gateway.gateway import Gateway
from shared.gateway.tracking import FollowPorts
from shared.kernel import log_line
from shared.ports import Audit, Pipelines, Records, Requests, Results

if TYPE_CHECKING:
    from shared.gateway.event_post import EventPost
    from shared.gateway.follower import Follower


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the gateway is made of, and the classes of what takes messages."""

    records: Records
    audit: Audit
    requests: Requests
    results: Results
    pipelines: Pipelines
    following: FollowPorts
    gateway: type[Gateway] = Gateway
    #: None: the plain ones, imported late
    follower: "type[Follower] | None" = None
    event_post: "type[EventPost] | None" = None


def observed(
    parts: Parts,
    settings: Settings,
    policy: Policy,
    environment: Mapping[str, str],
    host_json: Path,
) -> Parts:
    """Return the parts with telemetry around them.

    If it is off, the parts themselves, and nothing of OpenTelemetry is imported. If it can't begin, the same with a
    line in the log: requests are served all the same.
    """
    if settings.telemetry is Exporting.OFF:
        return parts
    try:
        found = telemetry.read(environment, host_json.read_bytes())
        if found is None:
            log_line.write(logging.WARNING, "telemetry_off", reason="it has no destination")
            return parts
        return _traced(parts, settings, policy, found)
    except Exception as error:  # noqa: BLE001 - see above
        log_line.write(logging.ERROR, "telemetry_off", reason=type(error).__name__)
        return parts


def _traced(parts: Parts, settings: Settings, policy: Policy, found: telemetry.Telemetry) -> Parts:
    from shared.adapters.telemetry import (  # noqa: PLC0415 - only if it is on
        event_post,
        following,
        index,
        providers,
        storage,
        synapse,
        visits,
    )

    providers.begin(found)
    workspaces = frozenset(policy.workspaces)
    return Parts(
        records=storage.TracedRecords(parts.records, settings.runs_table),
        audit=storage.TracedAudit(parts.audit, settings.audit_table, workspaces),
        requests=storage.TracedRequests(parts.requests, settings.requests_queue),
        results=storage.TracedResults(parts.results, settings.results_queue),
        pipelines=synapse.TracedPipelines(parts.pipelines),
        following=index.traced(parts.following, settings),
        gateway=visits.TracedGateway,
        follower=following.TracedFollower,
        event_post=event_post.TracedEventPost,
    )
