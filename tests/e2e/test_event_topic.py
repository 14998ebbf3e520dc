"""Results as events on an Event Grid topic, by way of the outbox: the app in its host, Azurite, and a topic of the test's own."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from azure.core.messaging import CloudEvent as AzureEvent
from azure.storage.queue.aio import QueueClient
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent

from local import event_grid_topic, process, stack
from local.event_grid_topic import Topic
from tests.e2e.callers import gateway
from tests.e2e.outside import Outside, eventually, outside
from tests.unit.runs.test_cloud_event import a_message

PUBLIC_URL = "https://runs.example.org"


@asynccontextmanager
async def posting(
    running: stack.Stack, topic: str, name: str
) -> AsyncIterator[tuple[process.Child, Outside]]:
    """Run a host with a topic, and queues of its own."""
    queues = {f"RUN_{kind}_QUEUE": f"{kind.lower()}-{name}" for kind in ("RESULTS", "OUTBOX")}
    async with (
        gateway(
            running, name, OUTCOME_TOPIC_ENDPOINT=topic, PUBLIC_URL=PUBLIC_URL, **queues
        ) as host,
        outside(
            url=host.url,
            storage=running.storage,
            synapse=running.synapse.url,
            requests=f"requests-{name}",
            results=f"results-{name}",
        ) as world,
    ):
        yield host, world


async def arrived(topic: Topic, *request_ids: str) -> dict[str, dict[str, Any]]:
    """Wait for the events of these requests; gives the last of each."""

    async def look() -> dict[str, dict[str, Any]] | None:
        found = {str(one.get("subject")): one for one in topic.events}
        return found if found.keys() >= set(request_ids) else None

    return await eventually(look, f"events of {request_ids}")


async def test_a_result_arrives_as_an_event_that_libraries_read(running: stack.Stack) -> None:
    async with (
        event_grid_topic.serving() as topic,
        posting(running, topic.url, "topic") as (_, world),
    ):
        await world.put({"pipelineName": "copyOrders", "requestId": "topic-1"})
        await world.put({"pipelineName": "nowhere", "requestId": "topic-2"})

        events = await arrived(topic, "topic-1", "topic-2")
        (result,) = await world.results("topic-1")

    started, failed = events["topic-1"], events["topic-2"]
    assert started["type"] == "SynapseRunGateway.RunStarted"
    assert failed["type"] == "SynapseRunGateway.RequestFailed"
    assert started["source"] == PUBLIC_URL
    assert started["data"] == result
    assert started["id"] == result["resultId"]
    azures: AzureEvent[Any] = AzureEvent.from_dict(started)
    assert azures.data == result
    message = http.HTTPMessage(
        headers={"content-type": "application/cloudevents+json"}, body=json.dumps(failed).encode()
    )
    theirs = http.from_http_event(message)
    assert isinstance(theirs, CloudEvent)
    assert theirs.get_subject() == "topic-2"


async def test_a_topic_that_is_away_delays_no_result_and_gets_every_event_later(
    running: stack.Stack,
) -> None:
    ids = [f"away-{number}" for number in range(8)]
    async with event_grid_topic.serving() as first:
        port = first.port
    async with posting(running, f"http://127.0.0.1:{port}", "away") as (host, world):
        for request_id in ids:
            await world.put({"pipelineName": "copyOrders", "requestId": request_id})
        for request_id in ids:
            await world.results(request_id)

        async def deferred() -> bool | None:
            lines = [one for one in host.output().splitlines() if ".event_deferred " in one]
            waiting = {found for found in ids for one in lines if f"requestId={found} " in one}
            return waiting == set(ids) or None

        await eventually(deferred, "log lines of events that wait")

        async with event_grid_topic.serving(port=port) as topic:
            assert topic.port == port
            await arrived(topic, *ids)

        assert "reason=unavailable" in host.output()
        assert "Traceback" not in host.output()


async def test_a_message_that_the_platform_gave_up_on_reaches_the_topic(
    running: stack.Stack,
) -> None:
    async with (
        event_grid_topic.serving() as topic,
        posting(running, topic.url, "givenup") as (host, _),
        QueueClient.from_connection_string(running.storage, "outbox-givenup-poison") as poison,
    ):
        await poison.send_message(a_message().to_json())

        await arrived(topic, "order-17")

        assert "run_gateway.event_put_back" in host.output()


async def test_a_missing_role_is_named_and_nothing_is_lost(running: stack.Stack) -> None:
    async with (
        event_grid_topic.serving(Topic(granted=False)) as topic,
        posting(running, topic.url, "role") as (host, world),
    ):
        await world.put({"pipelineName": "copyOrders", "requestId": "role-1"})
        await world.results("role-1")

        async def refused() -> bool | None:
            return "reason=unauthorized status=401" in host.output() or None

        await eventually(refused, "log line of the refusal")
        answer = await world.http.get("/api/health/settings")
        (right,) = (one for one in answer.json()["rights"] if one["right"] == "sendEvents")
        assert right["state"] == "refused"
        assert right["role"] == "EventGrid Data Sender"
        assert (await world.http.get("/api/health/ready")).status_code == 200

        topic.granted = True
        await arrived(topic, "role-1")


async def test_a_wrong_endpoint_is_named(running: stack.Stack) -> None:
    wrong = "http://topic.example/api/events"
    async with posting(running, wrong, "wrongtopic") as (host, world):
        answer = await world.http.get("/api/health/settings")
        ready = await world.http.get("/api/health/ready")

    assert ready.status_code == 503
    assert [one["target"] for one in answer.json()["faults"]] == ["OUTCOME_TOPIC_ENDPOINT"]
    assert "topic.example" not in host.output()
