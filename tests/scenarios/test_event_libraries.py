"""What the field's own libraries write, unmodified, becomes a run with the right parameters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.core.credentials import AzureKeyCredential
from azure.core.messaging import CloudEvent as AzureCloudEvent
from azure.eventgrid import EventGridEvent
from azure.eventgrid.aio import EventGridPublisherClient
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook

from tests.scenarios.event_senders import SECRET, Senders, a_rule
from tests.scenarios.world import World

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TIME = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
DATA = {"total": 5, "name": "Zoë 😀"}
RULE = a_rule(
    parameters={
        "total": {"expression": "data.total", "type": "int"},
        "name": {"expression": "data.name"},
        "type": {"expression": "type"},
        "subject": {"expression": "subject"},
        "time": {"expression": "time"},
    }
)
PARAMETERS = DATA | {
    "type": "order.placed",
    "subject": "orders/ä 1",
    "time": "2026-11-24T08:00:00.000000Z",
}


@dataclass(frozen=True, slots=True)
class Sent:
    headers: Mapping[str, str]
    body: bytes


async def published(event: Any) -> Sent:
    """Let Azure's own publisher send an event, and keep what it sends."""
    sent: list[Sent] = []

    async def keep(request: web.Request) -> web.Response:
        sent.append(Sent(dict(request.headers), await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/events", keep)
    async with (
        TestServer(app) as server,
        EventGridPublisherClient(
            str(server.make_url("/api/events")), AzureKeyCredential("key")
        ) as publisher,
    ):
        await publisher.send([event])
    return sent[0]


def cloud_event() -> CloudEvent:
    attributes = {
        "id": "e-1",
        "source": "/orders",
        "type": "order.placed",
        "subject": "orders/ä 1",
        "time": TIME,
        "datacontenttype": "application/json",
        "traceparent": TRACEPARENT,
        "comexample": "an extension",
    }
    return CloudEvent(attributes, DATA)


def azure_cloud_event(data: Any = DATA) -> AzureCloudEvent[Any]:
    extensions = {"traceparent": TRACEPARENT}
    return AzureCloudEvent(
        source="/orders",
        type="order.placed",
        subject="orders/ä 1",
        time=TIME,
        id="e-1",
        data=data,
        datacontenttype="application/json",
        extensions=extensions,
    )


def grid_event() -> EventGridEvent:
    return EventGridEvent(
        subject="orders/ä 1",
        event_type="order.placed",
        data=DATA,
        data_version="1",
        topic="/orders",
        event_time=TIME,
        id="e-1",
    )


def batched(*bodies: bytes) -> Sent:
    """The library writes no batch: one is an array of its structured events."""
    content_type = "application/cloudevents-batch+json; charset=UTF-8"
    return Sent({"content-type": content_type}, b"[" + b",".join(bodies) + b"]")


async def everything_sent() -> dict[str, Sent]:
    binary, structured = (
        http.to_binary_event(cloud_event()),
        http.to_structured_event(cloud_event()),
    )
    return {
        "cloudevents, binary": Sent(binary.headers, binary.body),
        "cloudevents, structured": Sent(structured.headers, structured.body),
        "cloudevents, batch": batched(structured.body),
        "azure.core CloudEvent": await published(azure_cloud_event()),
        "azure.core CloudEvent of bytes": await published(
            azure_cloud_event(json.dumps(DATA).encode())
        ),
        "azure-eventgrid EventGridEvent": await published(grid_event()),
    }


def right(world: World, *, traced: bool) -> None:
    (run,) = world.pipelines.runs
    assert json.loads(run.call.parameters) == PARAMETERS
    assert world.result.correlation_id == "e-1"
    assert world.result.traceparent == (TRACEPARENT if traced else None)


WRITERS = [
    "cloudevents, binary",
    "cloudevents, structured",
    "cloudevents, batch",
    "azure.core CloudEvent",
    "azure.core CloudEvent of bytes",
    "azure-eventgrid EventGridEvent",
]


@pytest.mark.parametrize("writer", WRITERS)
async def test_what_a_library_posts_becomes_a_run(writer: str) -> None:
    world = World()
    sent = (await everything_sent())[writer]

    answer = await Senders(world, [RULE]).post(sent.body, sent.headers)
    await world.drain()

    assert answer.status == 200
    right(world, traced="EventGridEvent" not in writer)


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "base64"])
@pytest.mark.parametrize("writer", [name for name in WRITERS if "binary" not in name])
async def test_what_a_library_writes_becomes_a_run_from_the_queue(writer: str, plain: bool) -> None:
    """Event Grid puts one event into each message."""
    world = World()
    content = json.loads((await everything_sent())[writer].body)
    event = content[0] if isinstance(content, list) else content

    await Senders(world, [RULE]).enqueue(event, plain=plain)
    await world.drain()

    right(world, traced="EventGridEvent" not in writer)


async def test_what_standard_webhooks_own_library_signs_is_taken() -> None:
    world = World()
    body = json.dumps({"type": "order.placed", "data": DATA})
    now = world.clock.now()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", now, body),
    }

    answer = await Senders(world).hook("billing", body.encode(), headers)

    assert answer.status == 202
