"""An event becomes one run for each rule that it matches, by whichever way it comes and however often."""

import asyncio
import base64
import json
from collections import Counter
from typing import Any

import azure.functions as func
import pytest

from shared.kernel.errors import RecordUnreadable, StorageUnavailable
from shared.runs.delivery import Source
from shared.runs.record import Status
from shared.runs.result import ResultStatus
from shared.triggers import queue
from tests.scenarios.event_senders import EVENT, Senders, a_rule, sample
from tests.scenarios.world import World

BLOB = a_rule(
    name="blob",
    includedEventTypes=["Microsoft.Storage.BlobCreated"],
    pipelineName="copyBlob",
    parameters={
        "url": {"expression": "data.url", "type": "string"},
        "container": {"expression": "split(subject, '/')[4]"},
        "file": {"expression": "url_decode(basename(data.url))"},
        "size": {"expression": "data.contentLength", "type": "int"},
        "when": {"expression": "time"},
    },
)
SECRET = a_rule(
    name="secret",
    includedEventTypes=["Microsoft.KeyVault.SecretNewVersionCreated"],
    parameters={"vault": {"expression": "data.VaultName"}, "secret": {"expression": "subject"}},
)
TOPIC = a_rule(
    name="topic",
    sources=["*/topics/myeventgridtopic"],
    parameters={"make": {"expression": "data.make"}},
)
RENAMED = a_rule(
    name="renamed",
    includedEventTypes=["Microsoft.Storage.DirectoryRenamed"],
    parameters={"to": {"expression": "basename(data.destinationUrl)"}},
)
RULES = [BLOB, SECRET, TOPIC, RENAMED]
BLOB_PARAMETERS = {
    "url": "https://my-storage-account.blob.core.windows.net/testcontainer/new-file.txt",
    "container": "test-container",
    "file": "new-file.txt",
    "size": 524288,
    "when": "2017-06-26T18:41:00.958410Z",
}
LAKE_PARAMETERS = {
    "url": "https://my-storage-account.dfs.core.windows.net/my-file-system/new-file.txt",
    "container": "my-file-system",
    "file": "new-file.txt",
    "size": 0,
    "when": "2017-06-26T18:41:00.958410Z",
}
DOCUMENTED = {
    "blob-created.json": BLOB_PARAMETERS,
    "blob-created-cloudevents.json": BLOB_PARAMETERS,
    "data-lake-file-created.json": LAKE_PARAMETERS,
    "data-lake-directory-renamed.json": {"to": "my-renamed-directory"},
    "key-vault-secret.json": {"vault": "sample-kv", "secret": "newsecret"},
    "key-vault-secret-cloudevents.json": {"vault": "sample-kv", "secret": "newsecret"},
    "custom-topic.json": {"make": "Ducati"},
}


async def deliver(senders: Senders, way: str, event: dict[str, Any], message_id: str = "m") -> None:
    if way == "trigger":
        await senders.trigger(event)
    elif way == "webhook":
        answer = await senders.post([event])
        assert answer.status == 200
    else:
        await senders.enqueue(event, message_id, plain=way == "plain queue")


