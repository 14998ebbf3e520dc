"""Where telemetry goes, by the environment and host.json."""

import pytest

from shared.config import telemetry

COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
INSIGHTS = {"APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=k"}
FLAG = {"PYTHON_ENABLE_OPENTELEMETRY": "True"}
MODE = {"AzureFunctionsJobHost__telemetryMode": "openTelemetry"}
HOST_JSON = b'{"telemetryMode": "OpenTelemetry"}'


def some(environment: dict[str, str], host_json: bytes = b"{}") -> telemetry.Telemetry:
    found = telemetry.read(environment, host_json)
    assert found is not None
    return found


def test_without_a_destination_there_is_nothing_to_send_to() -> None:
    assert telemetry.read({"OTEL_EXPORTER_OTLP_ENDPOINT": " "} | FLAG | MODE) is None


def test_it_goes_to_a_collector_to_application_insights_or_to_both() -> None:
    found = [some(one) for one in (COLLECTOR, INSIGHTS, COLLECTOR | INSIGHTS)]

    assert [(one.collector, one.connection) for one in found] == [
        (True, None),
        (False, "InstrumentationKey=k"),
        (True, "InstrumentationKey=k"),
    ]
    assert "InstrumentationKey" not in repr(found)


@pytest.mark.parametrize(
    ("environment", "host_json", "logs"),
    [
        ({}, b"{}", False),
        (FLAG, b"{}", False),
        (MODE, b"{}", False),
        (FLAG | MODE, b"{}", True),
        (FLAG, HOST_JSON, True),
        ({}, HOST_JSON, False),
        (FLAG | {"AzureFunctionsJobHost__telemetryMode": "ApplicationInsights"}, HOST_JSON, False),
        (FLAG | {"AZUREFUNCTIONSJOBHOST__TELEMETRYMODE": "OpenTelemetry"}, b"{}", True),
        ({"PYTHON_ENABLE_OPENTELEMETRY": "no"} | MODE, b"{}", False),
    ],
)
def test_lines_are_sent_only_if_the_host_leaves_them(
    environment: dict[str, str], host_json: bytes, *, logs: bool
) -> None:
    assert some(COLLECTOR | environment, host_json).logs is logs


def test_all_traces_are_sent_unless_a_sampler_is_named() -> None:
    assert some(COLLECTOR).sampler == "always_on"
    named = some(
        COLLECTOR | {"OTEL_TRACES_SAMPLER": "TraceIdRatio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}
    )
    assert (named.sampler, named.sampler_argument) == ("traceidratio", "0.5")


def test_the_service_is_the_app() -> None:
    names = {"WEBSITE_SITE_NAME": "func-1"}
    assert some(COLLECTOR).service == "synapse-run-gateway"
    assert some(COLLECTOR | names).service == "func-1"
    assert some(COLLECTOR | names | {"OTEL_SERVICE_NAME": "mine"}).service == "mine"


@pytest.mark.parametrize(
    ("given", "delta"), [("", False), ("Delta", True), ("lowmemory", True), ("cumulative", False)]
)
def test_a_collector_may_want_deltas(given: str, *, delta: bool) -> None:
    name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    assert some(COLLECTOR | {name: given}).delta is delta
