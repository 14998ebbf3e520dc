"""`POST /api/runs?until=outcome`: refuses it where no outcome would come, and has the run followed."""

from dataclasses import replace

from shared.auth.policy import Policy
from shared.config.settings import FollowRuns, Settings
from shared.following_ports import Chains
from shared.gateway.tracking import Tracking
from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Records, VersionedRecord
from shared.runs.identity import workspace_key
from shared.runs.record import Record, Status
from shared.runs.request import RunRequest


class UntilOutcome:
    """Promises outcomes to callers who wait for them."""

    def __init__(
        self,
        *,
        records: Records,
        chains: Chains,
        tracking: Tracking,
        policy: Policy,
        settings: Settings,
    ) -> None:
        self._records = records
        self._chains = chains
        self._tracking = tracking
        self._policy = policy
        self._settings = settings

    @property
    def notices(self) -> tuple[CloudError, ...]:
        """Return why the settings let no outcome be promised; empty if they do."""
        found = []
        if self._settings.address is None:
            found.append(_obstacle("it doesn't know its own address: set PUBLIC_URL"))
        if self._settings.follow_runs is FollowRuns.NONE:
            found.append(_obstacle("it follows no runs: FOLLOW_RUNS is none"))
        return tuple(found)

    async def obstacle(self, request: RunRequest) -> CloudError | None:
        """Return why no outcome of a request can be promised; None if one can."""
        if self.notices:
            return self.notices[0]
        workspace = request.workspace or self._policy.default_workspace
        endpoint = self._policy.workspaces.get(workspace)
        if endpoint is None or not await self._is_refused(endpoint):
            return None
        role = "Synapse Monitoring Operator"
        return _obstacle(f"it may not see the workspace's runs: it needs {role}")

    async def promise(self, record: Record) -> None:
        """Have the run of an earlier request followed; that of a new one is followed from its claim on."""
        if record.status is not Status.STARTED or record.followed:
            return
        stored = await self._records.get(record.request_id)
        if stored and stored.record.generation == record.generation:
            await self.switch_on(stored)

    async def switch_on(self, stored: VersionedRecord) -> VersionedRecord:
        """Have the run of a request followed, although it was started without that.

        A request that is still open is left alone: another process may hold it. It comes here again.
        """
        record = stored.record
        is_settled = record.status is Status.STARTED and not record.followed
        if not is_settled or self._settings.follow_runs is FollowRuns.NONE:
            return stored
        followed = replace(record, followed=True)
        # Into the index first: a record that says `followed` is not brought here again.
        await self._tracking.track(followed)
        written = await self._records.update(stored, followed)
        if isinstance(written, VersionedRecord):
            return written
        return replace(
            stored, record=followed
        )  # another process was quicker; the run is in the index

    async def _is_refused(self, endpoint: str) -> bool:
        stored = await self._chains.get(workspace_key(endpoint))
        return stored is not None and stored.chain.refused_since is not None


def _obstacle(why: str) -> CloudError:
    message = f"The gateway can't promise to say how a run ends: {why}."
    return CloudError(code=Code.INVALID_STATE, message=message, target="$.query.until")
