"""The request within a record: read, redacted, and turned into a call of createRun."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import RecordUnreadable
from shared.redaction import patterns, redact as redaction
from shared.redaction.patterns import MARK
from shared.runs.record import FINAL, Record
from shared.runs.request import KEPT_LIMIT, RunRequest
from shared.synapse.create_run import CreateRun

#: Free texts of a request, besides its parameters.
_TEXTS: Final = ("startActivityName", "correlationId", "tracestate")


def read(record: Record) -> RunRequest:
    """Read a record's request. Raises `RecordUnreadable` if it was edited by hand."""
    try:
        return RunRequest.model_validate(json.loads(record.request))
    except (ValidationError, ValueError):
        raise _unreadable() from None  # the cause quotes values, and the platform logs it


async def close(record: Record) -> Record:
    """Cut the secrets out of the request of a record, once it is final."""
    if record.status not in FINAL:
        return record
    fields = _fields(record)
    kept = await redaction.redact(fields.get("parameters"))
    looked = {name: patterns.cut(fields[name]) for name in _TEXTS if name in fields}
    if not kept.changed and looked.items() <= fields.items():
        return record
    if isinstance(kept.value, dict):
        fields["parameters"] = kept.value
    written = _write(fields | looked)
    if len(written) > KEPT_LIMIT:  # JSON within a string may have grown
        fields["parameters"] = dict.fromkeys(fields["parameters"], MARK)
        written = _write(fields | looked)
    return replace(record, request=written, redacted=record.redacted or kept.changed)


async def safe(error: CloudError, record: Record) -> CloudError:
    """Cut the secrets of a request out of an error of Synapse about it."""
    kept = await redaction.redact(_fields(record).get("parameters"))
    return await redaction.cut_error(error, kept.secrets)


def _fields(record: Record) -> dict[str, Any]:
    """Read a request's JSON without building models: parameters are large, and only searched."""
    try:
        fields: Any = json.loads(record.request)
    except ValueError:
        raise _unreadable() from None
    if isinstance(fields, dict):
        sound = isinstance(fields.get("parameters", {}), dict)
        if sound and all(isinstance(fields.get(name, ""), str) for name in _TEXTS):
            return fields
    raise _unreadable()


def _write(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _unreadable() -> RecordUnreadable:
    return RecordUnreadable("The request in the record is not one that this version wrote.")


def call(record: Record, request: RunRequest) -> CreateRun:
    """Return the call of createRun that sends a recorded request."""
    # Synapse takes a referenced run's parameters from that run; the record's may be redacted by then.
    parameters = None if request.reference_pipeline_run_id else request.parameters
    return CreateRun(
        endpoint=record.endpoint,
        pipeline_name=record.pipeline_name,
        parameters=json.dumps(parameters, ensure_ascii=False).encode() if parameters else b"",
        reference_run_id=request.reference_pipeline_run_id,
        is_recovery=request.is_recovery,
        start_activity_name=request.start_activity_name,
        client_request_id=record.client_request_id,
        tracestate=request.tracestate,
    )


def within(request: RunRequest, seconds: float, now: datetime) -> float:
    """Shorten a wait that would outlast the request, so that its expiry is reported in time."""
    if request.expires_at is None:
        return seconds
    return min(seconds, max(0.0, (request.expires_at - now).total_seconds()))
