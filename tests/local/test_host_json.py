"""What the local host reads of host.json and of settings, and its route templates."""

import os
from pathlib import Path

import pytest

from local.host import host_json, routes, settings, storage
from local.host.host_json import Queues


def test_without_a_file_the_platforms_defaults_hold(tmp_path: Path) -> None:
    found = host_json.load(tmp_path / "host.json")

    assert found.queues.max_dequeue_count == 5
    assert (found.route_prefix, found.queues.encoding) == ("api", "base64")


def test_the_numbers_are_read() -> None:
    queues = {
        "batchSize": 10,
        "maxDequeueCount": 20,
        "visibilityTimeout": "00:00:30",
        "maxPollingInterval": "00:00:01",
        "messageEncoding": "none",
    }
    content = {
        "extensions": {"queues": queues, "http": {"routePrefix": ""}},
        "logging": {"logLevel": {"default": "Warning", "Function": "Debug"}},
    }

    found = host_json.read(content)

    assert found.queues == Queues(
        batch_size=10,
        new_batch_threshold=5 * (os.process_cpu_count() or 1),
        max_dequeue_count=20,
        retry_delay=30,
        max_polling_interval=1.0,
        encoding="none",
    )
    assert (found.route_prefix, found.default_level, found.function_level) == ("", 30, 10)


@pytest.mark.parametrize(("given", "threshold"), [({}, 32), ({"newBatchThreshold": 8}, 8)])
def test_the_threshold_of_a_new_batch_grows_with_the_processors(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, int], threshold: int
) -> None:
    """Unless host.json names it: QueuesOptions.cs of azure-sdk-for-net."""
    monkeypatch.setattr(os, "process_cpu_count", lambda: 4)

    found = host_json.read({"extensions": {"queues": {"batchSize": 16} | given}})

    assert found.queues.new_batch_threshold == threshold


def test_an_app_setting_overrides_a_number() -> None:
    content = {"extensions": {"queues": {"maxDequeueCount": 20, "visibilityTimeout": "00:00:30"}}}
    environment = {
        "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:02",
        "AzureFunctionsJobHost__extensions__http__routePrefix": "x",
        "PATH": "y",
    }

    found = host_json.read(host_json.overridden(content, environment))

    assert (found.queues.retry_delay, found.queues.max_dequeue_count) == (2, 20)
    assert found.route_prefix == "x"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:30", 30), ("01:01:01", 3661), ("1.00:00:00", 86400), ("00:00:00.250", 0.25)],
)
def test_a_duration(text: str, seconds: float) -> None:
    assert host_json.seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        '{"extensions": {"queues": {"batchSize": 64}}}',
        '{"extensions": {"queues": {"newBatchThreshold": -1}}}',
        '{"extensions": {"queues": {"maxDequeueCount": 0}}}',
        '{"extensions": {"queues": {"visibilityTimeout": "2000"}}}',
        '{"extensions": {"queues": {"messageEncoding": "hex"}}}',
        '{"logging": {"logLevel": {"default": "Loud"}}}',
        "{",
    ],
)
def test_what_the_platform_would_refuse(tmp_path: Path, text: str) -> None:
    (tmp_path / "host.json").write_text(text)

    with pytest.raises(host_json.HostJsonInvalid):
        host_json.load(tmp_path / "host.json")


def test_a_connection_is_looked_for_as_on_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Named", "plain")
    assert settings.connection_string("Named") == "plain"
    monkeypatch.setenv("AzureWebJobsNamed", "prefixed")
    assert settings.connection_string("Named") == "prefixed"
    monkeypatch.setenv("AzureWebJobsStorage", "default")
    assert settings.connection_string(None) == "default"
    with pytest.raises(settings.SettingMissing, match="'Unnamed'"):
        settings.connection_string("Unnamed")


def test_expressions_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "value")
    assert settings.resolve("a-%NAME%-%NAME%") == "a-value-value"
    with pytest.raises(settings.SettingMissing, match="'%NONE%' does not resolve"):
        settings.resolve("%NONE%")


async def test_development_storage_is_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Named", "UseDevelopmentStorage=true")
    opened = storage.Storage()

    assert opened.queue("Named", "q").url == "http://127.0.0.1:10001/devstoreaccount1/q"
    await opened.close()


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("a/{b}", "a/x", {"b": "x"}),
        ("a/{b}", "a", None),
        ("a/{b}", "a/x/y", None),
        ("a/{b}/c/{d}", "A/x/C/y", {"b": "x", "d": "y"}),
    ],
)
def test_a_route_template(template: str, path: str, values: dict[str, str] | None) -> None:
    assert routes.compiled("f", template, None).values(path) == values


@pytest.mark.parametrize("template", ["{a:int}", "{a?}", "{*a}", "{a}.{b}", "{a", "{a=1}"])
def test_a_route_template_that_can_not_be_read(template: str) -> None:
    with pytest.raises(routes.RouteInvalid):
        routes.compiled("f", template, None)


@pytest.mark.parametrize("content", ["{'Values': {}}", "[]", '{"Values": 3}', "\xff"])
def test_a_settings_file_that_can_not_be_read_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "local.settings.json"
    path.write_text(content, encoding="latin-1")

    with pytest.raises(settings.SettingsInvalid, match=r"local\.settings\.json: "):
        settings.load(path)
