"""What is sent, when, and that nothing waits for it."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import override

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter
from opentelemetry.sdk.metrics.export import AggregationTemporality
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from shared.adapters.telemetry import providers, quiet
from shared.adapters.telemetry.log_export import LogExport
from shared.config import telemetry

INSIGHTS = (
    "InstrumentationKey=00000000-0000-4000-8000-000000000001;IngestionEndpoint=https://127.0.0.1:9/"
)
SOME = telemetry.read({telemetry.COLLECTOR: "http://127.0.0.1:9", telemetry.CONNECTION: INSIGHTS})


@pytest.mark.parametrize(
    ("name", "argument", "description"),
    [
        ("always_on", "", "AlwaysOnSampler"),
        ("microsoft.fixed_percentage", "1.0", "AlwaysOnSampler"),
        ("microsoft.fixed_percentage", "0.25", "ApplicationInsightsSampler0.25"),
        ("microsoft.rate_limited", "", "RateLimitedSampler{5.0}"),
    ],
)
def test_a_sampler_of_the_host_is_the_apps_too(name: str, argument: str, description: str) -> None:
    assert SOME is not None
    sampler = providers._sampler(replace(SOME, sampler=name, sampler_argument=argument))
    assert sampler is not None
    assert sampler.get_description() == description


def test_the_standard_samplers_are_the_sdks() -> None:
    assert SOME is not None
    assert providers._sampler(SOME) is ALWAYS_ON
    assert providers._sampler(replace(SOME, sampler="parentbased_always_on")) is None


def test_the_process_is_the_same_resource_as_the_sdk_makes() -> None:
    made = Resource.create({"service.name": "orders"})
    assert providers._HashedResource(made) == made
    assert hash(providers._HashedResource(made)) == hash(made)


def test_each_destination_has_its_exporters_and_application_insights_gets_deltas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
    monkeypatch.setenv("APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED", "true")
    assert SOME is not None
    collector, insights = providers._destinations(SOME)

    for one in (collector, insights):
        kinds = [type(make()).__name__ for make in (one.spans, one.metrics, one.logs)]
        assert all(name.startswith(("OTLP", "AzureMonitor")) for name in kinds)
    temporality = providers._Metrics(insights)._preferred_temporality or {}
    assert temporality[Counter] is AggregationTemporality.DELTA
    assert providers._Metrics(collector)._preferred_temporality is None


class Hung(SpanExporter):
    """A collector that never answers."""

    def __init__(self) -> None:
        self.called, self.released = threading.Event(), threading.Event()

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.called.set()
        self.released.wait()
        return SpanExportResult.FAILURE


def test_what_a_hung_collector_does_not_take_is_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "256")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "64")
    hung = Hung()
    processor = BatchSpanProcessor(providers._Spans(lambda: hung))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)

    tracer = provider.get_tracer("test")
    for _ in range(5000):
        tracer.start_span("x").end()

    assert hung.called.wait(10)
    assert len(processor._batch_processor._queue) <= 256
    hung.released.set()


def logged() -> tuple[logging.Logger, InMemoryLogRecordExporter]:
    provider = LoggerProvider(shutdown_on_exit=False)
    kept = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK gives no type
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    logger = logging.getLogger("test_sending")
    logger.handlers, logger.propagate = [LogExport(provider)], False
    logger.setLevel(logging.DEBUG)
    return logger, kept


def test_a_line_is_sent_as_it_is_and_an_exception_without_its_text() -> None:
    logger, kept = logged()

    logger.warning("a line with %s", "a value")
    try:
        int("PLANTED")
    except ValueError:
        logger.exception("it failed")

    line, failed = (one.log_record for one in kept.get_finished_logs())
    assert (line.body, line.severity_text) == ("a line with a value", "WARNING")
    assert line.severity_number is not None
    assert line.severity_number.value == 13
    assert failed.attributes is not None
    assert failed.attributes["exception.type"] == "ValueError"
    assert "test_sending" in str(failed.attributes["exception.stacktrace"])
    assert "invalid literal" not in f"{failed.body!r} {failed.attributes}"


def test_what_the_exporters_log_is_not_sent_by_themselves() -> None:
    logger, kept = logged()
    for name in ("opentelemetry.sdk.trace", "azure.monitor.opentelemetry", "azure.functions.x"):
        logger.handle(logging.makeLogRecord({"name": name, "msg": "x", "levelno": 40}))
    assert not kept.get_finished_logs()


async def test_after_a_quiet_time_everything_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "QUIET", 0.02)
    one, flushed = quiet._Quiet(), threading.Event()
    calls: list[int] = []

    def flush() -> None:
        calls.append(one._visits)
        flushed.set()

    one.flush = flush
    for _ in range(3):
        one.begin()
        await asyncio.sleep(0.03)
        one.begin()
        one.end()
        one.end()
    await asyncio.to_thread(flushed.wait, 10)

    assert calls
    assert set(calls) == {0}


async def test_a_flush_that_hangs_gets_no_second_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "QUIET", 0.0)
    one, released, calls = quiet._Quiet(), threading.Event(), list[int]()

    def flush() -> None:
        calls.append(1)
        released.wait()

    one.flush = flush
    for _ in range(3):
        one.begin()
        one.end()
        await asyncio.sleep(0.02)
    released.set()
    assert calls == [1]