WAYS = ["trigger", "webhook", "queue", "plain queue"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", DOCUMENTED)
async def test_a_documented_event_becomes_a_run_by_every_way(way: str, name: str) -> None:
    world = World()
    (event,) = sample(name)

    await deliver(Senders(world, RULES), way, event)
    await world.drain()

    (run,) = world.pipelines.runs
    assert json.loads(run.call.parameters) == DOCUMENTED[name]
    (entry,) = world.audit.entries
    assert (entry.status, entry.principal) == (ResultStatus.STARTED, f"rule:{_rule_of(name)}")
    assert entry.correlation_id == event["id"]
    assert entry.delivery_id == (event["id"] if way in {"trigger", "webhook"} else "m")


def _rule_of(name: str) -> str:
    rules = {"blob": "blob", "data-lake-file": "blob", "data-lake-dir": "renamed"}
    rules |= {"key-vault": "secret", "custom": "topic"}
    return next(rule for start, rule in rules.items() if name.startswith(start))


async def test_the_answer_to_an_event_carries_the_events_id() -> None:
    """A rule makes it the request's correlationId, and that is echoed everywhere."""
    world = World()

    await Senders(world).trigger(EVENT | {"data": {}})
    await world.drain()

    assert world.result.correlation_id == "e-1"
    assert [entry.correlation_id for entry in world.audit.entries] == ["e-1"]


@pytest.mark.parametrize("way", WAYS)
async def test_base64_data_is_decoded_by_every_way(way: str) -> None:
    world = World()
    event = {name: value for name, value in EVENT.items() if name != "data"}
    event |= {"data_base64": base64.b64encode(b'{"total": 5}').decode()}
    rule = a_rule(parameters={"total": {"expression": "data.total"}})

    await deliver(Senders(world, [rule]), way, event)
    await world.drain()

    assert json.loads(world.pipelines.runs[0].call.parameters) == {"total": 5}


async def test_an_event_delivered_fifty_times_at_once_starts_one_run_for_each_rule() -> None:
    """By trigger, webhook and queue; each delivery is told its rule and gets its answer."""
    world = World()
    senders = Senders(world, [BLOB, a_rule(name="other"), a_rule(name="none", when="`false`")])
    (event,) = sample("blob-created.json")

    await asyncio.gather(
        *(deliver(senders, WAYS[number % 4], event, f"m-{number}") for number in range(50))
    )
    await world.drain()

    assert Counter(run.call.pipeline_name for run in world.pipelines.runs) == {
        "copyBlob": 1,
        "copy": 1,
    }
    assert len(world.records.all()) == 2
    entries = world.audit.entries
    assert {entry.principal for entry in entries if not entry.duplicate} == {
        "rule:blob",
        "rule:other",
    }
    messages = {f"m-{number}" for number in range(50) if number % 4 >= 2}
    for prefix in ("evt-blob-", "evt-other-"):
        told = {
            entry.delivery_id for entry in entries if (entry.request_id or "").startswith(prefix)
        }
        assert told == {event["id"], *messages}


async def test_a_delivery_by_another_way_is_a_duplicate() -> None:
    world = World()
    senders = Senders(world)

    await senders.post(EVENT)
    await world.drain()
    await senders.enqueue(EVENT)
    await world.drain()

    first, second = world.results.published
    assert (first.duplicate, second.duplicate) == (False, True)
    assert first.run_id == second.run_id


async def test_a_redelivery_that_finds_the_request_waiting_enqueues_it_again() -> None:
    """The storage failed when the message was to show; until then nothing was recorded without one."""
    world = World()
    senders = Senders(world)
    world.requests.mishaps.fail("enqueue")

    with pytest.raises(StorageUnavailable):
        await senders.trigger(EVENT)
    assert world.records.all() == []
    world.requests.mishaps.fail("postpone")
    await senders.trigger(EVENT)
    assert world.record.status is Status.WAITING
    await senders.trigger(EVENT)
    await world.drain()

    assert len(world.pipelines.runs) == 1


BAD: list[tuple[dict[str, Any], str]] = [
    ({"id": ...}, "$.id"),
    ({"type": ...}, "$.type"),
    ({"source": ...}, "$.source"),
    ({"specversion": "0.3"}, "$.specversion"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("changes", "target"), BAD)
async def test_a_bad_event_is_audited_and_acknowledged(
    way: str, changes: dict[str, Any], target: str
) -> None:
    world = World()
    event = {name: value for name, value in (EVENT | changes).items() if value is not ...}

    await deliver(Senders(world), way, event)

    (entry,) = world.audit.entries
    assert entry.error is not None
    assert [fault.target for fault in entry.error.details] == [target]
    assert entry.status is ResultStatus.REJECTED
    assert (world.records.all(), world.results.published) == ([], [])


@pytest.mark.parametrize("way", WAYS)
async def test_an_event_that_matches_no_rule_is_audited_and_acknowledged(way: str) -> None:
    world = World()

    await deliver(Senders(world, [BLOB]), way, EVENT)

    (entry,) = world.audit.entries
    assert entry.error is not None
    assert entry.error.message == "No rule of gateway.json matches an event of type order.placed."
    assert (entry.principal, entry.correlation_id) == ("event", "e-1")


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ({"expression": "data.none"}, "The expression finds nothing in this event"),
        ({"expression": "data", "type": "string"}, "The expression finds something other than a"),
        ({"expression": "basename(data.total)"}, "The function basename() takes string or null"),
    ],
)
async def test_a_rule_that_makes_no_request_is_audited_by_its_name(
    parameter: dict[str, Any], reason: str
) -> None:
    world = World()

    answer = await Senders(world, [a_rule(name="r", parameters={"p": parameter})]).post(EVENT)

    assert answer.status == 200
    (entry,) = world.audit.entries
    assert (entry.principal, entry.pipeline_name, entry.correlation_id) == ("rule:r", "copy", "e-1")
    assert entry.error is not None
    assert entry.error.message == "Rule r makes no request of this event: 1 fault."
    assert entry.error.details[0].message.startswith(reason)
    assert world.result.status is ResultStatus.REJECTED


