"""createRun's answer was lost: what happens next, and what the history says of it."""

from typing import Any

import pytest

from shared.gateway.refusal import Refusal
from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import StorageUnavailable
from shared.ports import Echo
from shared.runs.record import Record, Status
from shared.synapse.reply import Answer, Forbidden, Throttled, Unknown, Unreachable
from tests.scenarios.world import ENDPOINT, World, later

LOST = Unknown(error=CloudError(code="AnswerLost", message="The connection was cut."))


async def test_a_run_that_was_started_is_found_at_once() -> None:
    world = World()
    world.pipelines.script(world.pipelines.behind(LOST))

    await world.deliver()

    assert (world.record.status, world.result.run_id) == (
        Status.STARTED,
        world.pipelines.runs[0].run_id,
    )
    assert len(world.pipelines.calls) == 1
    assert world.events == ["claimed", "answer lost", "found"]


async def test_a_run_that_shows_late_is_found_within_the_window() -> None:
    world = World()
    world.pipelines.visible_after = 3
    world.pipelines.script(world.pipelines.behind(LOST))

    await world.deliver()
    assert world.record.status is Status.UNKNOWN
    await world.drain()

    assert (world.record.status, len(world.pipelines.calls)) == (Status.STARTED, 1)
    assert world.events == ["claimed", "answer lost", "found"]


async def test_what_was_not_started_is_sent_again_with_the_same_id_where_the_workspace_echoes() -> (
    None
):
    world = World()
    world.records.echoes[ENDPOINT] = Echo.CONFIRMED
    world.pipelines.script(LOST)

    await world.deliver()
    start = world.clock.monotonic()
    await world.drain()

    first, second = world.pipelines.calls
    assert first.client_request_id == second.client_request_id
    assert world.clock.monotonic() - start >= 60.0
    assert len(world.pipelines.looks) >= 5
    assert world.record.status is Status.STARTED
    assert world.events == ["claimed", "answer lost", "sendAgain", "taken", "createRun"]


@pytest.mark.parametrize("body", [b"<html><h1>404 Not Found</h1></html>", b""])
async def test_a_404_that_is_not_synapse_s_is_no_word_that_there_is_no_run(body: bytes) -> None:
    """A gateway in between has lost its way to the workspace: sending again would not be safe."""
    world = World()
    world.records.echoes[ENDPOINT] = Echo.CONFIRMED
    world.pipelines.visible_after = 10
    world.pipelines.unknown_run = Answer(status=404, headers={}, body=body)
    world.pipelines.script(world.pipelines.behind(LOST))

    await world.deliver()
    await world.drain()

    assert (world.record.status, len(world.pipelines.calls)) == (Status.STARTED, 1)
    assert world.events[-1] == "found"


async def test_a_workspace_that_is_not_known_to_echo_leaves_the_outcome_unknown() -> None:
    world = World()
    world.pipelines.script(LOST)

    await world.deliver()
    await world.drain()

    assert (world.record.status, len(world.pipelines.calls)) == (Status.FAILED, 1)
    assert world.result.error is not None
    assert world.result.error.code == "OutcomeUnknown"
    assert world.record.client_request_id in world.result.error.message
    assert world.events == ["claimed", "answer lost", "OutcomeUnknown"]


async def test_a_workspace_that_does_not_echo_is_marked_for_good() -> None:
    world = World(echoes=False)

    await world.deliver("m-1", requestId="a")
    world.pipelines.echoes = True
    await world.deliver("m-2", requestId="b")

    assert world.records.echoes == {ENDPOINT: Echo.BROKEN}


@pytest.mark.parametrize("echoes", [True, False])
async def test_a_recovery_says_nothing_about_echoing(echoes: bool) -> None:
    """Nobody has recorded whether a recovery's run gets the id that was sent."""
    world = World(echoes=echoes)

    await world.deliver(referencePipelineRunId="first", parameters=None)

    assert world.result.status == "Started"
    assert world.records.echoes == {}


async def test_a_lost_recovery_is_not_sent_again_where_runs_have_the_id_that_was_sent() -> None:
    """Its run may have another id there, and would be started twice."""
    world = World()
    await world.deliver("m-1", requestId="a")
    world.pipelines.script(LOST)

    await world.deliver("m-2", requestId="b", referencePipelineRunId="first", parameters=None)
    await world.drain()

    assert world.results.published[-1].error is not None
    assert world.results.published[-1].error.code == "OutcomeUnknown"
    assert len(world.pipelines.calls) == 2


