"""What infra/ promises operators: alerts that look at what is there, and queries of lines that the app writes."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tests import log_lines
from tests.infra import facts
from tests.infra.bicep_values import Value
from tests.infra.scenarios import World

METRIC_ALERTS: Final = "Microsoft.Insights/metricAlerts"
LOG_ALERTS: Final = "Microsoft.Insights/scheduledQueryRules"
BY_HAND: Final = {"request.kql"}  #: for an operator, with the request filled in


def alerts(world: World) -> Iterator[str]:
    """Each alert looks at what exists, in a rhythm that Azure knows, is sent to people, and has a runbook entry."""
    runbook = (log_lines.ROOT / "docs" / "operate.md").read_text()
    for kind, look in ((METRIC_ALERTS, _metric_alert), (LOG_ALERTS, _log_alert)):
        for alert in world.deployments["all"].of_type(kind):
            name, properties = alert.body["name"], alert.body["properties"]
            yield from (f"{name}: {fault}" for fault in look(properties))
            asked, _, entry = properties["description"].partition(" See docs/operate.md#alert-")
            if not re.fullmatch(r"[^?]+\?.* Rests on (log lines|platform metrics)\.", asked):
                yield f"{name} asks no question, or does not say what it rests on."
            if f"\n### Alert {entry.removesuffix('.')}\n" not in runbook:
                yield f"{name} has no entry in docs/operate.md."
    group = world.deployments["all"].only("Microsoft.Insights/actionGroups").body["properties"]
    if len(group["groupShortName"]) > 12 or len(group["emailReceivers"]) != 2:
        yield "The action group's name is too long, or its receivers are missing."


def _metric_alert(properties: Value) -> Iterator[str]:
    (criterion,) = properties["criteria"]["allOf"]
    metric = tuple(criterion[name] for name in ("metricNamespace", "metricName", "timeAggregation"))
    if metric not in facts.METRICS:
        yield f"there is no metric {metric}."
    for dimension in criterion.get("dimensions", []):
        for value in set(dimension["values"]) - facts.RESPONSE_TYPES:
            yield f"storage has no ResponseType {value}."
    yield from _rhythm(properties, facts.MINUTES, properties["actions"])


def _log_alert(properties: Value) -> Iterator[str]:
    (criterion,) = properties["criteria"]["allOf"]
    if (criterion["metricMeasureColumn"] is None) != (criterion["timeAggregation"] == "Count"):
        yield "either rows are counted, or a column is measured."
    yield from _rhythm(properties, facts.QUERY_MINUTES, properties["actions"]["actionGroups"])


def _rhythm(properties: Value, minutes: Mapping[str, int], receivers: list[Value]) -> Iterator[str]:
    often, window = properties["evaluationFrequency"], properties["windowSize"]
    if often not in facts.EVALUATIONS or window not in minutes:
        yield f"Azure knows no {often} or {window}."
    elif minutes[often] > minutes[window]:
        yield "it looks less often than it looks back."
    if len(receivers) != 2:  # our action group, and the deployer's own
        yield "it is not sent to both action groups."


def queries(world: World) -> Iterator[str]:
    """Each query is used, and reads lines and fields that docs/log.md names."""
    known = log_lines.documented()
    templates = "".join(path.read_text() for path in (world.infra / "modules").glob("*.bicep"))
    for path in sorted((world.infra / "queries").glob("*.kql")):
        text = path.read_text()
        parts = log_lines.parts(text)
        if len(parts) != text.count("parse-kv"):
            yield f"{path.name} reads lines in another way than the other queries."
        for part in parts:
            for event in part.events - known.keys():
                yield f"{path.name}: the app logs no run_gateway.{event}."
            asked = part.events & known.keys() or known.keys()
            for field in part.fields - frozenset().union(*(known[event] for event in asked)):
                yield f"{path.name}: none of the lines that it reads has {field}."
        if "count()" in text:
            yield f"{path.name} counts rows: a sampled row stands for ItemCount of them."
        if (f"'../queries/{path.name}'" in templates) == (path.name in BY_HAND):
            yield f"{path.name} is used by no template, or by one though it is for people."
