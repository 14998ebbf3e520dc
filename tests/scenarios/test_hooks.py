"""/api/hooks/{name}: the signature is the proof, and whoever has none leaves a log line and a count."""

import json
from typing import Any

import pytest

from shared.auth.webhook_signature import Reason
from shared.events.envelope import LIMIT
from shared.runs.delivery import Source
from tests.scenarios.event_senders import Senders, a_rule, sample
from tests.scenarios.world import World

PUSH = json.dumps(sample("github-push.json")).encode()
CONTACT = sample("standard-webhook.json")
VECTOR = b"Hello, World!"  # GitHub's documented vector, with GITHUB_SECRET
SIGNED = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
GITHUB = {"X-Hub-Signature-256": SIGNED, "X-GitHub-Delivery": DELIVERY, "X-GitHub-Event": "push"}


def signed(body: bytes, **changes: str) -> dict[str, str]:
    import hmac  # noqa: PLC0415

    digest = hmac.digest(b"It's a Secret to Everybody", body, "sha256").hex()
    named = {name.replace("_", "-"): text for name, text in changes.items()}
    return GITHUB | {"X-Hub-Signature-256": f"sha256={digest}"} | named


async def test_a_push_to_github_becomes_a_run() -> None:
    world = World()
    rule = a_rule(
        name="push",
        sources=["github"],
        includedEventTypes=["push"],
        when="data.ref == 'refs/heads/main'",
        parameters={
            "repository": {"expression": "data.repository.full_name"},
            "commit": {"expression": "data.after"},
        },
    )

    answer = await Senders(world, [rule]).hook("github", PUSH, signed(PUSH))
    await world.drain()

    assert answer.status == 202
    assert answer.body["id"] == DELIVERY
    (told,) = answer.body["requests"]
    assert (told["rule"], told["status"], told["duplicate"]) == ("push", "Waiting", False)
    (run,) = world.pipelines.runs
    assert json.loads(run.call.parameters) == {
        "repository": "octo-org/octo-repo",
        "commit": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5",
    }
    (entry,) = world.audit.entries
    assert (entry.principal, entry.source) == ("hook:github", Source.HOOK)
    assert (entry.correlation_id, entry.request_id) == (DELIVERY, told["requestId"])
    assert str(entry.request_id).startswith("evt-push-")


async def test_a_standard_webhook_becomes_a_run() -> None:
    world = World()
    rule = a_rule(
        sources=["billing"],
        includedEventTypes=["contact.created"],
        parameters={"contact": {"expression": "data.data.id"}},
    )

    answer = await Senders(world, [rule]).sign(CONTACT)
    await world.drain()

    assert answer.status == 202
    assert json.loads(world.pipelines.runs[0].call.parameters) == {
        "contact": "1f81eb52-5198-4599-803e-771906343485"
    }


async def test_a_replay_is_answered_as_the_duplicate_it_is() -> None:
    world = World()
    senders = Senders(world)

    first = await senders.sign(CONTACT)
    waiting = await senders.sign(CONTACT)
    await world.drain()
    finished = await senders.sign(CONTACT)

    assert [answer.status for answer in (first, waiting, finished)] == [202, 202, 202]
    told = [answer.body["requests"][0] for answer in (first, waiting, finished)]
    assert [(one["status"], one["duplicate"]) for one in told] == [
        ("Waiting", False),
        ("Waiting", True),
        ("Started", True),
    ]
    assert len({one["requestId"] for one in told}) == 1
    assert len(world.pipelines.runs) == 1
    assert sorted(result.duplicate for result in world.results.published) == [False, True, True]


async def test_a_replay_after_five_minutes_is_a_strangers() -> None:
    world = World()
    senders = Senders(world)
    seconds = str(int(world.clock.now().timestamp()))
    await senders.sign(CONTACT)
    world.clock.advance(301)

    answer = await senders.sign(CONTACT, webhook_timestamp=seconds)

    assert (answer.status, answer.code) == (401, "Unauthenticated")


async def test_the_same_id_is_the_same_event_whatever_its_content() -> None:
    world = World()
    senders = Senders(world, [a_rule(parameters={"all": {"expression": "data"}})])

    await senders.sign({"type": "a", "n": 1})
    answer = await senders.sign({"type": "a", "n": 2})
    await world.drain()

    (told,) = answer.body["requests"]
    assert (answer.status, told["status"], told["duplicate"]) == (202, "Waiting", True)
    (run,) = world.pipelines.runs
    assert json.loads(run.call.parameters) == {"all": {"type": "a", "n": 1}}


