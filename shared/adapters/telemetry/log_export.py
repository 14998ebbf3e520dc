"""Sends log records by OpenTelemetry, within the trace in which they were written."""

import logging
import traceback
from typing import Final, override

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider

from shared.adapters.telemetry.spans import SCOPE

#: Loggers of the exporters themselves, whose failures would make more of them, and of the worker, which the host sends.
_NOT_OURS: Final = (
    "opentelemetry", "azure.monitor", "azure.functions", "azure_functions_runtime", "proxy_worker",
)  # fmt: skip


class LogExport(logging.Handler):
    """Hands each record on as it would be formatted; of an exception, its type and frames, never its text."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._logger = provider.get_logger(SCOPE)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(_NOT_OURS):
            return
        attributes = {"run_gateway.logger": record.name}
        if record.exc_info and record.exc_info[0]:
            attributes["exception.type"] = record.exc_info[0].__name__
            attributes["exception.stacktrace"] = "".join(traceback.format_tb(record.exc_info[2]))
        self._logger.emit(
            timestamp=int(record.created * 1e9),
            severity_number=_severity(record.levelno),
            severity_text=record.levelname,
            body=record.getMessage(),
            attributes=attributes,
        )


def _severity(level: int) -> SeverityNumber:
    """Return OpenTelemetry's number: DEBUG 5, INFO 9, WARNING 13, ERROR 17, CRITICAL 21."""
    return SeverityNumber(min(max(level, logging.DEBUG), logging.CRITICAL) // 10 * 4 + 1)
