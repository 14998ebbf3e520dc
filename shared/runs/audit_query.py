"""Filters and continuation tokens of the audit.

A position is the RowKey of the last entry that was read: the microseconds left until the year 10000, and a hash that
names the entry. It is a point in time, so that pages don't shift while newer entries arrive. A token is a position with
a digest of it and of its filters: it continues that list only.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Final
from urllib.parse import parse_qsl

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel

from shared.kernel import validation
from shared.kernel.camel_model import CamelModel
from shared.kernel.cloud_error import CloudError
from shared.kernel.query import present
from shared.runs.audit_entry import AuditEntry, Event
from shared.runs.outcome import End
from shared.runs.request import PIPELINE_NAME, Time
from shared.runs.result import ResultStatus

MAX_TOP: Final = 200
DEFAULT_TOP: Final = 50
# Entries read for one page, so that it is in time whatever the filters leave.
MOST_READ: Final = 5_000

# The platform's own parameters: a function key, and the name of the client it was made for.
_PLATFORM: Final = frozenset({"code", "clientId"})
POSITION: Final = r"[0-9]{18}-[0-9a-f]{16}"
_DIGEST: Final = 16
_AHEAD: Final = timedelta(hours=1)
_END: Final = datetime.max.replace(tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_EARLIEST: Final = 315_537_897_599_999_999  # microseconds from the year 1 to the year 10000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A query of the `Audit` port for one page."""

    until: datetime  #: only entries before this time
    since: datetime | None = None  #: no entries before this time
    after: str | None = None  #: the position at which the previous page ended
    top: int = DEFAULT_TOP
    most_read: int = MOST_READ
    matches: Callable[[AuditEntry], bool] = lambda _: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Entries, newest first, without their parameters; `end` is the position at which the next page begins."""

    entries: tuple[AuditEntry, ...]
    end: str | None  #: None if there are no more


def _read_top(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,4}", value):
        return int(value)
    return value


class RunState(StrEnum):
    """How a followed run ended, or that it has not."""

    SUCCEEDED = End.SUCCEEDED
    FAILED = End.FAILED
    CANCELLED = End.CANCELLED
    LOST = End.LOST
    RUNNING = "Running"  #: no entry yet: these are listed from the index of open runs


def run_state(entry: AuditEntry) -> RunState | None:
    """Return the state that an entry reports; None for one that ends a delivery."""
    if entry.event is not Event.OUTCOME:
        return None
    return RunState(entry.outcome) if entry.outcome else RunState.RUNNING


def _read_one[Kind: StrEnum](kind: type[Kind], value: object) -> Kind:
    for one in kind:
        if one == value:
            return one
    *others, last = kind
    msg = f"Value should be {', '.join(others)} or {last}"
    raise ValueError(msg)


Top = Annotated[int, Field(ge=1, le=MAX_TOP), BeforeValidator(_read_top)]
Name = Annotated[str, Field(min_length=1, max_length=260)]
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{68}$")]
Status = Annotated[
    ResultStatus,
    BeforeValidator(partial(_read_one, ResultStatus)),
    WithJsonSchema({"type": "string", "enum": [one.value for one in ResultStatus]}),
]
State = Annotated[
    RunState,
    BeforeValidator(partial(_read_one, RunState)),
    WithJsonSchema({"type": "string", "enum": [one.value for one in RunState]}),
]


class ListQuery(CamelModel):
    """The query of `GET /api/runs`."""

    model_config = ConfigDict(strict=True)

    status: Status | None = Field(
        default=None, description="Only ends of deliveries, with this outcome of the request."
    )
    outcome: State | None = Field(
        default=None,
        description="Only ends of followed runs; `Running`: the runs that have not ended, by when they were sent.",
    )
    pipeline_name: Name | None = Field(default=None, pattern=PIPELINE_NAME)
    workspace: Name | None = None
    since: Time | None = Field(default=None, description="No entries before this time.")
    until: Time | None = Field(default=None, description="Only entries before this time.")
    top: Top = Field(default=DEFAULT_TOP, description="The maximum number of entries.")
    continuation_token: Token | None = Field(
        default=None, description="The continuationToken of the previous page."
    )

    def wanted(self, now: datetime, may_see: Callable[[AuditEntry], bool]) -> Wanted | CloudError:
        """Return the query of this page; an error if the token belongs to another list."""
        after = None
        if self.continuation_token is not None:
            after = _position(self.continuation_token, self)
            if after is None:
                text = "Value should be the continuationToken of the previous page, with the same filters."
                return validation.invalid([_fault("continuationToken", text)])
        return Wanted(
            since=self.since,
            # The search begins there: an entry that a wrong clock dated later appears at its time.
            until=min(self.until or now + _AHEAD, now + _AHEAD),
            after=after,
            top=self.top,
            matches=lambda entry: self._fits(entry) and may_see(entry),
        )

    def token(self, position: str) -> str:
        """Return the token that continues after a position."""
        text = position + _digest(position, self)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _fits(self, entry: AuditEntry) -> bool:
        if self.status is not None and entry.event is not Event.DELIVERY:
            return False
        return (
            self.status in {None, entry.status}
            and self.outcome in {None, run_state(entry)}
            and self.pipeline_name in {None, entry.pipeline_name}
            and self.workspace in {None, entry.workspace}
        )


_NAMES: Final = tuple(to_camel(name) for name in ListQuery.model_fields)


def read_query(query: str) -> ListQuery | CloudError:
    """Read a query string; the error lists every fault with its parameter's name."""
    pairs = present(parse_qsl(query), (*_NAMES, *_PLATFORM))
    given = {name: value for name, value in pairs if name not in _PLATFORM}
    names = [name for name, _ in pairs]
    twice = [name for name in given if names.count(name) > 1]
    found = [_fault(name[:100], "The parameter is given twice.") for name in twice]
    try:
        read = ListQuery.model_validate(given)
    except ValidationError as error:
        others = (
            _fault((each.target or "").removeprefix("$."), each.message)
            for each in validation.of(error, ListQuery)
        )
        return validation.invalid([*found, *others])
    if read.since and read.until and read.since >= read.until:
        found.append(_fault("until", "The time should be after since."))
    if read.status and read.outcome:
        found.append(_fault("outcome", "An entry has a status or an outcome: ask for one of them."))
    return validation.invalid(found) if found else read


def _fault(name: str, message: str) -> CloudError:
    return validation.fault(f"$.query.{name}", message)


def _position(token: str, query: ListQuery) -> str | None:
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    position, digest = text[:-_DIGEST], text[-_DIGEST:]
    if not re.fullmatch(POSITION, position) or digest != _digest(position, query):
        return None
    if int(position[:18]) > _EARLIEST:
        return None
    # Base64 leaves unused bits at the end: only the form that `token` writes is accepted.
    return position if query.token(position) == token else None


def position(at: datetime, name: str) -> str:
    """Return the position of what bears this name and time."""
    left = (_END - at.astimezone(UTC)) // _MICROSECOND
    return f"{left:018d}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _digest(position: str, query: ListQuery) -> str:
    # An earlier version, whose tokens may still come, has no filter by outcome.
    unset = {"outcome"} if query.outcome is None else set[str]()
    filters = query.model_dump(mode="json", exclude={"top", "continuation_token"} | unset)
    text = json.dumps([position, filters], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