BROKEN: list[tuple[str, dict[str, str]]] = [
    ("billing", {}),
    ("billing", {"webhook-id": "a", "webhook-timestamp": "b", "webhook-signature": "c"}),
    ("billing", GITHUB),
    ("github", {}),
    ("github", GITHUB | {"X-Hub-Signature-256": "sha256=" + "0" * 64}),
    ("github", GITHUB | {"X-Hub-Signature-256": "\udc80"}),
    ("github", GITHUB | {"X-Hub-Signature-256": SIGNED[:-1]}),
]


@pytest.mark.parametrize(("name", "headers"), BROKEN)
async def test_a_broken_signature_is_answered_401_and_leaves_nothing(
    name: str, headers: dict[str, str], caplog: Any
) -> None:
    world = World()
    senders = Senders(world)

    answer = await senders.hook(name, VECTOR, headers)

    assert (answer.status, answer.code) == (401, "Unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Webhook")
    assert (world.audit.entries, world.results.published, world.records.all()) == ([], [], [])
    (line,) = caplog.messages
    assert line.startswith(f"run_gateway.hook_unauthenticated hook={name} reason=")
    assert sum(senders.webhooks.refused.values()) == 1


@pytest.mark.parametrize(
    "signature", ["v1,", "v1", ",", "v1,unpadded", "v1,?", "v1,\udc80", "x" * 10_000, "v1a,AAAA"]
)
async def test_every_broken_standard_signature_is_answered_401(signature: str) -> None:
    senders = Senders(World())

    answer = await senders.sign(CONTACT, webhook_signature=signature)

    assert answer.status == 401
    assert senders.webhooks.refused == {("billing", Reason.MISMATCH): 1}


async def test_githubs_documented_vector_is_taken_and_its_content_is_no_json() -> None:
    world = World()

    answer = await Senders(world).hook("github", VECTOR, GITHUB)

    assert (answer.status, answer.body) == (202, {"id": DELIVERY, "requests": []})
    (entry,) = world.audit.entries
    assert entry.error is not None
    assert (entry.principal, entry.error.code) == ("hook:github", "InvalidJson")
    assert entry.correlation_id == DELIVERY


async def test_a_signed_webhook_that_matches_no_rule_is_audited() -> None:
    world = World()

    answer = await Senders(world, []).sign(CONTACT)

    assert (answer.status, answer.body["requests"]) == (202, [])
    (entry,) = world.audit.entries
    assert entry.error is not None
    assert (entry.principal, entry.error.code) == ("hook:billing", "NotFound")


async def test_a_hook_may_start_only_what_it_is_permitted() -> None:
    world = World()
    world.permitted = False

    answer = await Senders(world).sign(CONTACT)

    assert answer.body["requests"][0]["status"] == "Rejected"
    (entry,) = world.audit.entries
    assert entry.error is not None
    assert (entry.principal, entry.error.code) == ("hook:billing", "NotPermitted")


async def test_a_hook_that_is_not_configured_is_not_found() -> None:
    assert (await Senders(World()).hook("nobody", b"", {})).status == 404


async def test_a_hook_without_its_secret_lets_the_webhook_come_again() -> None:
    senders = Senders(World())

    answer = await senders.hook("unset", PUSH, signed(PUSH))

    assert (answer.status, answer.code) == (503, "GatewayUnavailable")
    assert [fault.target for fault in senders.webhooks.faults] == ["HOOK_UNSET_SECRETS"]


async def test_a_content_too_large_is_refused_before_it_is_hashed() -> None:
    world = World()

    answer = await Senders(world).hook("github", b"x" * (LIMIT + 1), GITHUB)

    assert answer.status == 413
    assert world.audit.entries == []


async def test_while_storage_fails_a_webhook_is_to_come_again() -> None:
    world = World()
    world.records.mishaps.fail("insert")
    senders = Senders(world)

    first = await senders.sign(CONTACT)
    again = await senders.sign(CONTACT)
    await world.drain()

    assert (first.status, again.status) == (503, 202)
    assert len(world.pipelines.runs) == 1
