"""A call of createRun as a value, independent of HTTP."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRun:
    """One call of createRun."""

    endpoint: str
    pipeline_name: str
    parameters: bytes  #: the body: the bare JSON map of parameters; empty for none
    reference_run_id: str | None = None
    is_recovery: bool | None = None
    start_activity_name: str | None = None
    client_request_id: str
    traceparent: str | None = None  #: W3C's context of the call, if it is traced
    tracestate: str | None = None  #: as the request's sender gave it
