"""Keeps spans and metrics in memory; providers can be installed once in a process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.adapters.telemetry.spans import Ids


@dataclass(frozen=True, slots=True)
class Seen:
    """What was recorded since the test began."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def span(self, name: str) -> ReadableSpan:
        """Return the one span of that name."""
        (found,) = (span for span in self.spans if span.name == name)
        return found

    def points(self, name: str) -> list[tuple[Mapping[str, Any], float]]:
        """Return a metric's dimensions and values, summed over the process."""
        data = self.reader.get_metrics_data()
        return [
            (point.attributes or {}, float(getattr(point, "value", getattr(point, "sum", 0.0))))
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture(scope="session")
def recorder() -> Seen:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider(id_generator=Ids(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    return Seen(exporter, reader)


@pytest.fixture
def seen(recorder: Seen) -> Seen:
    recorder.exporter.clear()
    return recorder
