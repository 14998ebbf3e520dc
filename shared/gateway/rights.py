"""States for each right that the app needs whether the app has it, and what grants a refused one.

Observations go in, the statement comes out; `rights_lookup.py` observes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from shared.config.rule import Rule
from shared.config.settings import StorageSettings
from shared.gateway import role_grant
from shared.gateway.role_grant import Grant
from shared.kernel import cloud_error
from shared.kernel.camel_model import CamelModel
from shared.kernel.cloud_error import CloudError
from shared.ports import Evidence, Identity
from shared.synapse import reply
from shared.synapse.reply import Answer, Forbidden, Lost, Unreachable

#: The id of a run that can't exist: a GUID of version 8; Synapse's own are of version 4, callers' 1, the gateway's 5.
NO_RUN: Final = "0f6f5e0c-9c11-8000-8000-000000000000"


class RightState(StrEnum):
    """The state of a right."""

    GRANTED = "granted"  #: it was tried or used successfully
    REFUSED = "refused"  #: the service refused it when it was tried or used last
    NOT_YET_SEEN = "notYetSeen"  #: it can't be tried without use, and this process has not used it
    UNKNOWN = "unknown"  #: the service could not be asked


#: What the app needs to do: at storage, and in each workspace.
type RightName = Literal[
    "readTable",
    "writeTable",
    "putOnQueue",
    "getToken",
    "reachWorkspace",
    "lookAtRuns",
    "startRuns",
    "sendEvents",
]


class PipelineState(StrEnum):
    """The state of a rule's pipeline."""

    FOUND = "found"
    MISSING = "missing"
    MAY_NOT_READ = "mayNotReadArtifacts"  #: not a failure: the app does not need this right
    UNKNOWN = "unknown"  #: the workspace could not be asked


class Right(CamelModel):
    """One right. A refused one has a message and, if a role would grant it, that role with scope and command."""

    right: RightName
    target: str  #: the table's, the queue's or the workspaces' names, or the topic's host
    state: RightState
    message: str | None = None
    role: str | None = None
    role_id: str | None = None
    scope: str | None = None
    command: str | None = None
    last_success: datetime | None = None
    last_refusal: datetime | None = None
    #: named by `target`
    workspaces: SkipJsonSchema[tuple[str, ...]] = Field(default=(), exclude=True)

    def within(self, workspaces: tuple[str, ...]) -> Self:
        """Return the same right in some of its workspaces."""
        return self.model_copy(update={"workspaces": workspaces, "target": ", ".join(workspaces)})


class RulePipeline(CamelModel):
    """A pipeline that rules of gateway.json start."""

    pipeline_name: str
    workspace: str
    rules: tuple[str, ...]
    state: PipelineState
    message: str | None = None