async def test_an_unknown_outcome_lists_the_runs_it_might_be() -> None:
    world = World(echoes=False)
    await world.deliver("m-1", requestId="a")
    world.clock.advance(1.0)
    world.pipelines.script(world.pipelines.behind(LOST))

    await world.deliver("m-2", requestId="b")
    await world.drain()

    error = world.results.published[1].error
    assert error is not None
    assert [detail.target for detail in error.details] == [world.pipelines.runs[1].run_id]


async def test_resend_starts_one_run_where_nobody_can_tell() -> None:
    world = World(UNKNOWN_OUTCOME="resend")
    world.pipelines.may_look = False
    world.pipelines.script(LOST)

    await world.deliver()
    await world.drain()

    assert (world.record.status, len(world.pipelines.runs)) == (Status.STARTED, 1)
    assert len(world.pipelines.calls) == 2


async def test_without_monitoring_rights_the_outcome_names_id_and_role() -> None:
    world = World()
    world.records.echoes[ENDPOINT] = Echo.CONFIRMED
    world.pipelines.may_look = False
    world.pipelines.script(world.pipelines.behind(LOST))

    await world.deliver()
    await world.drain()

    assert world.result.error is not None
    assert world.result.error.code == "OutcomeUnknown"
    assert world.record.client_request_id in world.result.error.message
    assert "Synapse Monitoring Operator" in world.result.error.message
    assert len(world.pipelines.calls) == 1


async def test_an_unreachable_workspace_is_asked_until_it_answers() -> None:
    world = World()
    world.pipelines.unreachable = Unreachable(error=LOST.error)
    world.pipelines.script(world.pipelines.behind(LOST))

    await world.deliver()
    await world.drain(for_seconds=7200)
    assert world.record.status is Status.UNKNOWN
    world.pipelines.unreachable = None
    await world.drain()

    assert (world.record.status, len(world.pipelines.calls)) == (Status.STARTED, 1)


async def test_an_unreachable_workspace_is_given_up_after_a_day() -> None:
    world = World()
    world.pipelines.unreachable = Unreachable(error=LOST.error)
    world.pipelines.script(LOST)

    await world.deliver()
    await world.drain()

    assert world.result.error is not None
    assert world.result.error.code == "OutcomeUnknown"


async def test_a_lost_answer_is_reconciled_whatever_the_time() -> None:
    world = World()
    world.pipelines.visible_after = 5
    world.pipelines.script(world.pipelines.behind(LOST))

    await world.deliver(expiresAt=later(world, 3))
    await world.drain()

    assert world.record.status is Status.STARTED


async def test_what_expired_meanwhile_is_not_sent_again() -> None:
    world = World()
    world.records.echoes[ENDPOINT] = Echo.CONFIRMED
    world.pipelines.script(LOST)

    await world.deliver(expiresAt=later(world, 3))
    await world.drain()

    assert (world.record.status, len(world.pipelines.calls)) == (Status.FAILED, 1)
    assert world.result.error is not None
    assert world.result.error.code == "RetriesExhausted"


async def test_a_workspace_that_throttles_starts_is_looked_at_all_the_same() -> None:
    world = World()
    world.pipelines.visible_after = 1
    world.pipelines.script(world.pipelines.behind(LOST))
    await world.deliver("m-1", requestId="a")
    world.pipelines.script(Throttled(error=LOST.error, retry_after=30.0))
    await world.deliver("m-2", requestId="b")

    await world.drain(for_seconds=29)
    assert (len(world.pipelines.looks), len(world.pipelines.calls)) == (2, 2)
    await world.drain()

    assert {record.status for record in world.records.all()} == {Status.STARTED}


async def test_an_operator_resolves_an_unknown_outcome() -> None:
    world = World(echoes=False)
    world.pipelines.script(world.pipelines.behind(LOST))
    await world.deliver()
    await world.drain()
    run_id = world.pipelines.runs[0].run_id

    resolved = await world.host.operations.resolve("order-17", run_id, "key")

    assert isinstance(resolved, Record)
    assert (world.record.status, world.record.run_id) == (Status.STARTED, run_id)
    assert [result.status for result in world.results.published] == ["Failed", "Started"]
    assert world.events[-1] == "resolved by key"


