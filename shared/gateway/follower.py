"""Visits a workspace with open runs: finds out which have ended, and has that told.

A visit is one message of the workspace's chain. It puts the next message and takes the chain (`chain.py`), asks what
`following.py` plans, has the ends told, and only then moves the mark up to which all is told.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Final

from shared.config.settings import Settings
from shared.following_ports import Chain, VersionedChain
from shared.gateway import chain as chains, following
from shared.gateway.following import Away, Gone, Looked, Refused, Throttled, Trouble, Window
from shared.gateway.retention import Retention
from shared.gateway.run_looks import Budget, Odd, Page, RunLooks, Seen, Unseen
from shared.gateway.teller import Ended, Teller
from shared.gateway.throttle import Throttle
from shared.gateway.tracking import MAX_RACES, FollowPorts, Tracking
from shared.kernel import log_line
from shared.kernel.errors import StorageUnavailable
from shared.ports import Audit, Clock, Pipelines, Receipt, Requests
from shared.runs.open_run import Listed
from shared.runs.request import Follow
from shared.synapse.run_row import RunRow, State

_ODD_STATUSES: Final = 100  # words that are logged once each


@dataclass(slots=True, kw_only=True)
class _Visit:
    """One visit in progress."""

    before: Chain  #: as it was found
    taken: VersionedChain
    receipt: Receipt  #: of the next message
    elapsed: float  #: seconds since the last visit
    budget: Budget
    open: dict[str, Listed]  #: by run id in small letters; those that are told are taken out
    ended: bool = False
    trouble: Trouble | None = None
    unseen: list[Listed] = field(
        default_factory=list
    )  #: that no look showed although it was their turn

    @property
    def endpoint(self) -> str:
        return self.before.endpoint


class Follower:
    """Follows open runs to their ends."""

    tellers: ClassVar[type[Teller]] = Teller

    def __init__(
        self,
        *,
        clock: Clock,
        ports: FollowPorts,
        requests: Requests,
        audit: Audit,
        pipelines: Pipelines,
        throttle: Throttle,
        tracking: Tracking,
        retention: Retention,
        settings: Settings,
    ) -> None:
        self._clock = clock
        self._chains = ports.chains
        self._open_runs = ports.open_runs
        self._requests = requests
        self._looks = RunLooks(clock=clock, pipelines=pipelines, throttle=throttle)
        self._teller = self.tellers(clock=clock, ports=ports, audit=audit, looks=self._looks)
        self._tracking = tracking
        self._retention = retention
        self._settings = settings
        self._odd: set[str] = set()

    async def visit(self, message: Follow) -> None:
        """Go on with a chain; a message that is not its next one is dropped."""
        stored = await self._chains.get(message.follow)
        if stored is not None and stored.chain.token == message.token:
            await self._go_on(stored)

    async def revive(self) -> None:
        """Go on with chains whose message was lost, and begin one wherever runs are open without any.

        The visit is made here: a message might wait behind the ones that delay the lost one.
        """
        for stored in await self._chains.all():
            if chains.is_lost(stored):
                log_line.write(logging.WARNING, "follower_revived", endpoint=stored.chain.endpoint)
                await self._go_on(stored)
        for endpoint in await self._open_runs.endpoints():
            await self._tracking.ensure(endpoint)

    async def _go_on(self, stored: VersionedChain) -> None:
        visit = await self._take(stored)
        if visit is None:
            return
        looked = Looked(mark=visit.before.mark, span=visit.before.span)
        if visit.open:
            looked = await self._look(visit)
            await self._forget(visit)
        looked = replace(looked, ended=visit.ended, trouble=visit.trouble)
        await self._rest(visit, looked)

    async def _take(self, stored: VersionedChain) -> _Visit | None:
        """Take a chain for a visit; None if it has ended, or another follower has it."""
        key, token, before = stored.chain.key, stored.chain.token, stored.chain
        elapsed, base = chains.elapsed(stored), self._settings.follow_seconds
        follow, receipt = Follow(follow=key, token=self._clock.nonce()), None
        for _ in range(MAX_RACES):
            runs = await self._open_runs.listed(before.endpoint)
            if not runs and stored.age >= stored.chain.delay:
                if await self._chains.update(stored, chains.ended(stored.chain)):
                    return None
            else:
                receipt = receipt or await self._requests.enqueue(follow, max(chains.HOLD, base))
                taken = await self._chains.update(stored, chains.taken(stored, follow.token, base))
                if taken:
                    budget = Budget(self._clock, following.calls(elapsed))
                    return _Visit(
                        before=before,
                        taken=taken,
                        receipt=receipt,
                        elapsed=elapsed,
                        budget=budget,
                        open={run.run_id.casefold(): run for run in runs},
                    )
            found = await self._chains.get(key)
            if found is None or found.chain.token != token:
                return None
            stored = found
        msg = "Other processes kept changing the chain that follows open runs."
        raise StorageUnavailable(msg)

    async def _look(self, visit: _Visit) -> Looked:
        """Ask what is planned, and have the ends told."""
        plan = following.plan(list(visit.open.values()), visit.before, visit.elapsed)
        looked = await self._query(visit, plan.window) if plan.window else None
        at = await self._look_at(visit, plan.must)
        await self._look_at(visit, [run for run in plan.may if run.run_id.casefold() in visit.open])
        before = visit.before
        if plan.must and at is None:  # not all of them were seen
            return Looked(mark=before.mark, span=before.span)
        if looked is None:
            return Looked(mark=at, span=None)
        return looked

    async def _query(self, visit: _Visit, window: Window) -> Looked:
        """Read the runs that ended within a window, page by page, and have each page told."""
        kept = Looked(mark=window.mark, span=visit.before.span)
        first: datetime | None = None
        token: str | None = None
        tokens: set[str] = set()
        while visit.budget.spend():
            page = await self._looks.page(visit.endpoint, window, token)
            if not isinstance(page, Page):
                self._note(visit, page)
                break
            first = first or page.at
            if not await self._tell(visit, [Seen(row=row, at=page.at) for row in page.rows]):
                return kept  # something is left to the next visit
            token = page.token
            if token is None:
                return following.moved(window, visit.before.span, first)
            if token in tokens:  # the same page for ever (learn Q&A 569319)
                break
            tokens.add(token)
        return kept if first is None else following.stayed(window, visit.before.span, first)

    async def _look_at(self, visit: _Visit, runs: Sequence[Listed]) -> datetime | None:
        """Look at runs one by one.

        Returns:
            When the first look was answered, by Synapse's clock; None if not all were.
        """
        first: datetime | None = None
        for number, run in enumerate(runs):
            found = (
                await self._looks.run(visit.endpoint, run.run_id, run.pipeline_name)
                if visit.trouble is None and visit.budget.spend()
                else None
            )
            match found:
                case Seen():
                    first = first or found.at
                    if run.missing:
                        shown = replace(run, missing=0, missing_since=None)
                        await self._open_runs.note_missing(visit.endpoint, shown)
                    await self._tell(visit, [found])
                    self._warn(visit, run, found.row)
                case Unseen(at=at):
                    first = first or at
                    await self._miss(visit, run, at)
                case None:
                    visit.unseen += runs[number:]
                    return None
                case _:
                    visit.unseen.append(run)
                    self._note(visit, found)
        return first

    async def _miss(self, visit: _Visit, run: Listed, at: datetime) -> None:
        visit.unseen.append(run)
        missed = following.missed(run, at)
        if isinstance(missed, Gone):
            await self._tell_all(visit, [Ended(run_id=run.run_id, what=missed.end)])
        elif missed is not None:
            await self._open_runs.note_missing(visit.endpoint, missed)

    async def _tell(self, visit: _Visit, seen: Sequence[Seen]) -> bool:
        """Have the ends of our runs among these told; return whether all were."""
        ended: list[Ended] = []
        for one in seen:
            run = visit.open.get(one.row.run_id.casefold())
            if run is None or run.pipeline_name.casefold() != one.row.pipeline_name.casefold():
                continue
            if one.row.state is State.ENDED:
                ended.append(Ended(run_id=run.run_id, what=one))
            elif one.row.state is State.UNKNOWN:
                self._note_status(one.row)
        return await self._tell_all(visit, ended)

    async def _tell_all(self, visit: _Visit, ended: Sequence[Ended]) -> bool:
        told = await self._teller.tell(visit.endpoint, ended, visit.budget)
        visit.ended = visit.ended or bool(told)
        for run_id in told:
            visit.open.pop(run_id.casefold(), None)
        return len(told) == len(ended)

    async def _forget(self, visit: _Visit) -> None:
        """Forget runs that are too old, and that no look shows."""
        now, days = self._clock.now(), self._settings.retention_days
        for run in visit.unseen:
            if run.run_id.casefold() in visit.open and following.is_too_old(run, now, days):
                await self._retention.forget_run(visit.endpoint, run.run_id)

    async def _rest(self, visit: _Visit, looked: Looked) -> None:
        """Write the chain for its next visit, and move that visit's message there."""
        base, now = self._settings.follow_seconds, self._clock.now()
        stored = visit.taken
        for _ in range(MAX_RACES):
            chain = following.after(stored.chain, looked, visit.elapsed, base, now)
            if await self._chains.update(stored, chain):
                await self._requests.postpone(visit.receipt, chain.delay)
                return
            found = await self._chains.get(chain.key)
            if found is None or found.chain.token != visit.taken.chain.token:
                return  # another chain has begun in its place
            stored = found

    def _note(self, visit: _Visit, found: Odd | Trouble) -> None:
        """Keep what hinders the visit, and log it."""
        endpoint = visit.endpoint
        match found:
            case Throttled(seconds=seconds):
                visit.trouble = found
                log_line.write(
                    logging.WARNING, "looks_throttled", endpoint=endpoint, seconds=round(seconds, 1)
                )
            case Refused(error=error):
                visit.trouble = found
                since = visit.before.refused_since or self._clock.now()
                log_line.write(
                    logging.ERROR,
                    "looks_refused",
                    endpoint=endpoint,
                    code=error.code,
                    since=since.isoformat(),
                    reason="No outcome is reported: the identity lacks the role Synapse Monitoring Operator.",
                )
            case Away(error=error):
                visit.trouble = found
                log_line.write(
                    logging.WARNING, "looks_failed", endpoint=endpoint, reason=error.message
                )
            case Odd(error=error):
                log_line.write(
                    logging.WARNING, "look_unreadable", endpoint=endpoint, reason=error.message
                )

    def _note_status(self, row: RunRow) -> None:
        """Log a status that no source names, once for each word."""
        if row.status not in self._odd and len(self._odd) < _ODD_STATUSES:
            self._odd.add(row.status)
            log_line.write(
                logging.WARNING, "run_status_unknown", runId=row.run_id, status=row.status
            )

    def _warn(self, visit: _Visit, run: Listed, row: RunRow) -> None:
        """Log once a day that a run takes long; it may take weeks."""
        seconds = (self._clock.now() - run.first_sent_at).total_seconds()
        is_turn = following.is_turn(visit.before.lived, visit.elapsed, following.DAY, run.run_id)
        if row.state is not State.ENDED and seconds >= following.LONG_RUN and is_turn:
            log_line.write(
                logging.WARNING,
                "run_still_open",
                runId=row.run_id,
                status=row.status,
                days=round(seconds / following.DAY, 1),
            )
