"""A run as GET and queryPipelineRuns show it, and what its status means.

Read from recorded traffic (azure-sdk-for-net, PipelineRunClientLiveTests; azure-cli, test_pipeline.yaml). Every field but
`runId` may be absent, null or of another type; nothing here raises.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, Final
from urllib.parse import quote, urlsplit

from pydantic import JsonValue

from shared.kernel import timestamp
from shared.kernel.cloud_error import clean
from shared.synapse.reply import run_id_of

MAX_MESSAGE: Final = 8_192  # characters; recorded ones have 60 to 350, seen ones several thousand

#: Statuses of a run that has not ended; a word that is not known counts as one, too.
OPEN_STATUSES: Final = ("Queued", "InProgress", "Canceling")
ENDED_STATUSES: Final = ("Succeeded", "Failed", "Cancelled")

_RESOURCE: Final = re.compile(
    r"(/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Synapse/workspaces/[^/]+)"
    r"/pipelineruns/[^/]+",
    re.IGNORECASE,
)
#: Synapse Studio of each cloud, by the suffix of a workspace's endpoint.
_STUDIOS: Final = {
    ".dev.azuresynapse.net": "https://web.azuresynapse.net",
    ".dev.azuresynapse.usgovcloudapi.net": "https://web.azuresynapse.usgovcloudapi.net",
    ".dev.azuresynapse.azure.cn": "https://web.azuresynapse.azure.cn",
}


class State(Enum):
    """Whether a run has ended, by its status."""

    OPEN = auto()
    ENDED = auto()
    UNKNOWN = auto()  #: a word that no source names: it counts as open


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run."""

    run_id: str
    pipeline_name: str
    status: str
    message: str
    group_id: str | None = None  #: shared by the reruns of a run in Studio
    run_start: datetime | None = None
    run_end: datetime | None = None
    duration_ms: int | None = None
    parameters: JsonValue = None
    resource: str | None = None  #: the workspace's resource id

    @property
    def state(self) -> State:
        """Return whether the run has ended."""
        if self.status in ENDED_STATUSES:
            return State.ENDED
        return State.OPEN if self.status in OPEN_STATUSES else State.UNKNOWN


def read(content: Any) -> RunRow | None:
    """Read one run; None for what has no usable id."""
    if not isinstance(content, dict):
        return None
    run_id = run_id_of(content)
    if run_id is None:
        return None
    duration = content.get("durationInMs")
    resource = _RESOURCE.fullmatch(_text(content.get("id")))
    return RunRow(
        run_id=run_id,
        pipeline_name=_text(content.get("pipelineName")),
        status=_text(content.get("status")),
        message=clean(_text(content.get("message")), MAX_MESSAGE),
        group_id=_text(content.get("runGroupId"))[:200] or None,
        run_start=read_time(content.get("runStart")),
        run_end=read_time(content.get("runEnd")),
        duration_ms=duration if isinstance(duration, int) and 0 <= duration < 1 << 53 else None,
        parameters=content.get("parameters"),
        resource=resource[1] if resource else None,
    )


def monitor_url(row: RunRow, endpoint: str) -> str | None:
    """Return the address of a run in Synapse Studio; None for one whose workspace or cloud is not known."""
    host = urlsplit(endpoint).hostname or ""
    studio = next((url for suffix, url in _STUDIOS.items() if host.endswith(suffix)), None)
    if studio is None or row.resource is None:
        return None
    run_id, workspace = quote(row.run_id, safe=""), quote(row.resource, safe="")
    return f"{studio}/en/monitoring/pipelineruns/{run_id}?workspace={workspace}"


def read_time(value: Any) -> datetime | None:
    """Read one of Synapse's times, which are in UTC; None for anything else."""
    try:
        time = timestamp.read(_text(value))
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
