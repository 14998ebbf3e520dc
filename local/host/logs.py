"""How does a log record look? One line on standard error, with its `extra` fields as key=value."""

import logging
import sys
from typing import override

from local.host.invocations import FUNCTION

OURS = "local.host"
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Line(logging.Formatter):
    """time level logger [function] message key=value"""

    @override
    def format(self, record: logging.LogRecord) -> str:
        extra = "".join(
            f" {name}={value}" for name, value in vars(record).items() if name not in STANDARD
        )
        head = f"{self.formatTime(record)} {record.levelname:<7} {record.name} [{FUNCTION.get()}]"
        text = f"{head} {record.getMessage()}{extra}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


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
