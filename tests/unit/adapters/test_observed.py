"""Telemetry around the ports: off nothing of it, and if it can't begin, none either."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.adapters import observed
from shared.adapters.observed import Parts
from shared.config.settings import Settings
from shared.gateway.gateway import Gateway
from tests.scenarios.world import World, some_settings

COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
HOST_JSON = Path(__file__).resolve().parents[3] / "host.json"
OFF = """
import sys, os
os.environ.update({"SYNAPSE_ENDPOINT": "https://w.dev.azuresynapse.net", "RunStorage": "UseDevelopmentStorage=true"})
import function_app
from shared import wiring
assert type(wiring.app().gateway).__name__ == "Gateway"
print([name for name in sys.modules if name.startswith("opentelemetry") or "adapters.telemetry" in name])
"""


def observe(settings: Settings, environment: dict[str, str]) -> tuple[Parts, Parts]:
    world = World()
    parts = Parts(
        records=world.records,
        audit=world.audit,
        requests=world.requests,
        results=world.results,
        pipelines=world.synapse,
        following=world.follow_ports,
    )
    policy: Any = world.host.gateway._policy
    return parts, observed.observed(parts, settings, policy, environment, HOST_JSON)


def test_off_the_parts_are_the_adapters_themselves() -> None:
    parts, found = observe(some_settings(), COLLECTOR)

    assert found is parts
    assert found.gateway is Gateway


def test_off_nothing_of_it_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFF],
        capture_output=True,
        text=True,
        check=True,
        cwd=HOST_JSON.parent,
    )
    assert done.stdout == "[]\n"


def test_without_a_destination_a_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    parts, found = observe(some_settings(RUN_TELEMETRY="otel"), {})

    assert found is parts
    assert caplog.messages == ['run_gateway.telemetry_off reason="it has no destination"']


def test_what_keeps_it_from_beginning_keeps_no_request(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        msg = "with a secret"
        raise ValueError(msg)

    monkeypatch.setattr("shared.adapters.telemetry.providers.begin", fail)
    parts, found = observe(some_settings(RUN_TELEMETRY="otel"), COLLECTOR)

    assert found is parts
    assert caplog.messages == ["run_gateway.telemetry_off reason=ValueError"]
