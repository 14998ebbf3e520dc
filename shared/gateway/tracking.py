"""Puts started runs into the index of open runs, and sees that a chain of messages follows them."""

from dataclasses import dataclass
from typing import Final

from shared.config.settings import FollowRuns, Settings
from shared.following_ports import Chains, OpenRuns, OutcomeMessages, Outcomes, VersionedChain
from shared.gateway import chain as chains
from shared.gateway.chain import Need
from shared.kernel.errors import StorageUnavailable
from shared.ports import Clock, Requests
from shared.runs import open_run
from shared.runs.identity import workspace_key
from shared.runs.record import Record
from shared.runs.request import Follow, RunRequest

MAX_RACES: Final = 5
#: Seconds after a request's end for which its run can't have been told yet, or was told only just now.
_FRESH: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowPorts:
    """Where open runs, the chains that follow them and their outcomes are kept and told."""

    chains: Chains
    open_runs: OpenRuns
    outcomes: Outcomes
    messages: OutcomeMessages | None  #: None: nothing reads them


class Tracking:
    """Follows the runs of this process's requests. One for each process: it remembers which chains live.

    Args:
        clock: the host's time.
        ports: where they are kept.
        requests: the queue that the chains' messages wait in.
        settings: which runs are followed, and how often they are looked at.
        default: what gateway.json says of requests that don't.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ports: FollowPorts,
        requests: Requests,
        settings: Settings,
        default: bool | None = None,
    ) -> None:
        self._clock = clock
        self._open_runs = ports.open_runs
        self._outcomes = ports.outcomes
        self._chains = ports.chains
        self._requests = requests
        self._settings = settings
        self._default = default
        #: until when, by the monotonic clock, a workspace's chain can't end
        self._trusted: dict[str, float] = {}

    def follows(self, request: RunRequest) -> bool:
        """Return whether the run of a new request is to be followed."""
        return is_followed(self._settings.follow_runs, request.follow, self._default)

    async def track(self, record: Record) -> None:
        """Put the run of a request into the index, if it is followed and its end is not told yet.

        Called before the delivery is acknowledged, by whatever answers it.
        """
        run = open_run.of_record(record, self._clock.now())
        if run is None or await self._is_told(record):
            return
        await self._open_runs.add(run)
        await self.ensure(run.endpoint)

    async def ensure(self, endpoint: str) -> None:
        """See that a chain visits a workspace whose index has a run."""
        if self._clock.monotonic() < self._trusted.get(endpoint, 0.0):
            return
        for _ in range(MAX_RACES):
            since = self._clock.monotonic()
            stored = await self._living(endpoint)
            if stored is not None:
                seconds = chains.trust(stored, self._settings.follow_seconds)
                self._trusted[endpoint] = since + seconds
                return
        msg = "Other processes kept changing the chain that follows open runs."
        raise StorageUnavailable(msg)

    async def _living(self, endpoint: str) -> VersionedChain | None:
        """Return a chain that can't have ended before this call; None if another process changed it."""
        base = self._settings.follow_seconds
        stored = await self._chains.get(workspace_key(endpoint))
        need = chains.need(stored, base)
        if stored is None or need is Need.BEGIN:
            return await self._begin(stored, endpoint)
        if need is Need.TOUCH:
            return await self._chains.update(stored, chains.touched(stored))
        return stored

    async def _begin(self, stored: VersionedChain | None, endpoint: str) -> VersionedChain | None:
        """Begin a chain: its message first, since a row without one would wait for the hourly timer."""
        base = self._settings.follow_seconds
        token = self._clock.nonce()
        chain = chains.begun(stored.chain if stored else None, endpoint, token, base)
        await self._requests.enqueue(Follow(follow=chain.key, token=token), base)
        if stored is None:
            return await self._chains.insert(chain)
        return await self._chains.update(stored, chain)

    async def _is_told(self, record: Record) -> bool:
        """Return whether the end of a run is told already: its request was answered a while ago."""
        ended = record.finished_at or record.changed_at
        if abs((self._clock.now() - ended).total_seconds()) < _FRESH:
            return False
        return await self._outcomes.get(record.request_id, record.generation) is not None


def is_followed(which: FollowRuns, asked: bool | None, default: bool | None) -> bool:  # noqa: FBT001 - both as configured
    """Return whether a request's run is followed.

    Args:
        which: FOLLOW_RUNS.
        asked: what the request, or its rule, says.
        default: what gateway.json says.
    """
    if which is FollowRuns.NONE:
        return False
    wish = default if asked is None else asked
    return which is FollowRuns.ALL if wish is None else wish
