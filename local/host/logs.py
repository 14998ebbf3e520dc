"""Log records on standard error: the app's as Microsoft's worker would send them, the host's own with their fields.

The worker's handler has no formatter: it sends the message (with a traceback below it where there is one) and none of
the `extra` fields (workers/proxy_worker/dispatcher.py of azure-functions-python-worker, `AsyncLoggingHandler`). What is
logged outside an invocation never arrives; here it is shown, and marked.
"""

import logging
import sys
from typing import override

from local.host.invocations import FUNCTION, NOWHERE

OURS = "local.host"
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Line(logging.Formatter):
    """time level logger [function] message"""

    _message = logging.Formatter()

    @override
    def format(self, record: logging.LogRecord) -> str:
        function = FUNCTION.get()
        head = f"{self.formatTime(record)} {record.levelname:<7} {record.name} [{function}]"
        text = self._message.format(record)
        if record.name.startswith(OURS):
            return f"{head} {text}{_fields(record)}"
        dropped = " (dropped in Azure: outside a function)" if function == NOWHERE else ""
        return f"{head}{dropped} {text}"


def _fields(record: logging.LogRecord) -> str:
    own = {name: value for name, value in vars(record).items() if name not in STANDARD}
    return "".join(f" {name}={value}" for name, value in own.items())


def begin(*, default: int, function: int) -> None:
    """Send every record to standard error: the host's from level `default` on, the app's from `function`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(function)
    logging.getLogger(OURS).setLevel(default)
    for chatty in (
        "azure",
        "asyncio",
    ):  # one line for each storage call and invocation would drown the app's
        logging.getLogger(chatty).setLevel(max(function, logging.WARNING))