async def test_a_rule_may_start_only_what_it_is_permitted() -> None:
    world = World()
    world.permitted = False

    await Senders(world).post(EVENT)

    (entry,) = world.audit.entries
    assert entry.error is not None
    assert (entry.principal, entry.error.code) == ("rule:any", "NotPermitted")
    assert world.pipelines.runs == []


@pytest.mark.parametrize("permitted", [True, False])
async def test_a_secret_in_an_event_reaches_neither_audit_nor_result_nor_log(
    permitted: bool, caplog: Any
) -> None:
    world = World()
    world.permitted = permitted
    caplog.set_level("DEBUG")
    url = (
        "https://a.blob.core.windows.net/in/a.csv?sv=2024-11-04&sig=c2VjcmV0LXNlY3JldC1zZWNyZXQ%3D"
    )
    rule = a_rule(parameters={"url": {"expression": "data.url"}, "all": {"expression": "data"}})

    await Senders(world, [rule]).post(EVENT | {"data": {"url": url, "password": "hunter-22"}})
    await world.drain()

    assert len(world.pipelines.runs) == permitted
    told = repr((world.audit.entries, world.results.published, world.records.all()))
    told += repr([vars(record) for record in caplog.records])
    assert "c2VjcmV0" not in told
    assert "hunter-22" not in told


async def test_a_rule_lets_data_settle() -> None:
    world = World()
    start = world.clock.now()

    await Senders(world, [a_rule(notBeforeSeconds=3600)]).post(EVENT)
    assert world.record.status is Status.WAITING
    await world.drain()

    (run,) = world.pipelines.runs
    assert (run.started_at - start).total_seconds() == 3540  # the event is a minute old


async def test_a_stale_event_is_rejected() -> None:
    world = World()

    await Senders(world, [a_rule(expiresAfterSeconds=30)]).post(EVENT)

    assert world.result.error is not None
    assert (world.result.error.code, world.pipelines.runs) == ("RequestExpired", [])


async def test_a_record_that_cannot_be_read_lets_the_event_come_again() -> None:
    world = World()
    senders = Senders(world)
    await senders.post(EVENT)
    world.records.row(world.record.request_id)["status"] = "Dreaming"

    with pytest.raises(RecordUnreadable):
        await senders.enqueue(EVENT)

    (entry,) = world.audit.entries
    assert (entry.principal, entry.delivery_id) == ("rule:any", "m-1")


async def test_an_event_on_the_poison_queue_goes_in_once_more() -> None:
    world = World()
    senders = Senders(world)
    message = func.QueueMessage(id="p-1", body=json.dumps(EVENT).encode())

    await queue.receive_poisoned(world.host.poison, message, senders.events.receive_message)
    await world.drain()

    assert world.result.status is ResultStatus.STARTED
    assert world.audit.entries[0].source is Source.POISON


async def test_what_is_no_event_on_the_poison_queue_is_answered_as_ever() -> None:
    world = World()
    body = json.dumps({"pipelineName": "copy", "requestId": "order-17"}).encode()
    message = func.QueueMessage(id="p-1", body=body)

    await queue.receive_poisoned(world.host.poison, message, Senders(world).events.receive_message)

    assert world.result.error is not None
    assert world.result.error.code == "DeliveryExhausted"
