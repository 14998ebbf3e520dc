"""Events by every way in, as Microsoft's worker library runs the app: what comes out is Synapse's own list of runs."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ResourceExistsError
from azure.core.messaging import CloudEvent as AzureCloudEvent
from azure.eventgrid import EventGridEvent
from azure.eventgrid.aio import EventGridPublisherClient
from azure.storage.queue.aio import QueueClient
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook

from local import process, stack
from tests.e2e.outside import Outside, outside

SAMPLES = stack.ROOT / "samples" / "events"
REQUESTS = "event-requests"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GITHUB_SECRET = "It's a Secret to Everybody"
DAY = {"day": {"expression": "subject", "type": "string"}}
CONFIG: dict[str, Any] = {
    "rules": [
        {
            "name": "blob",
            "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
            "pipelineName": "copyBlob",
            "parameters": {
                "url": {"expression": "data.url"},
                "container": {"expression": "split(subject, '/')[4]"},
                "fileName": {"expression": "url_decode(basename(data.url))"},
            },
        },
        {
            "name": "secret",
            "includedEventTypes": ["Microsoft.KeyVault.SecretNewVersionCreated"],
            "pipelineName": "copyOrders",
            "parameters": DAY,
        },
        {
            "name": "topic",
            "sources": ["*/topics/myeventgridtopic", "/orders"],
            "pipelineName": "copyOrders",
            "parameters": DAY,
        },
        {"name": "topic-too", "sources": ["/orders/twice"], "pipelineName": "copyOrders"},
        {
            "name": "twice",
            "sources": ["/orders/twice"],
            "pipelineName": "copyOrders",
            "parameters": DAY,
        },
        {
            "name": "push",
            "sources": ["github"],
            "includedEventTypes": ["push"],
            "pipelineName": "copyOrders",
            "parameters": {"day": {"expression": "data.after"}},
        },
        {
            "name": "contact",
            "sources": ["billing"],
            "pipelineName": "copyOrders",
            "parameters": {"day": {"expression": "data.data.id"}},
        },
    ],
    "hooks": {"github": {"scheme": "github"}, "billing": {"scheme": "standard-webhooks"}},
}


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


@dataclass(frozen=True, slots=True)
class Gate:
    """A host with rules and hooks, and a requests queue of its own."""

    world: Outside
    requests: QueueClient

    @property
    def http(self) -> httpx.AsyncClient:
        return self.world.http

    async def put(self, event: Any, *, plain: bool) -> None:
        text = json.dumps(event)
        await self.requests.send_message(
            text if plain else base64.b64encode(text.encode()).decode()
        )

    async def parameters(self, event_id: str, runs: int = 1) -> list[Mapping[str, str]]:
        """Wait for the audit of an event's runs, and give what Synapse was asked for."""
        entries = await self.world.audited(event_id, runs, by="correlationId")
        found = {entry["runId"]: entry for entry in entries if entry["status"] == "Started"}
        known = {run.run_id: run for run in await self.world.synapse.runs()}
        return [known[run_id].parameters for run_id in found]


@pytest.fixture(scope="module")
async def gate(
    running: stack.Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gate]:
    config = tmp_path_factory.mktemp("events") / "gateway.json"
    config.write_text(json.dumps(CONFIG))
    values = stack.settings(storage=running.storage, synapse=running.synapse.url) | {
        "GATEWAY_CONFIG": str(config),
        "RUN_REQUESTS_QUEUE": REQUESTS,
        "RUNS_TABLE": "runsevents",
        "HOOK_GITHUB_SECRETS": GITHUB_SECRET,
        "HOOK_BILLING_SECRETS": f"whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXI= {SECRET}",
    }
    async with (
        process.running(stack.host_command(), env=values) as host,
        outside(url=host.url, storage=running.storage, synapse=running.synapse.url) as world,
        QueueClient.from_connection_string(running.storage, REQUESTS) as requests,
    ):
        with suppress(ResourceExistsError):
            await requests.create_queue()
        yield Gate(world, requests)


