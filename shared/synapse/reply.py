"""The meaning of Synapse's answers about a run."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from shared.kernel import cloud_error, strict_json
from shared.kernel.cloud_error import CloudError
from shared.synapse import retry

MAX_ID: Final = 200  # characters of a run's or request's id; the gateway's and Synapse's are GUIDs
MAX_RUNS: Final = 10
MAX_BODY: Final = 1 << 20  # bytes of an answer; the rest is cut
MAX_LIST: Final = 16 << 20  # bytes of a page of runs for a caller; Synapse returns up to 100 runs
# Recorded, with status 400, for a run that does not exist: azure-powershell, TestCancelRunNegativeV2.json.
_NO_SUCH_RUN: Final = "ReferencedPipelineRunNotFound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer; its body may be cut."""

    status: int
    headers: Mapping[str, str] = field(hash=False)  #: a mapping that ignores case, as httpx's
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """No answer came, or one that is too long."""

    sent: bool  #: whether the request may have left
    error: CloudError


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """The answer's status and ids, for the audit; empty if there was no answer."""

    http_status: int | None = None
    request_id: str | None = None  #: Synapse's x-ms-request-id
    correlation_id: str | None = None  #: Synapse's x-ms-correlation-request-id


NOTHING = Wire()


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The run exists. `echoed`: its id is the client request id that was sent."""

    run_id: str
    echoed: bool
    wire: Wire = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Synapse refused to start the run; a retry would not help."""

    error: CloudError
    wire: Wire = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Unauthorized:
    """401: the token was refused; one try with a new one may help."""

    error: CloudError
    wire: Wire = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """429: nothing was started. `retry_after`: the seconds to wait, if the answer names them."""

    error: CloudError
    retry_after: float | None = None
    wire: Wire = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The request was never sent: no token, no connection, or no free connection in the pool."""

    error: CloudError


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The request was sent and no readable answer came: the run may exist."""

    error: CloudError
    wire: Wire = NOTHING


Reply = Started | Refused | Unauthorized | Throttled | NotSent | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The run exists."""

    run_id: str
    pipeline_name: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Synapse has no such run (yet)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """The identity may not read runs: it lacks Synapse Monitoring Operator, or its token is refused."""

    error: CloudError


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """No usable answer: whether the run exists is unknown."""

    error: CloudError
    retry_after: float | None = None  #: 429: seconds to wait before the next call


Look = Found | Absent | Forbidden | Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeen:
    """One run of a pipeline as queryPipelineRuns lists it."""

    run_id: str
    status: str
    run_start: str = ""
    parameters: dict[str, str] = field(default_factory=dict, hash=False)


def read_create_run(outcome: Answer | Lost, *, sent: str, now: datetime) -> Reply:
    """Read the outcome of createRun, which sent this client request id; for `now` see `retry.retry_after`."""
    if isinstance(outcome, Lost):
        return Unknown(error=outcome.error) if outcome.sent else NotSent(error=outcome.error)
    wire = read_wire(outcome)
    run_id = run_id_of(content(outcome)) if outcome.status in {200, 202} else None
    if run_id:
        return Started(run_id=run_id, echoed=is_same_id(run_id, sent), wire=wire)
    match outcome.status:
        case 401:
            return Unauthorized(error=_error(outcome), wire=wire)
        case 429:
            seconds = retry.retry_after(outcome.headers, now)
            return Throttled(error=_error(outcome), retry_after=seconds, wire=wire)
        case status if 300 <= status < 500 and status != 408:
            return Refused(error=_error(outcome), wire=wire)
        case _:
            return Unknown(error=_error(outcome), wire=wire)


def read_run(outcome: Answer | Lost, *, asked: str, now: datetime) -> Look:
    """Read the outcome of getting the run with the id `asked`; for `now` see `retry.retry_after`."""
    if isinstance(outcome, Lost):
        return Unreachable(error=outcome.error)
    match outcome.status:
        case 200:
            return _found(outcome, asked) or Unreachable(error=_unreadable(outcome))
        case _ if is_absent(outcome):
            return Absent()
        case 401 | 403:
            return Forbidden(error=_error(outcome))
        case _:
            return _unreachable(outcome, now)


def is_absent(answer: Answer) -> bool:
    """Return whether Synapse answered that there is no such run.

    The recorded answer is 400 with one code. A 404 counts only with a CloudError: an HTML page or an empty body comes
    from a proxy in between, and says nothing about the run.
    """
    if answer.status not in {400, 404}:
        return False
    if cloud_error.read(answer.body, http_status=answer.status).code == _NO_SUCH_RUN:
        return True
    return answer.status == 404 and cloud_error.is_documented(answer.body)


def read_runs(outcome: Answer | Lost, *, now: datetime) -> tuple[RunSeen, ...] | Unreachable:
    """Read queryPipelineRuns' answer: up to ten runs, newest first, or why there is no list."""
    if isinstance(outcome, Lost):
        return Unreachable(error=outcome.error)
    if outcome.status != 200:
        return _unreachable(outcome, now)
    listed = content(outcome).get("value")
    if not isinstance(listed, list):
        return Unreachable(error=_unreadable(outcome))
    seen = [_seen(run) for run in listed if isinstance(run, dict) and run_id_of(run)]
    # ISO times of one server sort as text.
    return tuple(sorted(seen, key=lambda run: run.run_start, reverse=True)[:MAX_RUNS])


