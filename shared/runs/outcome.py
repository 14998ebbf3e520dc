"""How a run ended: the message on the queue `run-outcomes`, and the entity that keeps it beside the record."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.kernel import strict_json
from shared.kernel.cloud_error import CloudError
from shared.redaction import patterns
from shared.runs.delivery import Source
from shared.runs.identity import outcome_id
from shared.runs.open_run import OpenRun
from shared.runs.result import MAX_BYTES, shorter


class End(StrEnum):
    """How a run ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    LOST = "Lost"  #: Synapse says repeatedly that it knows no such run


class RunOutcome(BaseModel):
    """One message on `run-outcomes`: camelCase, without absent fields. Times are Synapse's own."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    outcome_id: str = Field(description="Outcomes with equal ids are the same news.")
    request_id: str
    generation: int
    run_id: str
    run_group_id: str | None = Field(
        default=None, description="Shared by the reruns of this run in Synapse Studio."
    )
    outcome: End
    error: CloudError | None = Field(default=None, description="Absent if the run succeeded.")
    pipeline_name: str
    workspace: str
    run_start: datetime | None = None
    run_end: datetime | None = None
    duration_ms: int | None = Field(default=None, description="The time in the queue included.")
    source: Source
    correlation_id: str | None = None
    traceparent: str | None = None
    monitor_url: str | None = Field(default=None, description="The run in Synapse Studio.")

    def to_json(self) -> str:
        """Return the message: one JSON object of at most 48 KiB."""
        return next(text for text in map(_dump, self._shorter()) if len(text.encode()) <= MAX_BYTES)

    def _shorter(self) -> Iterator["RunOutcome"]:
        yield self
        for error in shorter(self.error):
            yield self.model_copy(update={"error": error})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedOutcome:
    """An outcome as it is kept: one entity for each generation, never changed."""

    outcome: RunOutcome
    delivery_id: str  #: of the delivery that owned the generation
    recorded_at: datetime  #: by the clock of the host that saw it first


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """What a look showed of a run that has ended."""

    end: End
    error: CloudError | None = None  #: without secrets
    run_group_id: str | None = None
    run_start: datetime | None = None
    run_end: datetime | None = None
    duration_ms: int | None = None
    monitor_url: str | None = None


def of_run(run: OpenRun, ended: RunEnd) -> RunOutcome:
    """Return the outcome of a followed run."""
    return RunOutcome(
        outcome_id=outcome_id(run.request_id, run.generation, run.run_id),
        request_id=run.request_id,
        generation=run.generation,
        run_id=run.run_id,
        run_group_id=ended.run_group_id,
        outcome=ended.end,
        error=ended.error,
        pipeline_name=patterns.cut(run.pipeline_name),
        workspace=run.workspace,
        run_start=ended.run_start,
        run_end=ended.run_end,
        duration_ms=ended.duration_ms,
        source=run.delivery.source,
        correlation_id=run.delivery.correlation_id,
        traceparent=run.delivery.traceparent,
        monitor_url=ended.monitor_url,
    )


def _dump(outcome: RunOutcome) -> str:
    # Escaped for the queue first: a text escaped after it was measured might not fit.
    return strict_json.for_xml(outcome.model_dump_json(by_alias=True, exclude_none=True))
