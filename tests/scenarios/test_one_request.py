"""One request through the whole sequence, on fakes."""

import json
from typing import Any

import pytest

from shared.gateway.gateway import Answered, Deferred
from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import RecordUnreadable, StorageUnavailable
from shared.runs.record import Status
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import NotSent, Refused, Reply, Throttled, Unauthorized, Unknown, Wire
from tests.fakes.queues import Message
from tests.scenarios.world import World, a_request, later

ERROR = CloudError(code="BadThing", message="It went wrong.")


async def test_a_request_is_started_told_and_audited() -> None:
    world = World()

    await world.deliver(correlationId="c-1")

    run = world.pipelines.runs[0]
    assert (world.record.status, world.record.run_id) == (Status.STARTED, run.run_id)
    assert (world.result.run_id, world.result.correlation_id) == (run.run_id, "c-1")
    (entry,) = world.audit.entries
    assert (entry.principal, entry.delivery_id, entry.run_id) == ("queue", "m-1", run.run_id)
    assert world.events == ["claimed", "createRun"]
    assert world.requests.messages == []


async def test_the_call_is_made_of_the_request() -> None:
    world = World()

    await world.deliver(parameters={"OutputBlobNameList": ["exampleoutput.csv"]})

    (call,) = world.pipelines.calls
    assert call.parameters == b'{"OutputBlobNameList": ["exampleoutput.csv"]}'
    assert call.client_request_id == world.record.client_request_id


async def test_a_recovery_goes_without_a_body() -> None:
    world = World()

    await world.deliver(
        parameters=None, referencePipelineRunId="r-1", isRecovery=True, startActivityName="Copy A"
    )

    (call,) = world.pipelines.calls
    assert call.parameters == b""
    assert (call.reference_run_id, call.is_recovery, call.start_activity_name) == (
        "r-1",
        True,
        "Copy A",
    )


async def test_what_is_not_json_is_told_and_audited_by_size_and_hash() -> None:
    world = World()

    await world.host.deliver(b"please run it", "m-9")

    assert (world.result.request_id, world.result.status) == ("msg-m-9", "Rejected")
    (entry,) = world.audit.entries
    assert entry.content is not None
    assert (entry.content.length, len(entry.content.sha256)) == (13, 64)
    assert (world.records.all(), world.pipelines.calls) == ([], [])


async def test_an_unknown_workspace_is_turned_away_without_a_record() -> None:
    world = World()

    await world.deliver(workspace="nowhere")

    assert world.result.error is not None
    assert world.result.error.code == "UnknownWorkspace"
    assert world.records.all() == []


async def test_an_expired_request_is_rejected_and_never_sent() -> None:
    world = World()

    await world.deliver(expiresAt=later(world, 0))

    assert (world.record.status, world.result.status) == (Status.REJECTED, "Rejected")
    assert world.result.error is not None
    assert world.result.error.code == "RequestExpired"
    assert world.pipelines.calls == []


async def test_a_refusal_of_synapse_comes_through() -> None:
    world = World()
    world.pipelines.script(Refused(error=ERROR, wire=Wire(http_status=404, request_id="s-1")))

    await world.deliver()

    assert (world.record.status, world.result.error) == (Status.FAILED, ERROR)
    assert world.audit.entries[0].http_status == 404
    assert world.audit.entries[0].service_request_id == "s-1"


@pytest.mark.parametrize("days", [0.01, 10])
async def test_not_before_is_waited_for_in_the_queue(days: float) -> None:
    """Ten days are more than a message can be hidden: the delays are chained."""
    world = World()
    due = later(world, days * 86_400)

    await world.deliver(notBefore=due)
    assert (world.record.status, world.pipelines.calls) == (Status.WAITING, [])
    await world.drain(for_seconds=11 * 86_400)

    assert world.record.status is Status.STARTED
    assert world.record.finished_at is not None
    assert world.record.finished_at.isoformat() >= due
    assert len(world.pipelines.calls) == 1


async def test_a_throttled_request_waits_and_is_no_attempt() -> None:
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=7.0))

    await world.deliver()
    assert (world.record.status, world.record.attempts) == (Status.WAITING, 0)
    before = world.clock.monotonic()
    await world.drain()

    assert (world.record.status, world.record.attempts) == (Status.STARTED, 1)
    assert world.clock.monotonic() - before >= 7.0
    assert world.events == ["claimed", "throttled", "taken", "createRun"]


async def test_while_a_workspace_rests_no_call_of_the_process_goes_out() -> None:
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=30.0))

    await world.deliver("m-1", requestId="a")
    await world.deliver("m-2", requestId="b")
    world.clock.advance(29.0)
    await world.deliver("m-3", requestId="c")
    assert len(world.pipelines.calls) == 1
    await world.drain()

    assert {record.status for record in world.records.all()} == {Status.STARTED}
    assert len(world.pipelines.runs) == 3


async def test_what_never_left_is_tried_again() -> None:
    world = World()
    world.pipelines.script(NotSent(error=ERROR))

    await world.deliver()
    await world.drain()

    assert (world.record.status, world.record.attempts) == (Status.STARTED, 2)