async def deliver(gate: Gate, way: str, event: dict[str, Any]) -> None:
    if way == "trigger":
        assert await gate.world.post_event(event) in {200, 202}
    elif way == "webhook":
        assert (await gate.http.post("/api/events", json=[event])).status_code == 200
    else:
        await gate.put(event, plain=way == "plain queue")


WAYS = ["trigger", "webhook", "queue", "plain queue"]
BLOB = {
    "url": "https://my-storage-account.blob.core.windows.net/testcontainer/new-file.txt",
    "container": "test-container",
    "fileName": "new-file.txt",
}
LAKE = {
    "url": "https://my-storage-account.dfs.core.windows.net/my-file-system/new-file.txt",
    "container": "my-file-system",
    "fileName": "new-file.txt",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("blob-created", BLOB),
        ("blob-created-cloudevents", BLOB),
        ("data-lake-file-created", LAKE),
        ("key-vault-secret", {"day": "newsecret"}),
        ("key-vault-secret-cloudevents", {"day": "newsecret"}),
        ("custom-topic", {"day": "/myapp/vehicles/motorcycles"}),
    ],
)
async def test_a_documented_event_becomes_a_run_by_every_way(
    gate: Gate, way: str, name: str, expected: dict[str, Any]
) -> None:
    event = sample(name)[0] | {"id": f"{name} by {way}"}

    await deliver(gate, way, event)

    (found,) = await gate.parameters(event["id"])
    assert found.items() >= expected.items()


async def test_what_azures_own_publisher_sends_becomes_runs(gate: Gate) -> None:
    events: list[Any] = [
        AzureCloudEvent(source="/orders", type="t", subject="azure-1", id="azure-1", data={}),
        AzureCloudEvent(source="/orders", type="t", subject="azure-2", id="azure-2", data=b"\xff"),
    ]
    old = EventGridEvent(
        subject="azure-3",
        event_type="t",
        data={},
        data_version="1",
        topic="/orders",
        id="azure-3",
    )
    address = f"{gate.http.base_url}/api/events".replace("//api", "/api")

    async with EventGridPublisherClient(address, AzureKeyCredential("key")) as publisher:
        await publisher.send(events)
        await publisher.send(old)

    for event_id in ("azure-1", "azure-2", "azure-3"):
        (found,) = await gate.parameters(event_id)
        assert found["day"] == event_id


@pytest.mark.parametrize("mode", ["binary", "structured", "batch"])
async def test_what_the_cloudevents_library_writes_becomes_a_run(gate: Gate, mode: str) -> None:
    event_id = f"cloudevents-{mode}"
    attributes = {"id": event_id, "source": "/orders", "type": "t", "subject": "ä €"}
    event = CloudEvent(attributes | {"datacontenttype": "application/json"}, {"total": 5})
    sent = http.to_binary_event(event) if mode == "binary" else http.to_structured_event(event)
    headers, body = dict(sent.headers), sent.body
    if mode == "batch":
        headers, body = {"content-type": "application/cloudevents-batch+json"}, b"[" + body + b"]"

    answer = await gate.http.post("/api/events", content=body, headers=headers)

    assert answer.status_code == 200
    (found,) = await gate.parameters(event_id)
    assert found["day"] == "ä €"


