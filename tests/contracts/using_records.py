"""How a contract test reads and writes records, and the fullest one that there is."""

from datetime import timedelta

from shared.kernel.cloud_error import CloudError
from shared.ports import VersionedRecord
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Entry, Record, Status
from tests.contracts.worlds import RecordsWorld
from tests.unit.builders import ERROR, NOW, a_record


async def inserted(world: RecordsWorld, record: Record | None = None) -> VersionedRecord:
    outcome = await world.records.insert(record or a_record())
    assert isinstance(outcome, VersionedRecord)
    return outcome


async def found(world: RecordsWorld, request_id: str = "order-17") -> VersionedRecord:
    stored = await world.records.get(request_id)
    assert stored is not None
    return stored


async def written(world: RecordsWorld, stored: VersionedRecord, record: Record) -> VersionedRecord:
    outcome = await world.records.update(stored, record)
    assert isinstance(outcome, VersionedRecord)
    return outcome


def everything() -> Record:
    """A record with no field at its default."""
    return a_record(
        generation=3,
        status=Status.FAILED,
        pipeline_name="copy ñ 複製",
        delivery=Delivery(
            id="d" * 400,
            source=Source.HTTP,
            correlation_id="c",
            traceparent="00-1-2-01",
            duplicate=True,
        ),
        redacted=True,
        principal="00000000-0000-0000-0000-000000000001",
        finished_at=NOW + timedelta(seconds=2.000001),
        first_sent_at=NOW + timedelta(seconds=1),
        attempts=2**31 - 1,
        wait_seconds=0.1,
        run_id="a-run",
        error=CloudError(code="C", message="é😀", target="$.t", details=(ERROR, ERROR)),
        http_status=400,
        service_request_id="s",
        service_correlation_id="x",
        history=(Entry(at=NOW, event="e", detail="“d”\n\x00"), Entry(at=NOW, event="f")),
    )
