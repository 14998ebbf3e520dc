"""With each combination of host and worker settings, every log line is sent once: by the host, or by the app."""

import asyncio
import json
import os
import sys

import pytest

from local import stack
from local.collector import collecting

FLAG = {"PYTHON_ENABLE_OPENTELEMETRY": "true"}
MODE = {"AzureFunctionsJobHost__telemetryMode": "OpenTelemetry"}


@pytest.mark.parametrize(
    ("name", "env", "by_app"),
    [
        ("both", FLAG | MODE, True),
        ("flag-only", FLAG, False),
        ("mode-only", MODE, False),
        ("neither", {}, False),
    ],
)
async def test_a_line_is_sent_once(
    running: stack.Stack, name: str, env: dict[str, str], *, by_app: bool
) -> None:
    request_id = f"played-{name}"
    async with collecting() as collector:
        values = stack.settings(storage=running.storage, synapse=running.synapse.url)
        values |= {"RUN_TELEMETRY": "otel", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        values |= {"FOLLOW_RUNS": "none"}  # a known number of spans: a chain would add to them
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.e2e.played_host", request_id),
            cwd=stack.ROOT,
            env=os.environ | values | env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, wrong = await child.communicate()
    assert child.returncode == 0, wrong.decode()
    played = json.loads(said)

    lines = [line.body for line in collector.lines]
    ended = f"run_gateway.delivery_ended requestId={request_id}"
    assert sum(line.startswith(ended) for line in [*lines, *played["sent"]]) == 1
    assert any(line.startswith(ended) for line in lines) is by_app
    assert played["declared"] is ("PYTHON_ENABLE_OPENTELEMETRY" in env)
    # Spans are the app's alone, and each is sent once.
    ids = [span.span_id for span in collector.spans]
    assert len(ids) == len(set(ids)) == 6
    (visit,) = (span for span in collector.spans if span.name == "process queue")
    # Only a worker that declared itself knows the host's invocation.
    assert bool(visit.links) is played["declared"]