async def test_both_handshakes_are_answered(gate: Gate) -> None:
    asked = await gate.http.post(
        "/api/events",
        json=sample("subscription-validation"),
        headers={"aeg-event-type": "SubscriptionValidation"},
    )
    allowed = await gate.http.options(
        "/api/events", headers={"WebHook-Request-Origin": "eventgrid.azure.net"}
    )
    refused = await gate.http.options(
        "/api/events", headers={"WebHook-Request-Origin": "example.com"}
    )

    assert (asked.status_code, asked.json()) == (
        200,
        {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"},
    )
    assert (allowed.status_code, allowed.headers["webhook-allowed-origin"]) == (
        200,
        "eventgrid.azure.net",
    )
    assert (refused.status_code, "webhook-allowed-origin" in refused.headers) == (403, False)


async def test_an_event_delivered_fifty_times_at_once_starts_one_run_for_each_rule(
    gate: Gate,
) -> None:
    event = {
        "specversion": "1.0",
        "id": "fifty",
        "source": "/orders/twice",
        "type": "t",
        "subject": "fifty",
    }
    before = len(await gate.world.synapse.runs())

    await asyncio.gather(*(deliver(gate, WAYS[number % 4], event) for number in range(50)))

    entries = await gate.world.audited("fifty", 100, by="correlationId")
    runs = (await gate.world.synapse.runs())[before:]
    assert len(runs) == len({entry["runId"] for entry in entries}) == 2
    first = [entry for entry in entries if not entry["duplicate"]]
    assert {entry["principal"] for entry in first} == {"rule:topic-too", "rule:twice"}
    # 24 messages of the queue, and what came by the trigger and the webhook under the event's own id
    assert len({entry["deliveryId"] for entry in entries}) == 25


async def test_what_is_too_large_is_audited_and_the_sender_hears_it(gate: Gate) -> None:
    answer = await gate.http.post("/api/events", content=b"[" + b" " * 1_100_000 + b"]")

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "RequestTooLarge")


async def test_a_push_to_github_becomes_a_run(gate: Gate) -> None:
    body = json.dumps(sample("github-push")).encode()
    digest = hmac.digest(GITHUB_SECRET.encode(), body, "sha256").hex()
    headers = {
        "X-Hub-Signature-256": f"sha256={digest}",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-GitHub-Event": "push",
        "Content-Type": "application/json",
    }

    answer = await gate.http.post("/api/hooks/github", content=body, headers=headers)
    again = await gate.http.post("/api/hooks/github", content=body, headers=headers)
    broken = await gate.http.post("/api/hooks/github", content=body + b" ", headers=headers)

    assert [one.status_code for one in (answer, again, broken)] == [202, 202, 401]
    told = [one.json()["requests"][0]["duplicate"] for one in (answer, again)]
    assert told == [False, True]
    (found,) = await gate.parameters("72d3162e-cc78-11e3-81ab-4c9367dc0958")
    assert found["day"] == "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"


async def test_a_standard_webhook_becomes_a_run(gate: Gate) -> None:
    body = json.dumps(sample("standard-webhook"))
    now = datetime.fromtimestamp(int(time.time()), UTC)
    headers = {
        "webhook-id": "msg_e2e",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_e2e", now, body),
    }

    answer = await gate.http.post("/api/hooks/billing", content=body, headers=headers)
    unpadded = headers | {"webhook-signature": headers["webhook-signature"].rstrip("=")}
    broken = await gate.http.post("/api/hooks/billing", content=body, headers=unpadded)

    assert (answer.status_code, broken.status_code) == (202, 401)
    (found,) = await gate.parameters("msg_e2e")
    assert found["day"] == "1f81eb52-5198-4599-803e-771906343485"
    (entry, *_) = await gate.world.audited("msg_e2e", by="correlationId")
    assert (entry["principal"], entry["source"]) == ("hook:billing", "hook")


async def test_events_need_a_key_also_where_callers_bring_tokens(running: stack.Stack) -> None:
    """The key stands in the subscription's URL; a hook brings its signature."""
    values = stack.settings(storage=running.storage, synapse=running.synapse.url)
    values |= {"HTTP_AUTH": "entra", "RUN_REQUESTS_QUEUE": "keyed-requests"}
    command = stack.host_command("--keys", "the-key")
    async with (
        process.running(command, env=values) as host,
        httpx.AsyncClient(base_url=host.url, timeout=30) as client,
    ):
        without = await client.post("/api/events", json=[])
        with_key = await client.post("/api/events?code=the-key", json=[])
        hook = await client.post("/api/hooks/nobody", content=b"{}")

    assert [one.status_code for one in (without, with_key, hook)] == [401, 200, 404]
