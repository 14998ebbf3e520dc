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
    first_sent_at: datetime  #: by the clock of the host that sent it: no run is older


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a list of open runs shows of each: enough to look for it."""

    run_id: str
    pipeline_name: str
    first_sent_at: datetime
    added_at: datetime  #: by the storage service's clock: when the row was last written
    missing: int = 0  #: how many looks in a row found no such run
    missing_since: datetime | None = None  #: the time of the first of them, by Synapse's clock


def of_record(record: Record) -> OpenRun | None:
    """Return the run to follow; None if the request has none, or is not followed."""
    if not record.followed or record.status is not Status.STARTED or record.run_id is None:
        return None
    return OpenRun(
        run_id=record.run_id,
        request_id=record.request_id,
        generation=record.generation,
        pipeline_name=record.pipeline_name,
        workspace=record.workspace,
        endpoint=record.endpoint,
        delivery=record.delivery,
        principal=record.principal,
        first_sent_at=record.first_sent_at or record.received_at,
    )
