"""OpenTelemetry's providers, with exporters for each destination, which send from threads of their own.

Those threads import the exporters' packages when there is first something to send: after the first answer. Buffers are
bounded, and what a destination does not take in the exporter's time is dropped: the gateway never waits for it.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, override

from opentelemetry import metrics, trace
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    LogRecordExporter,
    LogRecordExportResult,
)
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

from shared.adapters.telemetry import quiet
from shared.adapters.telemetry.log_export import LogExport
from shared.adapters.telemetry.spans import Ids
from shared.config.telemetry import Telemetry

_DELTA: Final[dict[type, AggregationTemporality]] = {
    Counter: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Destination:
    """Makes the exporters of one destination, each when it is first needed."""

    spans: Callable[[], SpanExporter]
    metrics: Callable[[], MetricExporter]
    logs: Callable[[], LogRecordExporter]
    delta: bool


class _HashedResource(Resource):
    """A resource whose hash is computed once: exporters ask for it at each span, and it writes JSON."""

    def __init__(self, made: Resource) -> None:
        super().__init__(made.attributes, made.schema_url)
        self._hash = super().__hash__()

    @override
    def __hash__(self) -> int:
        return self._hash


def begin(telemetry: Telemetry) -> None:
    """Install the providers for this process, once."""
    resource = _HashedResource(Resource.create({"service.name": telemetry.service}))
    destinations = list(_destinations(telemetry))
    # Nothing waits for an exporter when the process ends: see `quiet`.
    tracing = TracerProvider(
        _sampler(telemetry), resource, shutdown_on_exit=False, id_generator=Ids()
    )
    logs = LoggerProvider(resource, shutdown_on_exit=False)
    for one in destinations:
        tracing.add_span_processor(BatchSpanProcessor(_Spans(one.spans)))
        logs.add_log_record_processor(BatchLogRecordProcessor(_Logs(one.logs)))
    meters = MeterProvider(
        [PeriodicExportingMetricReader(_Metrics(one)) for one in destinations],
        resource,
        exemplar_filter=AlwaysOffExemplarFilter(),
        shutdown_on_exit=False,
    )
    trace.set_tracer_provider(tracing)
    metrics.set_meter_provider(meters)
    if telemetry.logs:
        logging.getLogger().addHandler(LogExport(logs))
    quiet.flush_by(lambda: (tracing.force_flush(), logs.force_flush(), meters.force_flush()))


def _destinations(telemetry: Telemetry) -> Iterator[_Destination]:
    if telemetry.collector:
        yield _Destination(
            spans=_otlp_spans, metrics=_otlp_metrics, logs=_otlp_logs, delta=telemetry.delta
        )
    if telemetry.connection:
        azure = _Azure(telemetry.connection)
        yield _Destination(spans=azure.spans, metrics=azure.metrics, logs=azure.logs, delta=True)


def _otlp_spans() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415 - late

    return trace_exporter.OTLPSpanExporter()


def _otlp_metrics() -> MetricExporter:
    from opentelemetry.exporter.otlp.proto.http import metric_exporter  # noqa: PLC0415 - late

    return metric_exporter.OTLPMetricExporter()


def _otlp_logs() -> LogRecordExporter:
    from opentelemetry.exporter.otlp.proto.http import _log_exporter  # noqa: PLC0415 - late

    return _log_exporter.OTLPLogExporter()


class _Azure:
    """Exporters to Application Insights.

    APPLICATIONINSIGHTS_AUTHENTICATION_STRING names the identity; they and the host read it by themselves. Nothing is kept
    on disk: it would outlive the process only by chance, and hold what was meant for Application Insights alone.
    """

    def __init__(self, connection: str) -> None:
        self._options: dict[str, Any] = {
            "connection_string": connection,
            "disable_offline_storage": True,
        }

    def spans(self) -> SpanExporter:
        from azure.monitor.opentelemetry.exporter import (  # noqa: PLC0415 - late
            AzureMonitorTraceExporter,
        )

        return AzureMonitorTraceExporter(**self._options)

    def metrics(self) -> MetricExporter:
        from azure.monitor.opentelemetry.exporter import (  # noqa: PLC0415 - late
            AzureMonitorMetricExporter,
        )

        return AzureMonitorMetricExporter(**self._options)

    def logs(self) -> LogRecordExporter:
        from azure.monitor.opentelemetry.exporter import (  # noqa: PLC0415 - late
            AzureMonitorLogExporter,
        )

        return AzureMonitorLogExporter(**self._options)


def _sampler(telemetry: Telemetry) -> Sampler | None:
    """Return the sampler; None: the SDK reads OTEL_TRACES_SAMPLER, and has only the standard ones.

    The default is every trace, also one that its producer does not sample: whether a run was started is asked here.
    """
    share = telemetry.sampler_argument or "1"
    is_all = telemetry.sampler == "microsoft.fixed_percentage" and float(share) >= 1
    if telemetry.sampler == "always_on" or is_all:
        return ALWAYS_ON
    if not telemetry.sampler.startswith("microsoft."):
        return None
    from azure.monitor.opentelemetry.exporter import (  # noqa: PLC0415 - if asked for
        ApplicationInsightsSampler,
        RateLimitedSampler,
    )

    if telemetry.sampler == "microsoft.rate_limited":
        return RateLimitedSampler(float(telemetry.sampler_argument or 5))
    return ApplicationInsightsSampler(float(share))


class _Spans(SpanExporter):
    """Exports spans, by an exporter that is made for the first of them."""

    def __init__(self, make: Callable[[], SpanExporter]) -> None:
        self._made = cache(make)

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._made().export(spans)


class _Logs(LogRecordExporter):
    """Exports log records, by an exporter that is made for the first of them."""

    def __init__(self, make: Callable[[], LogRecordExporter]) -> None:
        self._made = cache(make)

    @override
    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        return self._made().export(batch)

    @override
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True

    @override
    def shutdown(self) -> None:
        """Do nothing: no process waits for it."""


class _Metrics(MetricExporter):
    """Exports metrics, by an exporter that is made for the first of them."""

    def __init__(self, destination: _Destination) -> None:
        super().__init__(preferred_temporality=_DELTA if destination.delta else None)
        self._made = cache(destination.metrics)

    @override
    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        return self._made().export(metrics_data, timeout_millis, **kwargs)

    @override
    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    @override
    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Do nothing: no process waits for it."""
