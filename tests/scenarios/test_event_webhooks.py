"""/api/events: both handshakes, batches taken item by item, and a sender that hears only what helps."""

import json
import logging
from typing import Any

import pytest

from shared.events.envelope import LIMIT, MAX_EVENTS
from shared.runs.record import Status
from shared.triggers.webhooks import AT_ONCE, MAX_REASONS
from tests.scenarios.event_senders import EVENT, Senders, a_rule, sample
from tests.scenarios.world import World


def many(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [EVENT | {"id": f"e-{number}"} | changes for number in range(count)]


async def test_event_grid_gets_its_code_back() -> None:
    """200: a 202 would be no yes."""
    world = World()
    headers = {"aeg-event-type": "SubscriptionValidation"}

    answer = await Senders(world).post(sample("subscription-validation.json"), headers)

    assert answer.status == 200
    assert answer.body == {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}
    assert (world.audit.entries, world.records.all()) == ([], [])


async def test_a_question_without_a_code_asks_a_person_to_open_its_address(caplog: Any) -> None:
    (event,) = sample("subscription-validation.json")
    event["data"].pop("validationCode")

    answer = await Senders(World()).post([event])

    assert (answer.status, answer.body) == (200, {})
    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert line.getMessage().startswith("run_gateway.open_validation_url_by_hand_within_5_minutes ")
    assert line.getMessage().endswith(f' validationUrl="{event["data"]["validationUrl"]}"')


async def test_an_event_that_starts_nothing_is_answered_with_each_rules_reason() -> None:
    rules = [
        a_rule(name="elsewhere", sources=["/stocks"]),
        a_rule(name="broken", parameters={"p": {"expression": "data.missing"}}),
        a_rule(name="late", expiresAfterSeconds=1),
    ]

    answer = await Senders(World(), rules).post(EVENT)

    (passed_over,) = answer.body["passedOver"]
    assert passed_over["id"] == "e-1"
    assert passed_over["rules"] == {
        "elsewhere": "The source matches none of sources.",
        "broken": "Rule broken makes no request of this event: 1 fault. $.rules[1].parameters.p: "
        "The expression finds nothing in this event, and the parameter is required.",
        "late": "The request expired at 2026-11-24T08:29:01+00:00.",
    }


async def test_what_is_no_event_is_answered_with_its_faults() -> None:
    answer = await Senders(World()).post([EVENT, EVENT | {"id": 7}, "x"])

    assert answer.body["requests"] == 1
    assert answer.body["passedOver"] == [
        {"error": "The event has 1 fault. $.id: Value should be a text of 1 to 400 characters."},
        {"error": "The content is JSON, but not an object."},
    ]


async def test_of_many_events_that_start_nothing_only_some_are_told() -> None:
    answer = await Senders(World(), rules=[]).post(many(MAX_REASONS + 1))

    assert (answer.body["events"], answer.body["requests"]) == (MAX_REASONS + 1, 0)
    assert len(answer.body["passedOver"]) == MAX_REASONS


async def test_a_question_among_events_costs_none_of_them() -> None:
    """Whoever may publish to a topic can send an event of that type."""
    world = World()

    answer = await Senders(world).post([EVENT, *sample("subscription-validation.json"), {}])
    await world.drain()

    assert answer.body == {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}
    assert len(world.pipelines.runs) == 1
    assert sorted(entry.status for entry in world.audit.entries) == ["Rejected", "Started"]


async def test_the_end_of_a_subscription_is_noted_and_starts_nothing(caplog: Any) -> None:
    caplog.set_level(logging.INFO, "run_gateway")
    world = World()
    event = sample("subscription-validation.json")[0] | {
        "eventType": "Microsoft.EventGrid.SubscriptionDeletedEvent"
    }

    answer = await Senders(world).post([event], {"aeg-event-type": "SubscriptionDeletion"})

    assert answer.status == 200
    (line,) = caplog.messages
    assert line.startswith("run_gateway.subscription_deleted topic=")
    assert (world.audit.entries, world.records.all()) == ([], [])


async def test_event_grid_may_send_cloud_events() -> None:
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}

    answer = await Senders(World()).post(b"", headers, method="OPTIONS")

    assert answer.status == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert answer.headers["WebHook-Allowed-Rate"] == "*"
    assert answer.headers["Allow"] == "POST, OPTIONS"


async def test_a_strange_origin_may_not_and_the_log_names_it(caplog: Any) -> None:
    headers = {"WebHook-Request-Origin": "example.com"}

    answer = await Senders(World()).post(b"", headers, method="OPTIONS")

    assert (answer.status, answer.code) == (403, "NotPermitted")
    assert not any(name.lower().startswith("webhook") for name in answer.headers)
    assert caplog.messages == ["run_gateway.origin_refused origin=example.com"]


async def test_a_batch_is_taken_item_by_item() -> None:
    world = World()
    good, bad = json.dumps(EVENT).encode(), b'{"id": "e-2", "specversion": "1.0", "data": 1e999}'

    answer = await Senders(world).post(b"[" + bad + b"," + good + b",5]")
    await world.drain()

    assert (answer.status, answer.body["events"], answer.body["requests"]) == (200, 3, 1)
    assert len(world.pipelines.runs) == 1
    codes = [entry.error.code if entry.error else None for entry in world.audit.entries]
    assert sorted(map(str, codes)) == ["InvalidJson", "InvalidJson", "None"]