async def test_tries_run_out() -> None:
    world = World(MAX_ATTEMPTS="3")
    world.pipelines.script(*[NotSent(error=ERROR)] * 3)

    await world.deliver()
    await world.drain()

    assert world.record.status is Status.REJECTED
    assert world.result.error == CloudError(
        code="RetriesExhausted", message="The request was tried 3 times.", details=(ERROR,)
    )


async def test_without_a_token_nothing_is_sent_and_it_is_tried_again() -> None:
    world = World()
    world.pipelines.no_token = NotSent(error=ERROR)

    await world.deliver()
    assert (world.record.status, world.record.attempts) == (Status.WAITING, 1)
    world.pipelines.no_token = None
    await world.drain()

    assert world.record.status is Status.STARTED


async def test_a_wait_ends_with_the_request() -> None:
    """Its expiry is told in time, not when the workspace would be ready again."""
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=600.0))
    start = world.clock.monotonic()

    await world.deliver(expiresAt=later(world, 60))
    await world.drain()

    assert (world.record.status, len(world.pipelines.calls)) == (Status.FAILED, 1)
    assert world.clock.monotonic() - start < 62
    assert world.result.error is not None
    assert world.result.error.code == "RetriesExhausted"
    assert world.result.error.details == (ERROR,)


async def test_after_a_401_it_is_sent_once_more_with_another_token() -> None:
    world = World()
    world.pipelines.script(Unauthorized(error=ERROR))

    await world.deliver()

    assert world.record.status is Status.STARTED
    assert [refused for _, refused in world.pipelines.authorizations] == [False, True]


async def test_a_second_401_is_final() -> None:
    world = World()
    world.pipelines.script(*[Unauthorized(error=ERROR, wire=Wire(http_status=401))] * 2)

    await world.deliver()

    assert (world.record.status, world.result.error) == (Status.FAILED, ERROR)
    assert len(world.pipelines.calls) == 2


async def test_a_slow_first_call_leaves_no_lease_for_a_second() -> None:
    """The last thing before a POST is to see that enough of the lease is left."""
    world = World()

    def slow(_: object) -> Unauthorized:
        world.clock.advance(60.0)
        return Unauthorized(error=ERROR)

    world.pipelines.script(slow)

    await world.deliver()
    assert (world.record.status, len(world.pipelines.calls)) == (Status.STARTED, 2)
    assert world.events == ["claimed", "waiting", "taken", "createRun"]


async def test_an_http_call_is_insured_until_its_answer_is_out() -> None:
    world = World()
    seen: list[Message] = []

    def look_at_the_queue(_: CreateRun) -> Reply:
        seen.extend(world.requests.messages)
        return NotSent(error=ERROR)

    world.pipelines.script(look_at_the_queue)

    reception = await world.host.call(a_request())

    assert isinstance(reception, Deferred)
    assert [message.resume.resume for message in seen] == ["order-17"]
    await world.drain()
    assert world.requests.messages == []
    assert world.result.source == "http"


async def test_an_http_call_gets_its_run_and_leaves_no_message() -> None:
    world = World()

    reception = await world.host.call(a_request())

    assert isinstance(reception, Answered)
    assert reception.result.run_id == world.pipelines.runs[0].run_id
    assert world.requests.messages == []


async def test_without_its_recovery_message_nothing_is_sent() -> None:
    world = World()
    world.requests.mishaps.fail("enqueue")

    with pytest.raises(StorageUnavailable):
        await world.host.call(a_request())

    assert world.pipelines.calls == []


SECRETS = {
    "password": "hunter2-hunter2",
    "nested": {"list": [{"apiKey": "k-12345678"}]},
    "text": json.dumps({"client_secret": "inner-secret-9"}),
    "jwt": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSIsImlhdCI6MTUxNjIzOTAyMn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ",
    "url": "https://a.blob.core.windows.net/c/b?sv=2024-01-01&sig=abcDEF123456%3D",
}
PLANTED = ["hunter2-hunter2", "k-12345678", "inner-secret-9", SECRETS["jwt"], "abcDEF123456"]


@pytest.mark.parametrize("refused", [True, False])
async def test_secrets_are_kept_nowhere(refused: bool, caplog: Any) -> None:
    world = World()
    echoing = CloudError(
        code="BadRequest",
        message=f"No good: {json.dumps(SECRETS)}",
        details=(CloudError(code="X", message=str(SECRETS)),),
    )
    world.pipelines.script(Refused(error=echoing) if refused else Unknown(error=echoing))

    await world.deliver(parameters=SECRETS)
    await world.drain()

    kept = repr(world.results.published) + repr(world.audit.entries) + repr(world.records.all())
    kept += caplog.text + "".join(repr(vars(line)) for line in caplog.records)
    assert [secret for secret in PLANTED if secret in kept] == []
    assert world.record.redacted
    assert json.loads(world.record.request)["parameters"]["password"] == "***"


async def test_a_secret_too_short_to_be_looked_for_is_not_kept_either() -> None:
    world = World()

    await world.deliver(parameters={"password": "abc", "key": 1})

    assert json.loads(world.record.request)["parameters"] == {"password": "***", "key": "***"}
    assert world.record.redacted


async def test_what_is_known_of_a_workspace_may_be_unreadable_and_the_run_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()

    async def edited(_: str, *, echoed: bool) -> None:
        raise RecordUnreadable(str(echoed))

    monkeypatch.setattr(world.records, "note_echo", edited)

    await world.deliver()

    assert world.result.status == "Started"
