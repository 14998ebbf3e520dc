"""One play of the harness: a deployment on its ground, its callers, and the reckoning at the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash import lives, resolution
from tests.crash.books import Books, balance, too_early
from tests.crash.ground import Ground, ground
from tests.crash.hosts import AGAIN, POISONED, Hosts
from tests.crash.observed import Observed, Observer, error_code, observer
from tests.crash.plan import Entry, Posting, Request
from tests.crash.senders import Senders, senders

PATIENCE = 240.0  # a backoff may take minutes


@dataclass(slots=True, kw_only=True)
class Play:
    """Everything that takes part."""

    name: str  #: before each request's number, so that several plays can share a ground
    alone: bool  #: on its ground
    ground: Ground
    hosts: Hosts
    senders: Senders
    observer: Observer
    given: list[int] = field(default_factory=list)  #: the lives of its runs
    began: float = field(default_factory=time.monotonic)
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    def request_id(self, request: Request) -> str:
        return f"{self.name}-{request.number}"

    def send(self, *postings: Posting) -> None:
        """Begin to send; what the sender learns is kept."""
        for posting in postings:
            self._begin(self.senders.send(posting, self.request_id(posting.request)))

    async def start_others(self, *requests: Request) -> None:
        """Let somebody else start the same: nobody may take that run for a request's."""
        for request in requests:
            await self.ground.synapse.start_other(request.pipeline, request.parameters)

    async def warm_up(self) -> None:
        """Let one request through, which shows whether the workspace keeps the id that it was sent.

        Before that, a lost answer can't be told from one that never was: design section 4, reconciliation.
        """
        request = Request(number=-1, pipeline="copyOrders", parameters={"day": "first"})
        posting = Posting(request=request, entry=Entry.PLAIN, wave=0, correlation_id="c-first")
        await self.senders.send(posting, self.request_id(request))
        await self.observer.settled(PATIENCE)

    async def sent(self) -> None:
        """Wait until every sender is done."""
        while self._sending:
            await asyncio.gather(*self._sending)

    def end(self) -> None:
        """Let no sender go on."""
        for task in self._sending:
            task.cancel()

    async def reckon(self, *, patience: float = PATIENCE) -> "Reckoning":
        """Wait until all is quiet, let an operator settle what is unknown, and balance the books."""
        await self.sent()
        quiet = await self._rests(patience)
        seen = await self.observer.look()
        unknown = [
            name
            for name, one in seen.records.items()
            if one["status"] == "Failed" and error_code(one) == "OutcomeUnknown"
        ]
        if unknown:
            await resolution.settle(self.hosts.url or "", _findings(unknown, seen))
            quiet = await self._rests(patience) and quiet
            seen = await self.observer.look()
        early = too_early(seen)
        if self.hosts.follow:
            await lives.end(self.ground.synapse, seen.runs)
            quiet = await self.observer.quiet(patience) and quiet
            seen = await self.observer.look()
        endpoint = self.hosts.env["SYNAPSE_ENDPOINT"]
        books = balance(
            self.senders.sent, seen, endpoint, alone=self.alone, follow=self.hosts.follow
        )
        for request_id in early:
            books.blame(request_id, "told early")
        poisoned = await self.observer.poisoned() + self.hosts.lines(POISONED)
        if poisoned:
            books.blame("the poison queue", "poisoned", str(poisoned))
        if not quiet:
            books.blame("the requests queue", "not quiet", f"after {patience:.0f} s")
        return Reckoning(
            books=books,
            seen=seen,
            received_again=self.hosts.lines(AGAIN),
            seconds=time.monotonic() - self.began,
        )

    async def _rests(self, patience: float) -> bool:
        """Wait until every request is answered. Runs that have no end keep their follower going."""
        if not self.hosts.follow:
            return await self.observer.quiet(patience)
        await lives.take_back(self.ground.synapse, self.given)
        self.given.clear()
        return await self.observer.settled(patience)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """How it ended."""

    books: Books
    seen: Observed
    received_again: int  #: messages that came a second time or later
    seconds: float


@asynccontextmanager
async def play(
    name: str,
    *,
    env: Mapping[str, str] | None = None,
    through_proxy: bool = True,
    location: Path | None = None,
    logs: Path | None = None,
    seed: int = 0,
    storage_processes: int = 1,
    **hosting: Any,
) -> AsyncIterator[Play]:
    """Set everything up but the first host, and end everything."""
    async with ground(
        location=location, logs=logs, seed=seed, storage_processes=storage_processes
    ) as base:
        hosts = Hosts(base, env=env, through_proxy=through_proxy, **hosting)
        async with playing(name, base, hosts, alone=True) as made:
            yield made


@asynccontextmanager
async def playing(name: str, base: Ground, hosts: Hosts, *, alone: bool) -> AsyncIterator[Play]:
    """Open the clients of one deployment; its hosts end with it."""
    async with (
        senders(base.direct, hosts.names.requests, lambda: hosts.url) as callers,
        observer(base.direct, hosts.names, base.synapse) as watching,
    ):
        made = Play(
            name=name, alone=alone, ground=base, hosts=hosts, senders=callers, observer=watching
        )
        if hosts.follow:
            made.given = await lives.give(base.synapse)
        try:
            yield made
        finally:
            made.end()
            await hosts.stop_all()


def _findings(unknown: list[str], seen: Observed) -> list[tuple[str, str | None]]:
    """What an operator finds in Synapse Studio: the workspace's truth."""
    runs = {run.client_request_id: run.run_id for run in seen.runs}
    return [(name, runs.get(seen.records[name]["clientRequestId"])) for name in unknown]
