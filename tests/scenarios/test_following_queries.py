"""Many open runs: one query lists what ended, and what it can't show is looked at by itself."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from shared.kernel.cloud_error import CloudError
from shared.synapse.reply import Answer, Lost
from tests.scenarios.world import World


async def many(count: int = 8, *, every: str = "15") -> World:
    """Return a world with so many open runs, whose follower has looked once."""
    world = World(FOLLOW_SECONDS=every)
    for number in range(count):
        await world.deliver(f"m-{number}", requestId=f"order-{number}")
    world.clock.advance(15.0)
    await world.follow(for_seconds=1.0)
    return world


def told(world: World) -> list[str]:
    return [one.request_id for one in world.outcome_messages.published]


def queries(world: World) -> list[dict[str, Any]]:
    return [json.loads(body) for body in world.pipelines.queries]


async def test_many_runs_are_asked_for_at_once() -> None:
    world = await many(40)
    for run in world.pipelines.runs[:30]:
        world.pipelines.end(run.run_id)
    world.pipelines.looks.clear()

    await world.follow(for_seconds=20.0)

    assert len(told(world)) == 30
    assert len(world.open_runs.standing) == 10
    # A few may be due for the look that each run gets once an hour, whatever the query shows.
    assert len(world.pipelines.looks) < 10


async def test_the_query_names_ended_statuses_and_the_pipelines_of_open_runs() -> None:
    world = await many()

    (first, *_) = queries(world)

    assert first["filters"] == [
        {"operand": "Status", "operator": "NotIn", "values": ["Queued", "InProgress", "Canceling"]},
        {"operand": "PipelineName", "operator": "In", "values": ["copy"]},
    ]
    assert first["lastUpdatedBefore"] == "9999-12-31T23:59:59Z"
    assert (
        datetime.fromisoformat(first["lastUpdatedAfter"]) < world.record_of("order-0").received_at
    )


async def test_with_many_pipelines_none_is_named() -> None:
    world = World()
    for number in range(25):
        await world.deliver(f"m-{number}", requestId=f"order-{number}", pipelineName=f"p{number}")

    await world.follow(for_seconds=20.0)

    assert [one["operand"] for one in queries(world)[0]["filters"]] == ["Status"]


async def test_the_next_window_begins_where_the_last_one_was_answered() -> None:
    world = await many()
    await world.follow(for_seconds=60.0)

    first, *_, last = (datetime.fromisoformat(one["lastUpdatedAfter"]) for one in queries(world))

    assert (world.clock.service_time() - last).total_seconds() < 100.0
    assert first < last


async def test_every_page_is_read_and_told() -> None:
    world = await many(45)
    world.pipelines.page_size = 10
    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id)

    await world.follow(for_seconds=20.0)

    assert len(told(world)) == 45
    tokens = [one.get("continuationToken") for one in queries(world)[1:]]
    assert tokens == [None, "10", "20", "30", "40"]
    assert len({one["lastUpdatedAfter"] for one in queries(world)[1:]}) == 1


async def test_a_run_that_shows_late_in_the_query_is_told() -> None:
    world = await many()
    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id, lag=30.0)

    await world.follow(for_seconds=75.0)

    assert len(told(world)) == 8


async def test_a_run_that_the_query_never_shows_is_looked_at_within_the_hour() -> None:
    world = await many()
    world.pipelines.end(world.pipelines.runs[0].run_id, lag=1e6)

    await world.follow(for_seconds=3_700.0)

    assert told(world) == ["order-0"]
    assert len(world.pipelines.looks) <= 24


async def test_a_run_that_came_late_into_the_index_is_looked_at_by_itself() -> None:
    """Its delivery was redelivered an hour after its run had started and ended."""
    world = await many()
    await world.deliver("m-late", requestId="late", follow=True)
    run = next(one for one in world.open_runs.standing if one.request_id == "late")
    await world.open_runs.remove(world.endpoint, [run.run_id])
    world.pipelines.end(run.run_id)
    await world.follow(for_seconds=3_000.0)
    assert told(world) == []

    await world.open_runs.add(replace(run, sent_before=3_000.0))
    await world.follow(for_seconds=200.0)

    assert told(world) == ["late"]


async def test_many_that_came_late_widen_the_window() -> None:
    world = await many()
    for number in range(12):
        await world.deliver(f"l-{number}", requestId=f"late-{number}")
    late = [one for one in world.open_runs.standing if one.request_id.startswith("late")]
    await world.open_runs.remove(world.endpoint, [one.run_id for one in late])
    for run in late:
        world.pipelines.end(run.run_id)
    await world.follow(for_seconds=3_000.0)
    world.pipelines.looks.clear()

    for run in late:
        await world.open_runs.add(replace(run, sent_before=3_000.0))
    await world.follow(for_seconds=200.0)

    assert len(told(world)) == 12
    assert len(world.pipelines.looks) < 12  # a few have their hourly turn


async def test_a_window_with_too_many_pages_is_halved_until_it_fits() -> None:
    """Runs of others are listed, too: of them there are more than a visit may read."""
    world = await many(8, every="1")
    world.pipelines.page_size = 1
    ours = list(world.pipelines.runs)
    for number in range(60):
        await world.deliver(f"n-{number}", requestId=f"other-{number}", follow=False)
        world.pipelines.end(world.pipelines.runs[-1].run_id)
        world.clock.advance(2.0)
    for run in ours:
        world.pipelines.end(run.run_id)

    await world.follow(for_seconds=120.0)

    assert len(told(world)) == 8
    assert world.requests.follows == []


async def test_a_token_that_comes_again_does_not_circle() -> None:
    world = World()
    page = b'{"value": [], "continuationToken": "same"}'
    world.pipelines.query_answer = Answer(status=200, headers={}, body=page)
    for number in range(8):
        await world.deliver(f"m-{number}", requestId=f"order-{number}")

    await world.follow(for_seconds=16.0)

    assert len(world.pipelines.queries) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=400, headers={}, body=b'{"code": "BadRequest", "message": "no"}'),
        Answer(status=200, headers={}, body=b"<html>"),
        Answer(status=200, headers={}, body=b'{"value": 5}'),
        Answer(status=200, headers={}, body=b'{"value": [5, {}, {"runId": 7}]}'),
    ],
    ids=["refused", "not JSON", "no list", "no runs"],
)
async def test_where_the_query_says_nothing_single_looks_still_do(answer: Answer) -> None:
    world = World()
    world.pipelines.query_answer = answer
    for number in range(8):
        await world.deliver(f"m-{number}", requestId=f"order-{number}")
        world.pipelines.end(world.pipelines.runs[-1].run_id)

    await world.follow(for_seconds=7_300.0)

    assert len(told(world)) == 8


async def test_a_workspace_that_goes_away_in_between_keeps_the_mark() -> None:
    world = await many()
    mark = world.chains.standing[0].mark
    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id)
    silence = CloudError(code="ReadTimeout", message="silence")
    world.pipelines.query_answer = Lost(sent=True, error=silence)
    await world.follow(for_seconds=100.0)
    kept = world.chains.standing[0].mark
    world.pipelines.query_answer = None

    await world.follow(for_seconds=400.0)

    assert kept == mark
    assert len(told(world)) == 8


async def test_an_outcome_that_could_not_be_told_keeps_the_mark() -> None:
    world = await many()
    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id)
    world.outcome_messages.mishaps.fail("publish", times=3)

    await world.follow(for_seconds=400.0)

    assert sorted(set(told(world))) == [f"order-{number}" for number in range(8)]


async def test_a_row_that_cannot_be_read_holds_nothing_back() -> None:
    world = await many(45)
    world.pipelines.page_size = 10
    rows = world.open_runs._rows
    first = next(key for key in rows if key[1] == world.pipelines.runs[0].run_id)
    rows[first] = ({**rows[first][0], "schemaVersion": 99}, rows[first][1])
    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id)

    await world.follow(for_seconds=20.0)

    assert len(told(world)) == 44
    assert list(rows) == [first]  # left for a newer version, or for a person to look at


async def test_of_many_failed_runs_some_are_told_by_their_message_alone() -> None:
    world = await many(100)
    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id, "Failed", "It went wrong.")
    world.clock.advance(15.0)

    await world.follow(for_seconds=20.0)

    assert len(told(world)) == 100
    assert 20 <= len(world.pipelines.activity_queries) <= 60


async def test_more_ends_of_one_second_than_a_visit_reads_are_told_all_the_same() -> None:
    """As when somebody cancels everything: no window is narrow enough for the calls of fifteen seconds."""
    world = await many(120)
    world.pipelines.page_size = 1
    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id)

    await world.follow(for_seconds=900.0)

    assert len(set(told(world))) == 120


async def test_where_later_pages_are_throttled_the_window_becomes_narrower() -> None:
    """Else every visit would read the first pages again, and never come to the others."""
    world = await many(40)
    world.pipelines.page_size = 1
    for run in world.pipelines.runs:
        world.pipelines.end(run.run_id)
        world.clock.advance(10.0)
    world.pipelines.throttled_from = 4

    await world.follow(for_seconds=1_200.0)

    assert len(set(told(world))) == 40
