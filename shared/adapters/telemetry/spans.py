"""Spans: one for each visit of a request, and one for each call within it.

A trace is the producer's. Without one, its id derives from the request's, so that redeliveries, retries and a visit
after a crash are in the same trace. No span stays open while a request waits.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, override

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.metrics import Histogram
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.span import TraceState

SCOPE: Final = "run_gateway"
_TRACER: Final = trace.get_tracer(SCOPE)
_NOWHERE: Final = Context()
_FORMAT: Final = TraceContextTextMapPropagator()
#: The trace id that the next root span gets; None: a random one.
_BEGUN: Final[ContextVar[int | None]] = ContextVar("begun", default=None)
#: The visit in progress, also if its trace is not sampled.
_VISIT: Final[ContextVar[Span | None]] = ContextVar("visit", default=None)

Values = Mapping[str, str | int | bool]
_NO_VALUES: Final[Values] = {}


class Ids(RandomIdGenerator):
    """Makes the ids of spans, and of traces that begin with the gateway."""

    @override
    def generate_trace_id(self) -> int:
        return _BEGUN.get() or super().generate_trace_id()

    @override
    def is_trace_id_random(self) -> bool:
        return False  # W3C's flag would promise that every id is random


def visit() -> Span | None:
    """Return the span of the visit in progress; None outside a visit."""
    return _VISIT.get()


def traceparent(span: Span) -> str:
    """Return a span as W3C's traceparent."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags) & 1:02x}"


def safe_tracestate(given: str | None) -> str | None:
    """Return a sender's tracestate without entries that break W3C's rules; None if nothing is left."""
    return TraceState.from_header([given]).to_header() or None if given else None


def remote(given: str | None) -> SpanContext | None:
    """Read a traceparent; None for one that is absent or invalid, such as ids of zeros only."""
    if not given:
        return None
    found = trace.get_current_span(_FORMAT.extract({"traceparent": given}, context=_NOWHERE))
    context = found.get_span_context()
    return context if context.is_valid else None


@contextmanager
def visiting(
    name: str,
    *,
    producer: SpanContext | None,
    seed: str,
    deferred_by: str | None = None,
    within: str = "invocation",
    attributes: Values = _NO_VALUES,
) -> Iterator[Span]:
    """Run one visit of a request in a span of its own.

    Args:
        name: the span's.
        producer: the context that the request carries.
        seed: from which the trace's id derives if the request carries none.
        deferred_by: the traceparent of the visit that deferred this one.
        within: what the span in progress is, which is linked.
        attributes: of the span.
    """
    links = [
        Link(context, {"run_gateway.link": what})
        for what, context in (
            (within, trace.get_current_span().get_span_context()),
            ("deferred_by", remote(deferred_by)),
        )
        if context is not None and context.is_valid
    ]
    begun = _BEGUN.set(None if producer else _derived(seed))
    above = _NOWHERE
    if producer:
        above = trace.set_span_in_context(trace.NonRecordingSpan(producer), _NOWHERE)
    span = _TRACER.start_span(name, above, SpanKind.CONSUMER, dict(attributes), links=links)
    _BEGUN.reset(begun)
    entered, attached = _VISIT.set(span), attach(trace.set_span_in_context(span))
    try:
        yield span
    except BaseException as error:
        fail(span, type(error).__name__)
        raise
    finally:
        detach(attached)
        _VISIT.reset(entered)
        span.end()


def fail(span: Span, reason: str) -> None:
    """Mark a span as failed. `reason` is a code or an error's type, never a text, which may quote values."""
    span.set_attributes({"error.type": reason, "run_gateway.error": reason})
    span.set_status(Status(StatusCode.ERROR, reason))


def relate(given: str | None) -> None:
    """Link the visit in progress to another trace that the same request has."""
    span, other = visit(), remote(given)
    if span and other and other.trace_id != span.get_span_context().trace_id:
        span.add_link(other, {"run_gateway.link": "request"})


@dataclass(slots=True)
class Call:
    """A call in progress, and what became of it."""

    span: Span | None
    error: str | None = None  #: a code or an error's type
    seen: dict[str, str | int] = field(default_factory=dict)  #: for the span alone
    measured: dict[str, str | int] = field(default_factory=dict)  #: for span and metric


@contextmanager
def calling(
    name: str, kind: SpanKind, durations: Histogram, attributes: Mapping[str, str]
) -> Iterator[Call]:
    """Measure one call of a service; within a visit it has a span.

    Args:
        name: the span's.
        kind: CLIENT, or PRODUCER for a message.
        durations: takes the seconds.
        attributes: of span and metric; configured values only.
    """
    began = time.perf_counter()
    span = None
    if visit() is not None:
        # Azure's exporter names a dependency by its path, and drops the conventions' attributes.
        span = _TRACER.start_span(name, None, kind, {**attributes, "run_gateway.call": name})
    call = Call(span)
    try:
        yield call
    except BaseException as error:
        call.error = type(error).__name__
        raise
    finally:
        known = {**attributes, **call.measured}
        if call.error:
            known["error.type"] = call.error
        durations.record(time.perf_counter() - began, known)
        if span:
            _end(span, call)


def _end(span: Span, call: Call) -> None:
    if span.is_recording():
        if call.measured or call.seen:
            span.set_attributes(call.measured | call.seen)
        if call.error:
            fail(span, call.error)
    span.end()


def _derived(seed: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{SCOPE} {seed}".encode()).digest()[:16])
