"""Filters Synapse's answers about runs before they are passed on to a caller.

Only known shapes are passed on: a run as its JSON object without secrets, a list without the runs that the caller may
not see, an error as the nested CloudError, the one shape that every SDK reads.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from shared.kernel import cloud_error, strict_json
from shared.kernel.cloud_error import CloudError
from shared.kernel.work import Work
from shared.redaction import patterns, redact as redaction
from shared.redaction.names import is_secret
from shared.redaction.patterns import MARK
from shared.synapse.reply import (
    NOTHING,
    Answer,
    Lost,
    Wire,
    content,
    is_absent,
    is_same_id,
    read_wire,
)
from shared.synapse.run_list import RunList

#: For a whole list of runs: about a second, which is what 3 MiB of short parameters take.
MOST_WORK: Final = 16_000_000
_LONGEST_ID: Final = 1_024
_UNITS_OF_A_VALUE: Final = 4

# Fields that people read. Programs read ids, times and states: a short secret that happens to be part of one
# must not damage it.
_PROSE: Final = ("message", "output", "annotations", "invokedBy", "runDimension")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """An answer to pass on; empty if Synapse's has no content."""

    body: bytes = b""
    wire: Wire = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPassed:
    """The error that the caller gets instead of Synapse's answer."""

    error: CloudError
    status: int | None = None  #: None: the status of the error's code
    absent: bool = False  #: Synapse has no such run
    retry_after: float | None = None
    wire: Wire = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class RunShown:
    """A run as Synapse returned it."""

    pipeline_name: str
    content: dict[str, Any]
    wire: Wire


def read(outcome: Answer | Lost, *, retry_after: float | None = None) -> Answer | NotPassed:
    """Read the outcome of a call: its answer, or the error that its caller gets instead.

    The status is Synapse's own, except for a 401: it refers to the gateway's token, and would make the caller
    suspect its own.
    """
    if isinstance(outcome, Lost):
        return NotPassed(error=outcome.error)
    if 200 <= outcome.status < 300:
        return outcome
    if outcome.status < 400:
        return unreadable(outcome)
    return NotPassed(
        error=cloud_error.read(outcome.body, http_status=outcome.status),
        status=403 if outcome.status == 401 else outcome.status,
        absent=is_absent(outcome),
        retry_after=retry_after,
        wire=read_wire(outcome),
    )


def read_run(answer: Answer, run_id: str) -> RunShown | NotPassed:
    """Read a run; an answer that is not a run, or is another run, is not passed on."""
    run = content(answer)
    name, found = run.get("pipelineName"), run.get("runId")
    if isinstance(name, str) and isinstance(found, str) and is_same_id(found, run_id):
        return RunShown(pipeline_name=name, content=run, wire=read_wire(answer))
    return unreadable(answer)


async def show_run(run: RunShown) -> Passed:
    """Return a run without its secrets."""
    return Passed(body=_dump(await without_secrets(run.content)), wire=run.wire)


async def show_runs(answer: Answer, may_see: Callable[[str], bool]) -> Passed | NotPassed:
    """Return the runs of a list whose pipelines the caller may see; a continuation token stays even if none remains."""
    runs, shown, work = RunList(answer.body), [], Work(MOST_WORK)
    try:
        async for run in runs:
            await asyncio.sleep(0)  # reading it took a stretch of work
            if _is_visible(run, may_see):
                shown.append(_dump(await without_secrets(run, work)))
    except strict_json.Unreadable:
        return unreadable(answer)
    token = runs.fields.get("continuationToken")
    rest = b',"continuationToken":' + _dump(token) if isinstance(token, str) else b""
    body = b"".join((b'{"value":[', b",".join(shown), b"]", rest, b"}"))
    return Passed(body=body, wire=read_wire(answer))


async def without_secrets(run: dict[str, Any], work: Work | None = None) -> dict[str, JsonValue]:
    """Replace a run's secrets by a mark, also within texts that quote them.

    All runs of an answer share its `work`; beyond the bound everything but a run's ids, times and states is withheld.
    """
    work = work or Work(MOST_WORK)
    if work.is_exceeded:
        return {name: _withhold(name, value) for name, value in run.items()}
    kept = await redaction.redact(run, work)
    cutter = await redaction.Cutter.of(kept.secrets, work)
    fields: Any = kept.value
    return {
        name: await _cut(value, cutter, work) if name in _PROSE else value
        for name, value in fields.items()
    }


def _withhold(name: str, value: JsonValue) -> JsonValue:
    """Return a field of a run that was not searched: kept only if it is short and not prose."""
    if not value or isinstance(value, bool | int | float):
        return MARK if value and is_secret(name) else value
    if name in _PROSE or is_secret(name) or not isinstance(value, str) or len(value) > _LONGEST_ID:
        return redaction.withheld(value)
    return patterns.cut(value)


def unreadable(answer: Answer) -> NotPassed:
    """Return the error for an answer of Synapse that can't be passed on."""
    error = cloud_error.unreadable(b"", http_status=answer.status)
    return NotPassed(error=error, wire=read_wire(answer))


def _is_visible(run: object, may_see: Callable[[str], bool]) -> bool:
    name = run.get("pipelineName") if isinstance(run, dict) else None
    return isinstance(name, str) and may_see(name)


async def _cut(value: JsonValue, cutter: redaction.Cutter, work: Work) -> JsonValue:
    await work.done(_UNITS_OF_A_VALUE)
    match value:
        case str():
            return await cutter.cut(value)
        case list():
            return [await _cut(item, cutter, work) for item in value]
        case dict():
            return {name: await _cut(item, cutter, work) for name, item in value.items()}
        case _:
            return value


def _dump(value: JsonValue) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