class Statement(CamelModel):
    """All rights and all pipelines of rules, as seen at one time."""

    looked_at: datetime
    rights: tuple[Right, ...]
    pipelines: tuple[RulePipeline, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is refused, missing or out of reach."""
        faulty = {RightState.REFUSED, RightState.UNKNOWN}
        is_missing = any(one.state is PipelineState.MISSING for one in self.pipelines)
        return not is_missing and not any(one.state in faulty for one in self.rights)

    def only(
        self, may_start: Callable[[str, str], bool], may_start_any: Callable[[str], bool]
    ) -> Self:
        """Leave out the pipelines that a caller may not start, and the workspaces in which it may start nothing.

        The functions take (pipeline name, workspace name) and (workspace name).
        """
        pipelines = (one for one in self.pipelines if may_start(one.pipeline_name, one.workspace))
        rights = tuple(_seen(self.rights, may_start_any))
        return self.model_copy(update={"rights": rights, "pipelines": tuple(pipelines)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The outcome of trying a right."""

    state: RightState
    code: str = ""  #: the service's code, if it refused
    reason: str | None = None  #: why the service could not be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSeen:
    """What was seen of the storage account."""

    tables: Mapping[str, tuple[Tried, Evidence]]  #: by name: reading, and writing
    queues: Mapping[str, Evidence]  #: by name: putting


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSeen:
    """What was seen of the Event Grid topic."""

    url: str
    posted: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceSeen:
    """What was seen of one workspace."""

    endpoint: str
    names: tuple[str, ...]  #: in the configuration
    identity: Identity
    no_token: CloudError | None  #: why there is no token
    run: Answer | Lost  #: the answer to the look for NO_RUN
    started: Evidence
    pipelines: Mapping[str, Answer | Lost]  #: by name


def state(
    storage: StorageSeen,
    workspaces: Sequence[WorkspaceSeen],
    wanted: Mapping[tuple[str, str], Sequence[str]],
    *,
    settings: StorageSettings,
    now: datetime,
    topic: TopicSeen | None = None,
) -> Statement:
    """Make the statement from what was seen at the time `now`; `wanted` is what `wanted_pipelines` returns."""
    identity = next((one.identity for one in workspaces if one.identity.object_id), Identity())
    by_name = {name: one for one in workspaces for name in one.names}
    return Statement(
        looked_at=now,
        rights=(
            *_of_storage(storage, settings, identity, now),
            *(right for one in workspaces for right in _of_workspace(one, now)),
            *_of_topic(topic, identity, now),
        ),
        pipelines=tuple(
            _of_pipeline(pipeline, workspace, rules, by_name[workspace].pipelines[pipeline])
            for (workspace, pipeline), rules in wanted.items()
        ),
    )


def wanted_pipelines(
    rules: Sequence[Rule], default_workspace: str
) -> dict[tuple[str, str], list[str]]:
    """List the pipelines that rules start: (workspace name, pipeline name) → the rules' names."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for rule in rules:
        key = rule.workspace or default_workspace, rule.pipeline_name
        wanted.setdefault(key, []).append(rule.name)
    return wanted


def _seen(rights: Sequence[Right], may_start_any: Callable[[str], bool]) -> Iterator[Right]:
    for right in rights:
        workspaces = tuple(name for name in right.workspaces if may_start_any(name))
        if workspaces:
            yield right.within(workspaces)
        elif not right.workspaces:
            yield right


def _of_storage(
    seen: StorageSeen, settings: StorageSettings, identity: Identity, now: datetime
) -> Iterator[Right]:
    grant = role_grant.on_tables(settings, identity)
    for table, (read, written) in seen.tables.items():
        yield _tried("readTable", table, read, grant)
        yield _used("writeTable", table, written, grant, now)
    for queue, put in seen.queues.items():
        yield _used("putOnQueue", queue, put, role_grant.on_queue(settings, identity, queue), now)


def _of_topic(seen: TopicSeen | None, identity: Identity, now: datetime) -> Iterator[Right]:
    if seen is not None:
        grant = role_grant.to_send(seen.url, identity)
        yield _used("sendEvents", urlsplit(seen.url).netloc, seen.posted, grant, now)


def _of_workspace(seen: WorkspaceSeen, now: datetime) -> Iterator[Right]:
    lost = seen.run.error if isinstance(seen.run, Lost) else None
    to_look = role_grant.to_look(seen.endpoint, seen.identity)
    to_start = role_grant.to_start(seen.endpoint, seen.identity)
    for right in (
        _tried("getToken", "", _reached(seen.no_token), None),
        _tried("reachWorkspace", "", _reached(lost), None),
        _tried("lookAtRuns", "", _looked(seen.run, now), to_look),
        _used("startRuns", "", seen.started, to_start, now),
    ):
        yield right.within(seen.names)


def _reached(error: CloudError | None) -> Tried:
    if error is None:
        return Tried(state=RightState.GRANTED)
    return Tried(state=RightState.UNKNOWN, reason=error.message)


def _looked(outcome: Answer | Lost, now: datetime) -> Tried:
    match reply.read_run(outcome, asked=NO_RUN, now=now):
        case Forbidden(error=error):
            return Tried(state=RightState.REFUSED, code=error.code)
        case Unreachable(error=error):
            return Tried(state=RightState.UNKNOWN, reason=error.message)
        case _:
            return Tried(state=RightState.GRANTED)


def _tried(right: RightName, target: str, tried: Tried, grant: Grant | None) -> Right:
    if tried.state is RightState.REFUSED:
        return _refused(right, target, tried.code, grant)
    return Right(right=right, target=target, state=tried.state, message=tried.reason)


def _used(right: RightName, target: str, seen: Evidence, grant: Grant, now: datetime) -> Right:
    """State a right by what its use showed: the latest outcome counts; the times of both are given."""
    if seen.refused is not None and (seen.succeeded is None or seen.refused < seen.succeeded):
        found = _refused(right, target, seen.code, grant)
    else:
        state = RightState.NOT_YET_SEEN if seen.succeeded is None else RightState.GRANTED
        found = Right(right=right, target=target, state=state)
    times = {"last_success": _ago(seen.succeeded, now), "last_refusal": _ago(seen.refused, now)}
    return found.model_copy(update=times)


def _ago(seconds: float | None, now: datetime) -> datetime | None:
    return None if seconds is None else now - timedelta(seconds=seconds)


def _refused(right: RightName, target: str, code: str, grant: Grant | None) -> Right:
    other = role_grant.WITHOUT_ROLE.get(code)
    if other is not None or grant is None:
        message = f"Refused [{code or 'no code'}]: {other or 'no role would grant it'}."
        return Right(right=right, target=target, state=RightState.REFUSED, message=message)
    sentences = (
        f"Refused [{code}]: {grant.lacking} the role {grant.role.name} on {grant.scope}.",
        grant.until_then,
        f"Grant it with: {grant.command}",
    )
    return Right(
        right=right,
        target=target,
        state=RightState.REFUSED,
        message=" ".join(filter(None, sentences)),
        role=grant.role.name,
        role_id=grant.role.id,
        scope=grant.scope,
        command=grant.command,
    )


def _of_pipeline(
    name: str, workspace: str, rules: Sequence[str], outcome: Answer | Lost
) -> RulePipeline:
    """State whether a rule's pipeline exists.

    Synapse's 404 is a CloudError (`PipelineNotFound`, azure-cli test_pipeline.yaml); any other comes from a gateway in between.
    """
    found, message = PipelineState.UNKNOWN, None
    match outcome:
        case Lost(error=error):
            message = error.message
        case Answer(status=200, body=body) if body.lstrip().startswith(b"{"):
            # Not parsed: a definition may be longer than the part of an answer that is read.
            found = PipelineState.FOUND
        case Answer(status=404, body=body) if cloud_error.is_documented(body):
            found = PipelineState.MISSING
            message = f"There is no pipeline {name!r} in workspace {workspace!r}."
        case Answer(status=401 | 403):
            found = PipelineState.MAY_NOT_READ
        case Answer(status=status, body=body):
            message = cloud_error.read(body, http_status=status).message
    return RulePipeline(
        pipeline_name=name, workspace=workspace, rules=tuple(rules), state=found, message=message
    )
