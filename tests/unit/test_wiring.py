"""What is read of the environment before there are Settings, and of gateway.json."""

import errno
import importlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import azure.functions as func
import pytest

import function_app
from shared import wiring
from shared.composition import App
from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import Misconfigured, RecordUnreadable
from shared.ports import Echo
from tests.scenarios.world import ENVIRONMENT


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Start as a process does: nothing is wired yet."""
    caches = (wiring._config_file, wiring._wire, wiring.readiness)
    for each in caches:
        each.cache_clear()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    yield monkeypatch
    for each in caches:
        each.cache_clear()


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_setting_is_none_for_the_trigger_as_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, blank: str | None
) -> None:
    monkeypatch.delenv("RUN_REQUESTS_QUEUE", raising=False)
    if blank is not None:
        monkeypatch.setenv("RUN_REQUESTS_QUEUE", blank)

    assert wiring.requests_queue() == "run-requests"


def test_a_queue_that_is_named_is_the_triggers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_REQUESTS_QUEUE", "orders")

    assert wiring.requests_queue() == "orders"


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [(None, set()), (" ", set()), ("wrong", {"post_event", "return_event"})],
)
def test_the_functions_of_the_outbox_are_there_where_a_topic_is(
    monkeypatch: pytest.MonkeyPatch, endpoint: str | None, expected: set[str]
) -> None:
    """Whether its address is valid or not: an app is indexed before its settings are read."""
    monkeypatch.delenv("OUTCOME_TOPIC_ENDPOINT", raising=False)
    if endpoint is not None:
        monkeypatch.setenv("OUTCOME_TOPIC_ENDPOINT", endpoint)
    monkeypatch.setenv("RUN_OUTBOX_QUEUE", "box")
    try:
        served = importlib.reload(function_app).app.get_functions()
    finally:
        monkeypatch.undo()
        importlib.reload(function_app)

    queues = {
        str(one.get_function_name()): one.get_trigger().queue_name
        for one in served
        if "event" in str(one.get_function_name()) and one.get_trigger().type == "queueTrigger"
    }
    assert queues.keys() == expected
    assert set(queues.values()) == ({"box", "box-poison"} if expected else set())


def test_results_are_events_only_where_a_topic_is(fresh: pytest.MonkeyPatch) -> None:
    assert wiring.app().event_post is None
    wiring._wire.cache_clear()
    fresh.setenv("OUTCOME_TOPIC_ENDPOINT", "https://t.westeurope-1.eventgrid.azure.net/api/events")

    assert wiring.app().event_post is not None


async def test_an_event_without_a_topic_stays_on_its_queue(fresh: pytest.MonkeyPatch) -> None:
    """A process that still runs with the settings of before."""
    fresh.delenv("OUTCOME_TOPIC_ENDPOINT", raising=False)

    for function in (function_app.post_event, function_app.return_event):
        with pytest.raises(Misconfigured, match="OUTCOME_TOPIC_ENDPOINT"):
            await function(func.QueueMessage(id="1", body=b"{}"))


def test_every_part_of_the_app_can_be_built(fresh: pytest.MonkeyPatch) -> None:
    """Most are built when they are first used: a mistake would show only then."""
    fresh.setenv("OUTCOME_TOPIC_ENDPOINT", "https://t.westeurope-1.eventgrid.azure.net/api/events")
    late = [name for name, part in vars(App).items() if isinstance(part, cached_property)]

    assert all(getattr(wiring.app(), name) for name in late)
    assert len(late) == len(vars(App).keys() & vars(wiring.app()).keys())


def test_a_configuration_that_could_not_be_read_once_is_read_again(
    fresh: pytest.MonkeyPatch,
) -> None:
    """The package lies on a share: a failed read says nothing about the next one."""
    reads: Iterator[bytes | OSError] = iter(
        [OSError(errno.EIO, "Input/output error"), b"{}", b"not JSON"]
    )

    def read_bytes(_: Path) -> bytes:
        content = next(reads)
        if isinstance(content, OSError):
            raise content
        return content

    fresh.setattr(Path, "read_bytes", read_bytes)
    fresh.setenv("RETENTION_DAYS", "soon")
    with pytest.raises(Misconfigured, match=r"RETENTION_DAYS.*GATEWAY_CONFIG: The file can't be"):
        wiring.app()
    fresh.setenv("RETENTION_DAYS", "90")

    assert wiring.app() is wiring.app()


async def test_the_settings_route_and_the_probe_share_one_look(fresh: pytest.MonkeyPatch) -> None:
    """Anyone in a tenant may ask the route; each look calls the storage and the identity."""
    looks = 0

    async def faults() -> tuple[CloudError, ...]:
        nonlocal looks
        looks += 1
        return ()

    fresh.setattr(wiring, "faults", faults)
    fresh.delenv("SYNAPSE_ENDPOINT")  # then no right is looked up either
    request = func.HttpRequest(method="GET", url="https://g/api/health/settings", body=b"")

    answers = [
        await each(request)
        for each in (function_app.settings, function_app.ready, function_app.settings)
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert looks == 1


async def test_a_workspace_s_row_that_can_t_be_read_is_a_fault(
    fresh: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It was edited by hand: the route answers, and the timer that asks for readiness goes on."""

    async def echo(endpoint: str) -> Echo:
        msg = "The workspace's row can't be read."
        raise RecordUnreadable(msg)

    async def authorize(endpoint: str) -> None:
        return None

    fresh.setattr(wiring.app().records, "echo", echo)
    fresh.setattr(wiring.app().synapse, "authorize", authorize)

    (fault,) = await wiring.faults()

    assert (fault.target, fault.message) == ("RunStorage", "The workspace's row can't be read.")
    assert "run_gateway.not_ready target=RunStorage reason=" in caplog.text