def _unreachable(answer: Answer, now: datetime) -> Unreachable:
    seconds = retry.retry_after(answer.headers, now) or retry.SHORTEST
    return Unreachable(error=_error(answer), retry_after=seconds if answer.status == 429 else None)


def is_same_id(one: str, other: str) -> bool:
    """Return whether two ids are the same GUID; Synapse adds dashes to an id that was sent without."""
    try:
        return uuid.UUID(one) == uuid.UUID(other)
    except ValueError:
        return one.casefold() == other.casefold()


def read_wire(answer: Answer) -> Wire:
    """Read the status, and the ids by which Synapse's support finds a call."""
    return Wire(
        http_status=answer.status,
        request_id=_mark(answer.headers.get("x-ms-request-id", "")),
        correlation_id=_mark(answer.headers.get("x-ms-correlation-request-id", "")),
    )


def _mark(text: str) -> str | None:
    if not (text.isascii() and text.isprintable()):
        text = "".join(sign for sign in text if sign.isascii() and sign.isprintable())
    return text[:MAX_ID] or None


def content(answer: Answer) -> dict[str, Any]:
    """Return the JSON object that an answer holds; an empty one if it holds none."""
    try:
        return strict_json.parse(answer.body)
    except strict_json.Unreadable:
        return {}


def _error(answer: Answer) -> CloudError:
    if answer.status < 300:  # a success without the expected content
        return _unreadable(answer)
    return cloud_error.read(answer.body, http_status=answer.status)


def _unreadable(answer: Answer) -> CloudError:
    return cloud_error.unreadable(answer.body, http_status=answer.status)


def run_id_of(run: dict[str, Any]) -> str | None:
    """Return a run's id; None unless it can be used in a URL, a log and a table."""
    run_id = run.get("runId")
    if not isinstance(run_id, str) or not 0 < len(run_id) <= MAX_ID:
        return None
    return run_id if run_id.isprintable() and " " not in run_id else None


def _found(answer: Answer, asked: str) -> Found | None:
    run = content(answer)
    run_id = run_id_of(run)
    if run_id is None or not is_same_id(run_id, asked):
        return None
    name, status = _text(run.get("pipelineName")), _text(run.get("status"))
    return Found(run_id=run_id, pipeline_name=name, status=status)


def _seen(run: dict[str, Any]) -> RunSeen:
    parameters = run.get("parameters")
    values = parameters if isinstance(parameters, dict) else {}
    return RunSeen(
        run_id=run_id_of(run) or "",
        status=_text(run.get("status")),
        run_start=_text(run.get("runStart")),
        parameters={name: _text(value) for name, value in values.items()},
    )


def _text(value: Any) -> str:
    """Return a JSON value as text; Synapse lists parameters that are not strings as JSON, too."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
