"""Runs are followed to their ends: what is told of each, and which are followed."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from shared.runs.audit_entry import Event
from shared.runs.outcome import End
from shared.synapse.reply import Answer
from tests.scenarios.world import World

SECRET = "hunter2-and-more"
ANOTHER = "00000000-0000-4000-8000-000000000001"
THROTTLED = Answer(status=429, headers={"Retry-After": "20"}, body=b"")


def activity(name: str, **fields: Any) -> dict[str, Any]:
    error = {
        "errorCode": "2200",
        "message": f"{name} went wrong.",
        "failureType": "UserError",
        "target": name,
    }
    return {
        "activityName": name,
        "activityType": "Copy",
        "status": "Failed",
        "error": error,
    } | fields


async def started(**fields: Any) -> World:
    world = World()
    await world.deliver(**fields)
    world.clock.advance(90.0)
    return world


def told(world: World) -> list[tuple[str, int, str]]:
    published = world.outcome_messages.published
    return [(one.request_id, one.generation, one.outcome.value) for one in published]


async def test_the_end_of_a_run_is_told_kept_and_audited() -> None:
    world = await started(correlationId="c-1")
    world.pipelines.end(world.run_id)

    await world.follow()

    (outcome,) = world.outcome_messages.published
    assert outcome.outcome is End.SUCCEEDED
    assert (outcome.request_id, outcome.generation, outcome.run_id) == ("order-17", 1, world.run_id)
    assert (outcome.run_group_id, outcome.error, outcome.duration_ms) == (
        world.run_id,
        None,
        90_000,
    )
    assert (outcome.pipeline_name, outcome.workspace, outcome.source) == (
        "copy",
        "default",
        "queue",
    )
    assert outcome.correlation_id == "c-1"
    assert outcome.monitor_url == (
        f"https://web.azuresynapse.net/en/monitoring/pipelineruns/{world.run_id}"
        "?workspace=%2FSUBSCRIPTIONS%2FS%2FRESOURCEGROUPS%2FG%2FPROVIDERS%2FMICROSOFT.SYNAPSE%2FWORKSPACES%2FW"
    )
    (recorded,) = world.outcomes.standing
    assert (recorded.outcome, recorded.delivery_id) == (outcome, "m-1")
    _, entry = world.audit.entries
    assert (entry.event, entry.outcome, entry.request_id) == (
        Event.OUTCOME,
        End.SUCCEEDED,
        "order-17",
    )
    assert (entry.principal, entry.delivery_id, entry.duration_ms) == ("queue", "m-1", 90_000)


async def test_where_nothing_is_open_nothing_is_scheduled() -> None:
    world = await started()
    world.pipelines.end(world.run_id)

    await world.follow()

    assert world.open_runs.standing == []
    assert world.requests.follows == []
    assert [chain.token for chain in world.chains.standing] == [""]


async def test_a_run_that_goes_on_is_looked_at_more_and_more_rarely() -> None:
    world = await started()
    await world.follow(for_seconds=3 * 3600.0)
    looks = len(world.pipelines.looks)
    await world.follow(for_seconds=3600.0)

    assert 60 < looks < 120
    assert len(world.pipelines.looks) - looks == pytest.approx(12, abs=1)
    assert world.outcome_messages.published == []


async def test_a_start_hurries_a_slow_chain() -> None:
    world = await started()
    await world.follow(for_seconds=3 * 3600.0)
    await world.deliver("m-2", requestId="order-18")
    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id)

    await world.follow(for_seconds=20.0)

    assert {request_id for request_id, *_ in told(world)} == {"order-17", "order-18"}


async def test_a_failed_run_names_what_failed_in_it_innermost_first() -> None:
    world = await started()
    message = "Operation on target outer failed: Operation on target copy failed."
    run = world.pipelines.end(world.run_id, "Failed", message)
    run.activities = [
        activity("outer", activityType="ForEach"),
        activity("copy", retryAttempt=1, error={"errorCode": 5000, "message": "twice"}),
        activity("copy", retryAttempt=0),
        activity("fine", status="Succeeded"),
        activity("mute", error={"errorCode": "", "message": "", "details": ""}),
    ]

    await world.follow()

    (outcome,) = world.outcome_messages.published
    assert outcome.error is not None
    assert (outcome.outcome, outcome.error.code, outcome.error.message) == (
        End.FAILED,
        "RunFailed",
        message,
    )
    assert [(one.target, one.code, one.message) for one in outcome.error.details] == [
        ("copy", "5000", "twice"),
        ("mute", "ActivityFailed", "The activity failed without a message."),
        ("outer", "2200", "outer went wrong."),
    ]


async def test_secrets_among_a_runs_parameters_are_cut_out_of_its_error() -> None:
    world = await started(parameters={"password": SECRET})
    run = world.pipelines.end(world.run_id, "Failed", f"Login with {SECRET} failed.")
    run.activities = [activity("copy", error={"errorCode": "1", "message": f"no {SECRET}"})]

    await world.follow()

    (recorded,) = world.outcomes.standing
    written = [recorded.outcome.to_json(), str(world.audit.entries)]
    assert SECRET not in "".join(written)
    assert recorded.outcome.error is not None
    assert recorded.outcome.error.message.startswith("Login with ")


async def test_a_run_that_failed_just_now_waits_for_its_activities_to_show() -> None:
    world = await started()
    world.clock.advance(15.9)
    run = world.pipelines.end(world.run_id, "Failed", "")
    await world.follow(for_seconds=1.0)
    before = told(world)
    run.activities = [activity("copy")]

    await world.follow()

    (outcome,) = world.outcome_messages.published
    assert before == []
    assert outcome.error is not None
    assert outcome.error.message == "The run failed. Synapse gives no reason."
    assert [one.target for one in outcome.error.details] == ["copy"]


async def test_while_activities_are_throttled_the_message_alone_is_told() -> None:
    world = await started()
    run = world.pipelines.end(world.run_id, "Failed", "It went wrong.")
    run.activities = [activity("copy")]
    world.pipelines.activities_answer = THROTTLED

    await world.follow()

    (outcome,) = world.outcome_messages.published
    assert outcome.error is not None
    assert (outcome.error.message, outcome.error.details) == ("It went wrong.", ())


async def test_a_run_that_somebody_cancels_in_studio_is_cancelled_once_it_is() -> None:
    world = await started()
    (run,) = world.pipelines.runs
    run.status = "Canceling"
    await world.follow(for_seconds=60.0)
    before = told(world)
    world.pipelines.end(world.run_id, "Cancelled")

    await world.follow()

    (outcome,) = world.outcome_messages.published
    assert before == []
    assert outcome.error is not None
    assert (outcome.outcome, outcome.error.code) == (End.CANCELLED, "RunCancelled")


async def test_the_first_end_stands_whatever_is_run_again_in_studio() -> None:
    world = await started()
    first = world.pipelines.end(world.run_id, "Failed", "no")
    again = world.pipelines.start(replace(first.call, client_request_id=ANOTHER))
    again.group_id = world.run_id
    world.pipelines.end(again.run_id, "Succeeded")

    await world.follow()

    (outcome,) = world.outcome_messages.published
    assert (outcome.outcome, outcome.run_id, outcome.run_group_id) == (
        End.FAILED,
        world.run_id,
        world.run_id,
    )


async def test_a_status_that_no_source_names_is_no_end_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = await started()
    (run,) = world.pipelines.runs
    run.status = "Uncertain"

    await world.follow(for_seconds=600.0)

    assert told(world) == []
    assert caplog.text.count("run_gateway.run_status_unknown") == 1


async def test_each_generation_has_an_outcome_of_its_own() -> None:
    world = await started()
    world.pipelines.end(world.run_id, "Failed", "no")
    await world.follow()
    world.clock.advance(3600.0)
    delivery = world.record.delivery.model_copy(update={"id": "h-2"})
    await world.host.operations.rerun("order-17", 2, delivery, "key")
    world.pipelines.end(world.run_id)

    await world.follow()

    assert told(world) == [("order-17", 1, "Failed"), ("order-17", 2, "Succeeded")]
    assert len({one.outcome_id for one in world.outcome_messages.published}) == 2
    assert [one.outcome.generation for one in await world.outcomes.of_request("order-17")] == [1, 2]


async def test_a_request_that_is_repeated_after_its_run_ended_does_not_tell_it_again() -> None:
    world = await started()
    world.pipelines.end(world.run_id)
    await world.follow()
    world.clock.advance(120.0)

    await world.deliver("m-2")
    await world.follow()

    assert [result.duplicate for result in world.results.published] == [False, True]
    assert told(world) == [("order-17", 1, "Succeeded")]


async def test_a_run_of_another_pipeline_is_not_the_requests() -> None:
    """An operator may have named any run."""
    world = await started()
    (run,) = world.pipelines.runs
    run.pipeline_name = "another"
    world.pipelines.end(world.run_id)

    await world.follow(for_seconds=3600.0)

    assert told(world) == []


async def test_a_run_that_synapse_does_not_know_for_six_hours_is_lost() -> None:
    world = await started()
    world.pipelines.runs.clear()
    await world.follow(for_seconds=5.9 * 3600.0)
    before = told(world)

    await world.follow()

    (outcome,) = world.outcome_messages.published
    assert before == []
    assert outcome.error is not None
    assert (outcome.outcome, outcome.error.code) == (End.LOST, "RunLost")
    assert outcome.run_end is None
    assert world.open_runs.standing == []


async def test_a_run_that_shows_again_is_not_lost() -> None:
    world = await started()
    (run,) = world.pipelines.runs
    world.pipelines.runs.clear()
    await world.follow(for_seconds=5 * 3600.0)
    world.pipelines.runs.append(run)
    await world.follow(for_seconds=3600.0)
    world.pipelines.runs.clear()

    await world.follow(for_seconds=5.9 * 3600.0)

    assert told(world) == []


async def test_a_run_that_takes_weeks_is_logged_once_a_day_and_told_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = await started()
    await world.follow(for_seconds=10 * 86_400.0)
    warned = caplog.text.count("run_gateway.run_still_open")
    world.pipelines.end(world.run_id)

    await world.follow()

    assert warned == 2
    assert told(world) == [("order-17", 1, "Succeeded")]


async def test_the_line_that_ends_a_run_has_its_durations(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = await started()
    world.pipelines.end(world.run_id)

    await world.follow()

    assert (
        f"run_gateway.outcome_ended requestId=order-17 generation=1 outcome=Succeeded runId={world.run_id} "
        in caplog.text
    )
    assert " runMs=90000 toldMs=0 source=queue" in caplog.text
