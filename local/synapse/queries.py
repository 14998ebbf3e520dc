"""Selects the runs that queryPipelineRuns lists.

Operands and operators: RunFilterParameters in the 2020-12-01 specification. Without both bounds of lastUpdated the list is
empty, and a page has 100 runs (Azure/azure-rest-api-specs #18369). Oldest first unless asked: TestQueryRuns.json
(Azure/azure-sdk-for-net); no continuationToken on the last page: test_pipeline.yaml (Azure/azure-cli).
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from local.synapse.runs import Run, last_updated, status
from local.synapse.wire import moment

PAGE = 100
Operand = Literal["PipelineName", "Status", "RunStart", "RunEnd", "RunGroupId", "LatestOnly"]


class _Sent(BaseModel):
    """What a client sends: unknown fields pass, as .NET lets them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Condition(_Sent):
    operand: Operand
    operator: Literal["Equals", "NotEquals", "In", "NotIn"]
    values: Sequence[str]


class Order(_Sent):
    order_by: Literal["RunStart", "RunEnd", "PipelineName", "Status"]
    order: Literal["ASC", "DESC"]


class Query(_Sent):
    last_updated_after: str | None = None
    last_updated_before: str | None = None
    continuation_token: str | None = None
    filters: Sequence[Condition] | None = None
    order_by: Sequence[Order] | None = Field(default=None)


def page(runs: Iterable[Run], query: Query, now: int) -> tuple[list[Run], str | None]:
    """Give one page and the token of the next, if there is one. ValueError if a time or the token can't be read."""
    if query.last_updated_after is None or query.last_updated_before is None:
        return [], None
    after, before = moment(query.last_updated_after), moment(query.last_updated_before)
    conditions = query.filters or ()
    found = [
        run
        for run in runs
        if after <= last_updated(run, now) <= before
        and all(_holds(condition, run, now) for condition in conditions)
    ]
    for order in reversed(query.order_by or ()):
        found.sort(key=_sort_key(order.order_by, now), reverse=order.order == "DESC")
    start = _skip(query.continuation_token)
    more = start + PAGE < len(found)
    return found[start : start + PAGE], _token(start + PAGE) if more else None


def _holds(condition: Condition, run: Run, now: int) -> bool:
    if condition.operand == "LatestOnly":
        return run.is_latest or [value.lower() for value in condition.values] != ["true"]
    inside = _is_among(condition, run, now)
    return inside if condition.operator in {"Equals", "In"} else not inside


def _is_among(condition: Condition, run: Run, now: int) -> bool:
    match condition.operand:
        case "RunStart":
            return run.created in {moment(value) for value in condition.values}
        case "RunEnd":
            ended = run.final <= now
            return ended and run.final in {moment(value) for value in condition.values}
        case "Status":
            return status(run, now) in condition.values
        case "RunGroupId":
            return run.group_id in condition.values
        case _:
            return run.pipeline in condition.values


def _sort_key(name: str, now: int) -> Callable[[Run], Any]:
    keys: dict[str, Callable[[Run], Any]] = {
        "RunStart": lambda run: run.created,
        "RunEnd": lambda run: run.final,
        "PipelineName": lambda run: run.pipeline,
        "Status": lambda run: status(run, now),
    }
    return keys[name]


def _token(skip: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"skip": skip}).encode()).decode()


def _skip(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(token))["skip"])
    except (binascii.Error, KeyError, TypeError) as fault:
        msg = "The continuation token is not valid."
        raise ValueError(msg) from fault
