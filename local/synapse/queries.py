"""Filters, orders and pages of queryPipelineRuns and queryActivityruns: both take the same body.

Operands, operators and orders: RunFilterParameters in the 2020-12-01 specification; LatestOnly and RunGroupId besides
(Azure/azure-rest-api-specs PR #26445). A page has 100 rows, and the token of the next goes into the body, beside bounds and
filters; one bound alone, filters alone or a token alone give an empty list, `{}` the first page of all, and an operand in
small letters an error: Azure/azure-rest-api-specs #18369. There is no continuationToken on the last page: test_pipeline.yaml
(Azure/azure-cli). Both bounds are inclusive: "at or after", "at or before" in azure-synapse-artifacts' models.

Not known, and chosen here: conditions all have to hold, Equals takes any of several values, and a row that moves between two
pages may be seen twice or not at all.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from local.synapse.activities import Row
from local.synapse.runs import Run
from local.synapse.wire import NEVER, moment

PAGE = 100
EVERYTHING = (0, NEVER)

type Holds[R] = Callable[[R], bool]


class _Sent(BaseModel):
    """What a client sends: unknown fields pass, as .NET lets them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Condition(_Sent):
    operand: str
    operator: Literal["Equals", "NotEquals", "In", "NotIn"]
    values: Sequence[Any]

    @property
    def negated(self) -> bool:
        return self.operator in {"NotEquals", "NotIn"}


class Order(_Sent):
    order_by: str
    order: Literal["ASC", "DESC"]


class Query(_Sent):
    last_updated_after: str | None = None
    last_updated_before: str | None = None
    continuation_token: str | None = None
    filters: Sequence[Condition] | None = None
    order_by: Sequence[Order] | None = None

    def window(self) -> tuple[int, int] | None:
        """Both bounds, or None if nothing is to be listed. ValueError if one is no time."""
        if not self.model_fields_set:
            return EVERYTHING
        if self.last_updated_after is None or self.last_updated_before is None:
            return None
        return moment(self.last_updated_after), moment(self.last_updated_before)


@dataclass(frozen=True, kw_only=True)
class Operands[R]:
    """What the rows of one kind can be asked for."""

    texts: Mapping[str, Callable[[R], str]]
    #: None: not yet
    times: Mapping[str, Callable[[R], int | None]]
    #: those that take no values of these types
    special: Mapping[str, Callable[[Condition], Holds[R]]]

    def condition(self, asked: Condition) -> Holds[R]:
        """Read a condition. ValueError if there is no such operand, or a value is none of its own."""
        if asked.operand in self.special:
            return self.special[asked.operand](asked)
        if asked.operand in self.texts:
            return _among(self.texts[asked.operand], set(map(str, asked.values)), asked)
        if asked.operand in self.times:
            moments = {moment(str(value)) for value in asked.values}
            return _among(self.times[asked.operand], moments, asked)
        known = ", ".join(sorted({*self.texts, *self.times, *self.special}))
        msg = f"The filter operand '{asked.operand}' is not one of {known}."
        raise ValueError(msg)

    def key(self, name: str) -> Callable[[R], Any]:
        """What to sort by; what hasn't happened yet comes last."""
        if name in self.texts:
            return self.texts[name]
        if name not in self.times:
            msg = f"There is no order by '{name}'."
            raise ValueError(msg)
        time = self.times[name]
        return lambda row: NEVER if (value := time(row)) is None else value


def _among[R, V](value: Callable[[R], V | None], values: set[V], asked: Condition) -> Holds[R]:
    negated = asked.negated
    return lambda row: (value(row) in values) is not negated


def _latest_only(asked: Condition) -> Holds[Run]:
    """Azure/Azure-DataFactory #639: JSON's true filters, any text is silently ignored."""
    wanted = any(value is True for value in asked.values)
    return lambda run: run.is_latest or not wanted


def _group(asked: Condition) -> Holds[Run]:
    """Azure/azure-sdk-for-net #22025, with the words of the error (Data Factory's)."""
    if len(asked.values) > 1:
        msg = (
            "Filter operand 'RunGroupId' does not support and array of values."
            " Make sure to provide only one."
        )
        raise ValueError(msg)
    return _among(lambda run: run.group_id, set(map(str, asked.values)), asked)


def _run_end(run: Run) -> int | None:
    return run.final if run.shown is not None and run.final <= run.shown else None


RUNS = Operands[Run](
    texts={"PipelineName": lambda run: run.pipeline, "Status": lambda run: run.seen_as or ""},
    times={"RunStart": lambda run: run.created, "RunEnd": _run_end},
    special={"LatestOnly": _latest_only, "RunGroupId": _group},
)
ACTIVITIES = Operands[Row](
    texts={
        "ActivityName": lambda row: row.activity.name,
        "ActivityType": lambda row: row.activity.type,
        "Status": lambda row: row.status,
    },
    times={"ActivityRunStart": lambda row: row.starts, "ActivityRunEnd": lambda row: row.ended},
    special={},
)


def page[R](
    rows: Sequence[R], query: Query, operands: Operands[R]
) -> tuple[Sequence[R], str | None]:
    """Give one page of the rows that fit, and the token of the next, if there is one. ValueError if the query can't be read."""
    conditions = [operands.condition(asked) for asked in query.filters or ()]
    found = [row for row in rows if all(holds(row) for holds in conditions)]
    for order in reversed(query.order_by or ()):
        found.sort(key=operands.key(order.order_by), reverse=order.order == "DESC")
    start = _skip(query.continuation_token)
    more = start + PAGE < len(found)
    return found[start : start + PAGE], _token(start + PAGE) if more else None


def statuses[S: str](query: Query, known: Sequence[S]) -> list[S]:
    """Those that the query's conditions on Status let through."""
    asked = [one for one in query.filters or () if one.operand == "Status"]
    return [
        status
        for status in known
        if all((status in one.values) is not one.negated for one in asked)
    ]


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