@pytest.mark.parametrize("port", ["results", "audit"])
async def test_what_an_operator_resolved_is_told_also_where_the_process_dies(port: str) -> None:
    """A final record has no message on the queue any more."""
    world = World(echoes=False)
    world.pipelines.script(world.pipelines.behind(LOST))
    await world.deliver()
    await world.drain()
    run_id = world.pipelines.runs[0].run_id
    operation = {"results": "publish", "audit": "append"}[port]
    getattr(world, port).mishaps.fail(operation)

    with pytest.raises(StorageUnavailable):
        await world.host.operations.resolve("order-17", run_id, "key")
    world.restart()
    await world.drain()

    assert world.results.published[-1].run_id == run_id
    assert world.audit.entries[-1].run_id == run_id
    assert world.requests.messages == []


async def test_a_resolution_that_is_told_leaves_no_message() -> None:
    world = World(echoes=False)
    world.pipelines.script(LOST)
    await world.deliver()
    await world.drain()

    await world.host.operations.resolve("order-17", None, "key")

    assert world.requests.messages == []


async def test_an_operator_finds_that_there_is_no_run() -> None:
    world = World(echoes=False)
    world.pipelines.script(LOST)
    await world.deliver()
    await world.drain()

    await world.host.operations.resolve("order-17", None, "key")

    assert world.record.status is Status.FAILED
    assert world.record.error is not None
    assert world.record.error.code == "RetriesExhausted"


async def test_only_an_unknown_outcome_is_resolved() -> None:
    world = World()
    await world.deliver()

    refused = await world.host.operations.resolve("order-17", "r", "key")

    assert isinstance(refused, Refusal)
    assert refused.error.code == "InvalidState"
    missing = await world.host.operations.resolve("nobody", "r", "key")
    assert isinstance(missing, Refusal)
    assert missing.error.code == "NotFound"


async def test_a_request_is_resolved_with_the_run_that_it_has_already() -> None:
    """There is nothing to change, and nothing to refuse."""
    world = World()
    await world.deliver()

    resolved = await world.host.operations.resolve("order-17", world.record.run_id, "key")

    assert resolved == world.record
    assert len(world.results.published) == 1


async def test_what_a_look_was_told_leaves_no_secret_in_the_history() -> None:
    world = World(UNKNOWN_OUTCOME="resend")
    world.pipelines.script(LOST)
    told = CloudError(code="Forbidden", message="You may not see a run with hunter2-hunter2.")
    world.pipelines.unreachable = Forbidden(error=told)

    await world.deliver(parameters={"password": "hunter2-hunter2"})
    await world.drain()

    assert world.record.status is Status.STARTED
    assert "hunter2" not in repr(world.record)
    assert "sendAgain" in world.events


@pytest.mark.parametrize("run_id", ["r-1", None])
async def test_who_resolves_again_gets_the_same_answer(run_id: str | None) -> None:
    """Also where the record was written and its news was not: a message tells it."""
    world = World(echoes=False)
    world.pipelines.script(LOST)
    await world.deliver()
    await world.drain()
    world.results.mishaps.fail("publish")

    with pytest.raises(StorageUnavailable):
        await world.host.operations.resolve("order-17", run_id, "key")
    resolved = await world.host.operations.resolve("order-17", run_id, "key")
    await world.drain()

    assert resolved == world.record
    assert world.results.published[-1].status == ("Started" if run_id else "Failed")
    assert len(world.results.published) == 2
    for other in ("r-2", None if run_id else "r-1"):
        refused = await world.host.operations.resolve("order-17", other, "key")
        assert isinstance(refused, Refusal)


async def test_a_run_that_can_t_be_kept_is_named_in_the_log(caplog: Any) -> None:
    """In a workspace that gives ids of its own, nobody else knows it."""
    world = World(echoes=False)
    world.records.mishaps.fail("update", landed=False)

    with pytest.raises(StorageUnavailable):
        await world.deliver()

    (line,) = caplog.messages
    run_id = world.pipelines.runs[0].run_id
    assert line.startswith(f"run_gateway.run_not_kept requestId=order-17 runId={run_id} reason=")
    assert caplog.records[0].exc_info is None  # a traceback would make many lines of one


async def test_a_workspace_that_throttles_every_look_is_given_up_after_a_day_as_well() -> None:
    world = World()
    world.pipelines.unreachable = Unreachable(error=LOST.error, retry_after=30.0)
    world.pipelines.script(LOST)

    await world.deliver()
    await world.drain(for_seconds=3 * 24 * 3600.0)

    assert world.record.status is Status.FAILED
    assert world.result.error is not None
    assert world.result.error.code == "OutcomeUnknown"
