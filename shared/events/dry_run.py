"""Describes what the rules would make of an event: which match, why the others don't, and the requests."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.auth import access_list
from shared.config.gateway_json import GatewayConfig
from shared.config.rule import Rule
from shared.events.envelope import Item
from shared.events.rule_engine import Matched, Unmatched, explain
from shared.kernel.cloud_error import CloudError


def describe(
    config: GatewayConfig, items: Sequence[Item], now: datetime, principal: str | None = None
) -> tuple[str, int]:
    """Return a description in words, and how many requests would be enqueued.

    `principal` is the caller, if it is a hook; otherwise each rule asks in its own name.
    """
    lines: list[str] = []
    requests = 0
    for item in items:
        if isinstance(item.event, CloudError):
            lines += [f"Not an event: {item.event.message}", *_details(item.event), ""]
            continue
        lines.append(f"Event {item.event.id} of type {item.event.type} from {item.event.source}")
        for verdict in explain(config.rules, item.event, now):
            if isinstance(verdict, Matched):
                found, enqueued = _matched(config, verdict, now, principal or verdict.principal)
                lines += found
                requests += enqueued
            else:
                lines.append(f"  {verdict.rule}: no match. {verdict.reason}")
        lines.append("")
    count = "1 run request" if requests == 1 else f"{requests} run requests"
    lines.append(f"{count} would be enqueued. No run was started.")
    return "\n".join(lines), requests


def why_not(
    rules: Sequence[Rule], item: Item, now: datetime, refused: Mapping[str, CloudError]
) -> dict[str, Any]:
    """Return the reasons why nothing was started for an event, for its sender.

    `refused` holds the errors of the rules that match, by the rule's name.
    """
    named = {} if item.named is None else {"id": item.named}
    if isinstance(item.event, CloudError):
        return named | {"error": _sentence(item.event)}
    verdicts = explain(rules, item.event, now)
    reasons = {one.rule: one.reason for one in verdicts if isinstance(one, Unmatched)}
    return named | {"rules": reasons | {rule: _sentence(error) for rule, error in refused.items()}}


def _matched(
    config: GatewayConfig, matched: Matched, now: datetime, asking: str
) -> tuple[list[str], bool]:
    """Describe what a matching rule makes of the event, and whether that would be enqueued."""
    request, start = matched.outcome, f"  {matched.rule}: matches"
    if isinstance(request, CloudError):
        first = f"{start}, but makes no request. {request.message}"
        return [first, *_details(request)], False
    # Of rules and hooks everything is permitted without the section, whatever HTTP_AUTH says.
    granted = access_list.entries(config.access, asking, default=True)
    workspace = matched.workspace or config.default_workspace
    permitted = access_list.permits(granted, matched.pipeline_name, workspace)
    late = request.expires_at is not None and request.expires_at <= now
    if not permitted:
        first = f"{start}, but access does not let {asking} start this:"
    elif late:
        first = f"{start}, but the event is too late. This request has expired when it arrives:"
    elif config.access is None:
        first = f"{start}. Without an access section, {asking} may start this:"
    else:
        first = f"{start}. {asking} may start this:"
    text = json.dumps(json.loads(request.to_json()), indent=2, ensure_ascii=False)
    return [first, *(f"    {line}" for line in text.splitlines())], permitted and not late


def _details(error: CloudError) -> Iterator[str]:
    for fault in error.details:
        yield f"    {fault.target}: {fault.message}"


def _sentence(error: CloudError) -> str:
    return " ".join((error.message, *(f"{each.target}: {each.message}" for each in error.details)))
