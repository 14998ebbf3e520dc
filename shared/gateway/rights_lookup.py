"""Finds out which rights the app has, once a minute at most. Starts no run and sends no message."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

from shared.auth.policy import Policy
from shared.config.rule import Rule
from shared.config.settings import StorageSettings
from shared.gateway import rights
from shared.gateway.cached import Cached
from shared.gateway.rights import (
    NO_RUN,
    RightState,
    Statement,
    StorageSeen,
    TopicSeen,
    Tried,
    WorkspaceSeen,
)
from shared.gateway.throttle import NotAsked, Throttle
from shared.kernel.errors import StorageRefused, StorageUnavailable
from shared.ports import Clock, Identity, Pipelines, StorageRights, Topic
from shared.synapse.reply import Answer, Lost

KEPT_SECONDS: Final = 60.0
_REFUSALS: Final = frozenset({401, 403})


class RightsLookup:
    """Tries what can be tried, collects evidence of the rest, and keeps the statement for a minute."""

    def __init__(
        self,
        *,
        clock: Clock,
        storage: StorageRights,
        topic: Topic | None,
        pipelines: Pipelines,
        throttle: Throttle,
        policy: Policy,
        rules: Sequence[Rule],
        settings: StorageSettings,
    ) -> None:
        self._clock = clock
        self._storage = storage
        self._topic = topic
        self._pipelines = pipelines
        self._throttle = throttle
        self._policy = policy
        self._settings = settings
        self._wanted = rights.wanted_pipelines(rules, policy.default_workspace)
        self._statement = Cached(clock, self._look, KEPT_SECONDS)

    async def __call__(self, principal: str) -> Statement:
        """Return the statement, without what this principal may not start, and where it may start nothing."""
        statement = await self._statement()
        return statement.only(
            partial(self._policy.permits, principal), partial(self._policy.permits_any, principal)
        )

    async def _look(self) -> Statement:
        names: dict[str, list[str]] = {}  # a workspace with two names is asked once
        for name, endpoint in self._policy.workspaces.items():
            names.setdefault(endpoint, []).append(name)
        storage, workspaces = await asyncio.gather(
            self._look_at_storage(),
            asyncio.gather(*(self._look_at_workspace(*each) for each in names.items())),
        )
        topic = self._topic
        return rights.state(
            storage,
            workspaces,
            self._wanted,
            settings=self._settings,
            now=self._clock.now(),
            topic=TopicSeen(url=topic.url, posted=topic.posted()) if topic else None,
        )

    async def _look_at_storage(self) -> StorageSeen:
        settings, written = self._settings, self._storage.written
        tables = settings.runs_table, settings.audit_table
        queues = [settings.requests_queue, settings.results_queue]
        if settings.outcomes_queue:
            queues.append(settings.outcomes_queue)
        if self._topic:
            queues.append(settings.outbox_queue)
        tried = await asyncio.gather(*(self._try_reading(table) for table in tables))
        used = [written(f"table {table}") for table in tables]
        return StorageSeen(
            tables=dict(zip(tables, zip(tried, used, strict=True), strict=True)),
            queues={queue: written(f"queue {queue}") for queue in queues},
        )

    async def _try_reading(self, table: str) -> Tried:
        try:
            await self._storage.try_reading(table)
        except StorageRefused as refusal:
            return Tried(state=RightState.REFUSED, code=refusal.code)
        except StorageUnavailable as error:
            return Tried(state=RightState.UNKNOWN, reason=str(error))
        return Tried(state=RightState.GRANTED)

    async def _look_at_workspace(self, endpoint: str, names: Sequence[str]) -> WorkspaceSeen:
        not_sent = await self._pipelines.authorize(endpoint)
        if not_sent is None:
            identity = await self._pipelines.identity(endpoint)
            run = await self._ask(endpoint, lambda: self._pipelines.get_run(endpoint, NO_RUN))
        else:
            identity, run = Identity(), Lost(sent=False, error=not_sent.error)
        return WorkspaceSeen(
            endpoint=endpoint,
            names=tuple(names),
            identity=identity,
            no_token=None if not_sent is None else not_sent.error,
            run=run,
            started=self._pipelines.started(endpoint),
            pipelines=await self._look_at_pipelines(endpoint, names, run),
        )

    async def _look_at_pipelines(
        self, endpoint: str, names: Sequence[str], run: Answer | Lost
    ) -> Mapping[str, Answer | Lost]:
        """Ask for the pipelines one by one; an answer that applies to all is used for the rest."""
        found: dict[str, Answer | Lost] = {}
        of_all: Answer | Lost | None = run if isinstance(run, Lost) else None
        for workspace, pipeline in self._wanted:
            if workspace in names and pipeline not in found:
                ask = partial(self._pipelines.get_pipeline, endpoint, pipeline)
                found[pipeline] = answer = of_all or await self._ask(endpoint, ask)
                if isinstance(answer, Lost) or answer.status in _REFUSALS:
                    of_all = answer
        return found

    async def _ask(
        self, endpoint: str, send: Callable[[], Awaitable[Answer | Lost]]
    ) -> Answer | Lost:
        """Make a call through the throttle; one that was not made counts as lost."""
        outcome = await self._throttle.looks(endpoint).ask(send)
        return Lost(sent=False, error=outcome.error) if isinstance(outcome, NotAsked) else outcome
