"""A run that was started and is followed to its end: its row in the index of open runs."""

from dataclasses import dataclass
from datetime import datetime

from shared.runs.delivery import Delivery
from shared.runs.record import Record, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """All that its outcome needs, so that the record is not read when the run ends."""

    run_id: str
    request_id: str
    generation: int
    pipeline_name: str
    workspace: str  #: the name in the configuration
    endpoint: str
    delivery: Delivery  #: the one that owns the generation
    principal: str  #: the caller, as its record keeps it
    sent_before: (
        float  #: seconds from its first send to its row, by one host's clock: no run is older
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a list of open runs shows of each: enough to look for it."""

    run_id: str
    pipeline_name: str
    first_sent_at: datetime  #: by the storage service's clock
    added_at: datetime  #: by the same: when the row was last written
    missing: int = 0  #: how many looks in a row found no such run
    missing_since: datetime | None = None  #: the time of the first of them, by Synapse's clock


def of_record(record: Record, now: datetime) -> OpenRun | None:
    """Return the run to follow, as its row is written now; None if the request has none, or is not followed.

    How long ago it was sent is kept, not when: the host's clock may be wrong, and the row has the service's time.
    """
    if not record.followed or record.status is not Status.STARTED or record.run_id is None:
        return None
    sent_at = record.first_sent_at or record.received_at
    return OpenRun(
        run_id=record.run_id,
        request_id=record.request_id,
        generation=record.generation,
        pipeline_name=record.pipeline_name,
        workspace=record.workspace,
        endpoint=record.endpoint,
        delivery=record.delivery,
        principal=record.principal,
        sent_before=max(0.0, (now - sent_at).total_seconds()),
    )
