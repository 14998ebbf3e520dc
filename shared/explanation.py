"""What would become of an event? Which rules match it, why the others don't, and what would be asked for."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from shared.access import permits
from shared.cloud_error import CloudError
from shared.envelope import Item
from shared.gateway_config import GatewayConfig
from shared.rules import Matched, explain
from shared.run_request import RunRequest


def tell(
    config: GatewayConfig, items: Sequence[Item], now: datetime, principal: str | None = None
) -> tuple[str, int]:
    """Tell it in words, and how many requests would be enqueued.

    Args:
        config: the configuration.
        items: the events of a message.
        now: when it arrives.
        principal: who asks, where it is a hook; otherwise each rule asks in its own name.
    """
    lines: list[str] = []
    requests = 0
    for item in items:
        if isinstance(item.event, CloudError):
            lines += [f"No event: {item.event.message}", *_details(item.event), ""]
            continue
        lines.append(f"Event {item.event.id} of type {item.event.type} from {item.event.source}")
        for verdict in explain(config.rules, item.event, now):
            if isinstance(verdict, Matched):
                lines += _matched(config, verdict, principal)
                requests += isinstance(verdict.outcome, RunRequest)
            else:
                lines.append(f"  {verdict.rule}: no match. {verdict.reason}")
        lines.append("")
    count = "1 run request" if requests == 1 else f"{requests} run requests"
    lines.append(f"{count} would be enqueued. No run was made.")
    return "\n".join(lines), requests


def _matched(config: GatewayConfig, matched: Matched, principal: str | None) -> Iterator[str]:
    if isinstance(matched.outcome, CloudError):
        yield f"  {matched.rule}: matches, but makes no request. {matched.outcome.message}"
        yield from _details(matched.outcome)
        return
    yield f"  {matched.rule}: matches. {_access(config, matched, principal)}"
    request = json.dumps(json.loads(matched.outcome.to_json()), indent=2, ensure_ascii=False)
    yield from (f"    {line}" for line in request.splitlines())


def _access(config: GatewayConfig, matched: Matched, principal: str | None) -> str:
    asking = principal or matched.principal
    workspace = matched.workspace or config.default_workspace
    if config.access is None:
        return "There is no section access: permitted, unless HTTP_AUTH is entra."
    permitted = permits(config.access, asking, matched.pipeline_name, workspace, default=False)
    return f"{asking} {'may' if permitted else 'may NOT, says access,'} start this:"


def _details(error: CloudError) -> Iterator[str]:
    for fault in error.details:
        yield f"    {fault.target}: {fault.message}"
