"""Event Grid's deliveries to the local host."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from local.azurite import server
from local.process import Child
from tests.local.host_app.serving import Queues, host

PATH = "/runtime/webhooks/EventGrid?functionName=on_event"
NOTIFICATION = {"aeg-event-type": "Notification"}


@pytest.fixture(scope="module")
async def azurite() -> AsyncIterator[server.Azurite]:
    async with server.running() as running:
        yield running


@pytest.fixture(scope="module")
async def shared(azurite: server.Azurite) -> AsyncIterator[Child]:
    async with host(azurite.connection_string) as running:
        yield running


@pytest.fixture
async def queues(azurite: server.Azurite) -> AsyncIterator[Queues]:
    async with Queues(azurite) as opened:
        yield opened


@pytest.fixture
async def caller(shared: Child) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(shared.url) as session:
        yield session


def event(number: str, subject: str = "s") -> dict[str, Any]:
    return {
        "id": number,
        "topic": "t",
        "subject": subject,
        "eventType": "e",
        "eventTime": "2026-11-23T00:00:00.1234567Z",
        "data": {},
        "dataVersion": "1",
    }


def cloud_event(number: str) -> dict[str, Any]:
    return {"specversion": "1.0", "id": number, "source": "/s", "type": "t"}


async def told(queues: Queues, count: int) -> dict[str, str]:
    messages = [json.loads((await queues.take("told")).content) for _ in range(count)]
    return {one["event"]: one["class"] for one in messages}


async def test_each_event_of_a_delivery_runs_the_function(
    caller: aiohttp.ClientSession, queues: Queues
) -> None:
    async with caller.post(PATH, json=[event("1"), event("2")], headers=NOTIFICATION) as response:
        assert response.status == 202

    assert await told(queues, 2) == {"1": "EventGridEvent", "2": "EventGridEvent"}


async def test_a_single_cloud_event_runs_the_function(
    caller: aiohttp.ClientSession, queues: Queues
) -> None:
    async with caller.post(PATH, json=cloud_event("3"), headers=NOTIFICATION) as response:
        assert response.status == 202

    assert await told(queues, 1) == {"3": "CloudEvent"}


async def test_one_failure_has_the_whole_delivery_sent_again(
    caller: aiohttp.ClientSession, queues: Queues
) -> None:
    events = [event("4"), event("5", subject="refuse")]
    async with caller.post(PATH, json=events, headers=NOTIFICATION) as response:
        assert response.status == 500

    assert await told(queues, 1) == {"4": "EventGridEvent"}


@pytest.mark.parametrize(
    "body",
    [
        [{**event("6"), "data": {"validationCode": "c0de"}}],
        {**cloud_event("7"), "data": json.dumps({"validationCode": "c0de"})},
    ],
)
async def test_a_subscription_is_validated(caller: aiohttp.ClientSession, body: object) -> None:
    headers = {"aeg-event-type": "SubscriptionValidation"}
    async with caller.post(PATH, json=body, headers=headers) as response:
        assert (response.status, await response.json()) == (200, {"validationResponse": "c0de"})


async def test_cloud_events_shake_hands(caller: aiohttp.ClientSession) -> None:
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    async with caller.options(PATH, headers=headers) as response:
        assert response.status == 200
        assert response.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        (PATH.replace("on_event", "nobody"), NOTIFICATION, "[]", 404),
        (PATH.replace("on_event", "echo"), NOTIFICATION, "[]", 404),
        (PATH, {}, "[]", 400),
        (PATH, {"aeg-event-type": "Unsubscribe"}, "[]", 202),
        (PATH, NOTIFICATION, "{", 500),
        (PATH, NOTIFICATION, "[]", 202),
    ],
)
async def test_what_is_no_delivery(
    caller: aiohttp.ClientSession, path: str, headers: dict[str, str], body: str, status: int
) -> None:
    async with caller.post(path, data=body, headers=headers) as response:
        assert response.status == status
