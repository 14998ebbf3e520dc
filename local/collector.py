"""A small OpenTelemetry collector: takes OTLP over HTTP as protobuf, and keeps what came."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan

from local import process

Values = Mapping[str, Any]
MOST = 64 << 20  # bytes of one call


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link to another span."""

    trace_id: str
    span_id: str
    attributes: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span as it came; times are in nanoseconds."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start: int
    end: int
    error: str | None  #: the description of a failed one, perhaps empty
    attributes: Values
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of a metric: a counter's value, or a histogram's sum."""

    name: str
    unit: str
    value: float
    attributes: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A log record as it came."""

    body: str
    severity: str
    trace_id: str
    attributes: Values


@dataclass(slots=True, kw_only=True)
class Collector:
    """What came so far, and how calls are answered."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    resources: list[Values] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)  #: every body, as sent
    status: int = 200
    delay: float = 0.0  #: seconds before an answer

    def trace(self, trace_id: str) -> list[Span]:
        """Return the spans of one trace, the earliest first."""
        found = [span for span in self.spans if span.trace_id == trace_id]
        return sorted(found, key=lambda span: span.start)

    async def take(self, request: web.BaseRequest) -> web.Response:
        """Answer one call."""
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        await asyncio.sleep(self.delay)
        self.raw.append(body)
        if self.status == 200:
            self._keep(request.path, body)
        return web.Response(status=self.status, content_type="application/x-protobuf")

    def _keep(self, path: str, body: bytes) -> None:
        match path:
            case "/v1/traces":
                self._keep_spans(ExportTraceServiceRequest.FromString(body))
            case "/v1/metrics":
                self._keep_points(ExportMetricsServiceRequest.FromString(body))
            case "/v1/logs":
                self._keep_lines(ExportLogsServiceRequest.FromString(body))
            case _:
                pass

    def _keep_spans(self, sent: ExportTraceServiceRequest) -> None:
        for of_resource in sent.resource_spans:
            self.resources.append(_values(of_resource.resource.attributes))
            for of_scope in of_resource.scope_spans:
                self.spans.extend(map(_span, of_scope.spans))

    def _keep_points(self, sent: ExportMetricsServiceRequest) -> None:
        for of_resource in sent.resource_metrics:
            for of_scope in of_resource.scope_metrics:
                for metric in of_scope.metrics:
                    data = getattr(metric, metric.WhichOneof("data") or "sum")
                    self.points.extend(_point(metric, one) for one in data.data_points)

    def _keep_lines(self, sent: ExportLogsServiceRequest) -> None:
        for of_resource in sent.resource_logs:
            for of_scope in of_resource.scope_logs:
                self.lines.extend(
                    Line(
                        body=one.body.string_value,
                        severity=one.severity_text,
                        trace_id=one.trace_id.hex(),
                        attributes=_values(one.attributes),
                    )
                    for one in of_scope.log_records
                )


@asynccontextmanager
async def collecting(port: int = 0) -> AsyncIterator[Collector]:
    """Serve a collector in this process."""
    collector = Collector()
    server = web.Server(collector.take, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.SockSite(runner, process.listen(port)).start()
        collector.url = f"http://{process.HOST}:{runner.addresses[0][1]}"
        yield collector
    finally:
        await runner.cleanup()


def _span(sent: SentSpan) -> Span:
    failed = sent.status.code == sent.status.STATUS_CODE_ERROR
    return Span(
        trace_id=sent.trace_id.hex(),
        span_id=sent.span_id.hex(),
        parent_id=sent.parent_span_id.hex(),
        name=sent.name,
        kind=SentSpan.SpanKind.Name(sent.kind).removeprefix("SPAN_KIND_"),
        start=sent.start_time_unix_nano,
        end=sent.end_time_unix_nano,
        error=sent.status.message if failed else None,
        attributes=_values(sent.attributes),
        links=tuple(
            Link(
                trace_id=one.trace_id.hex(),
                span_id=one.span_id.hex(),
                attributes=_values(one.attributes),
            )
            for one in sent.links
        ),
    )


def _point(metric: Any, sent: Any) -> Point:
    is_histogram = metric.WhichOneof("data") == "histogram"
    value = sent.sum if is_histogram else getattr(sent, sent.WhichOneof("value"))
    return Point(
        name=metric.name, unit=metric.unit, value=value, attributes=_values(sent.attributes)
    )


def _values(sent: Iterable[Any]) -> Values:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in sent}