@pytest.mark.parametrize("body", [b"", b"hello", b"\xff", b'{"specversion": "1.0"', b"[1,"])
async def test_what_is_no_event_is_audited_and_acknowledged(body: bytes) -> None:
    """Never 400: Event Grid would drop the event without a word."""
    world = World()

    answer = await Senders(world).post(body)

    assert answer.status == 200
    (entry,) = world.audit.entries
    assert entry.error is not None
    assert (entry.error.code, entry.delivery_id) == ("InvalidJson", "call-1/0")
    assert entry.content is not None
    assert entry.content.length == len(body)


BINARY = {
    "ce-specversion": "1.0",
    "ce-id": "e-1",
    "ce-source": "/orders",
    "ce-type": "order.placed",
}


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "utf-16"])
async def test_a_binary_event_is_taken_in_its_own_charset(charset: str) -> None:
    world = World()
    rule = a_rule(parameters={"name": {"expression": "data.name"}})
    headers = BINARY | {"content-type": f"application/json; charset={charset}"}

    answer = await Senders(world, [rule]).post('{"name": "Brötchen"}'.encode(charset), headers)
    await world.drain()

    assert answer.body == {"events": 1, "requests": 1}
    (call,) = world.pipelines.calls
    assert json.loads(call.parameters) == {"name": "Brötchen"}


@pytest.mark.parametrize(
    "event",
    [
        {"id": "1", "type": "order.placed", "source": "/orders"},
        EVENT | {"data_base64": "e30="},
    ],
)
async def test_what_only_looks_like_an_event_starts_nothing(event: dict[str, Any]) -> None:
    world = World()

    answer = await Senders(world).post(event)
    await world.drain()

    assert (answer.body["events"], answer.body["requests"]) == (1, 0)
    assert world.pipelines.calls == []
    (entry,) = world.audit.entries
    assert entry.error is not None
    assert entry.error.code == "InvalidRequest"


async def test_what_is_too_large_is_audited_and_the_sender_hears_it() -> None:
    world = World()

    answer = await Senders(world).post(b"[" + b" " * LIMIT)

    assert (answer.status, answer.code) == (413, "RequestTooLarge")
    (entry,) = world.audit.entries
    assert entry.content is not None
    assert entry.content.length == LIMIT + 1


async def test_a_megabyte_is_not_too_large() -> None:
    world = World()
    events = many(1000, data={"text": "x" * 860})
    body = json.dumps(events).encode()
    body += b" " * (LIMIT - len(body))

    answer = await Senders(world).post(body)

    assert (answer.status, answer.body) == (200, {"events": 1000, "requests": 1000})
    assert {record.status for record in world.records.all()} == {Status.WAITING}
    assert len(world.requests.messages) == 1000


async def test_more_events_than_event_grid_ever_sends_at_once_are_too_many() -> None:
    """A megabyte holds 350,000 empty objects: a minute's work, and as many audit entries."""
    world = World()

    answer = await Senders(world).post(b"[" + b"{}," * MAX_EVENTS + b"{}]")

    assert (answer.status, answer.code) == (413, "RequestTooLarge")
    (entry,) = world.audit.entries
    assert entry.content is not None


@pytest.mark.parametrize("operation", ["insert", "enqueue"])
async def test_while_storage_fails_the_batch_is_to_come_again(operation: str) -> None:
    """What was safe the first time is not started twice."""
    world = World()
    senders = Senders(world)
    mishaps = world.records.mishaps if operation == "insert" else world.requests.mishaps
    mishaps.fail(operation, times=3)

    first = await senders.post(many(100))
    again = await senders.post(many(100))
    await world.drain()

    assert (first.status, first.headers["Retry-After"]) == (503, "30")
    assert first.body["error"]["message"].endswith("Send it again.")
    assert again.status == 200
    assert len(world.pipelines.runs) == 100


async def test_a_storage_that_is_away_is_not_asked_thousands_of_times() -> None:
    world = World()
    world.records.mishaps.fail("insert", times=10_000)

    answer = await Senders(world).post(many(1000))

    assert answer.status == 503
    assert world.records.mishaps.calls.count("insert") == AT_ONCE


async def test_of_a_failing_audit_the_sender_hears_too() -> None:
    """Nothing else would ever tell of that event."""
    world = World()
    world.audit.mishaps.fail("append")

    assert (await Senders(world, [a_rule(when="`false`")]).post(EVENT)).status == 503


async def test_an_unreadable_record_lets_the_batch_come_again() -> None:
    world = World()
    senders = Senders(world)
    await senders.post(EVENT)
    world.records.row(world.record.request_id)["status"] = "Dreaming"

    assert (await senders.post([EVENT, EVENT | {"id": "e-2"}])).status == 503


async def test_all_rules_fire_for_all_events() -> None:
    world = World()

    answer = await Senders(world, [a_rule(name="a"), a_rule(name="b")]).post(many(3))
    await world.drain()

    assert answer.body == {"events": 3, "requests": 6}
    assert len(world.pipelines.runs) == 6
