"""Traces, metrics and logs by OpenTelemetry. Imported only if telemetry is on."""
