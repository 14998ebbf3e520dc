"""Reads from the environment where telemetry goes, if it is on.

The names are the platform's and OpenTelemetry's own; docs/telemetry.md says which work together.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SERVICE: Final = "synapse-run-gateway"
CONNECTION: Final = "APPLICATIONINSIGHTS_CONNECTION_STRING"
COLLECTOR: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
#: The platform's way to set a value of host.json in the environment.
_HOST_MODE: Final = "azurefunctionsjobhost__telemetrymode"
_WORKER_FLAG: Final = "PYTHON_ENABLE_OPENTELEMETRY"
_TRUE: Final = frozenset({"1", "true", "t", "yes", "y"})  # azure_functions_runtime, is_envvar_true


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """Where telemetry goes, and how."""

    collector: bool  #: to an OTLP endpoint, which the exporter reads by itself
    connection: str | None = field(default=None, repr=False)  #: to Application Insights
    logs: bool  #: whether log lines are sent; if not, the host sends them
    sampler: str
    sampler_argument: str
    service: str
    delta: bool  #: whether the collector wants what metrics grew by, not their sums


def read(environment: Mapping[str, str], host_json: bytes = b"{}") -> Telemetry | None:
    """Return where telemetry goes; None if no destination is set.

    Args:
        environment: the app settings.
        host_json: the file, for its `telemetryMode`.
    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    collector, connection = COLLECTOR in given, given.get(CONNECTION)
    if not collector and not connection:
        return None
    temporality = given.get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "")
    return Telemetry(
        collector=collector,
        connection=connection,
        logs=_leaves_logs(given, host_json),
        sampler=given.get("OTEL_TRACES_SAMPLER", "always_on").lower(),
        sampler_argument=given.get("OTEL_TRACES_SAMPLER_ARG", ""),
        service=given.get("OTEL_SERVICE_NAME") or given.get("WEBSITE_SITE_NAME") or SERVICE,
        delta=temporality.lower() in {"delta", "lowmemory"},
    )


def _leaves_logs(given: Mapping[str, str], host_json: bytes) -> bool:
    """Return whether the host leaves the worker's log lines to it.

    It drops them if it is in OpenTelemetry's mode and the worker has declared that it sends telemetry itself
    (azure-functions-host, OpenTelemetryConfigurationExtensions.cs). In every other case it sends them.
    """
    override = next((value for name, value in given.items() if name.lower() == _HOST_MODE), "")
    mode = override or str(json.loads(host_json).get("telemetryMode", ""))
    return given.get(_WORKER_FLAG, "").lower() in _TRUE and mode.lower() == "opentelemetry"
