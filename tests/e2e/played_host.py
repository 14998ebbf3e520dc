"""Plays the platform's host for one queue message, and prints which of the app's log lines it would send.

The host's rule (azure-functions-host, Diagnostics/OpenTelemetry/OpenTelemetryConfigurationExtensions.cs): it sends what
the worker logs, but in OpenTelemetry's mode not if the worker declared `WorkerOpenTelemetryEnabled`.
"""

import asyncio
import json
import logging
import os
import sys
from typing import Any, override

import azure_functions_runtime as runtime

from local import stack
from local.host import queue_message, trace, worker
from local.host.protos import TypedData

MODE = "azurefunctionsjobhost__telemetrymode"
SYSTEM = ("proxy_worker", "azure_functions_runtime", "azure.functions", "asyncio")


class Forwarded(logging.Handler):
    """What the worker sends to the host: formatted messages, without the host's system loggers."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(SYSTEM):
            self.lines.append(self.format(record))


async def play(request_id: str) -> dict[str, Any]:
    answers: list[Any] = []
    ask = runtime.worker_init_request

    async def init(request: Any) -> Any:
        answers.append(await ask(request))
        return answers[0]

    runtime.worker_init_request = init
    forwarded = Forwarded()
    logging.getLogger().addHandler(forwarded)
    logging.getLogger().setLevel(logging.INFO)
    functions = await worker.load(stack.ROOT)
    body = json.dumps(
        {"pipelineName": "copyOrders", "requestId": request_id, "parameters": {"day": "x"}}
    )
    outcome = await worker.invoke(
        functions["start_from_queue"],
        queue_message.data(body.encode(), None),
        metadata={"Id": TypedData(json=json.dumps(request_id))},
        trace=trace.begin(),
    )
    assert outcome.error is None, outcome
    await asyncio.sleep(3.0)  # a quiet second, and time to send
    declared = answers[0].capabilities.get("WorkerOpenTelemetryEnabled") is not None
    mode = {name.lower(): value for name, value in os.environ.items()}.get(MODE)
    drops = declared and mode == "OpenTelemetry"
    return {"declared": declared, "sent": [] if drops else forwarded.lines}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(play(sys.argv[1]))))  # noqa: T201 - for the test that started it
