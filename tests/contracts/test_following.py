"""The contracts of `Chains`, `OpenRuns`, `Outcomes` and `OutcomeMessages`, on the fakes and on Azurite."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.following_ports import Chain
from shared.runs.delivery import Delivery, Source
from shared.runs.open_run import OpenRun
from shared.runs.outcome import End, RecordedOutcome, RunEnd, of_run
from tests.contracts.following_worlds import FollowingWorld
from tests.unit.builders import DELIVERY, ERROR, NOW

ENDPOINT = "https://w.dev.azuresynapse.net"
CHAIN = Chain(endpoint=ENDPOINT, token="t-1", delay=15.0)
FULL = replace(
    CHAIN,
    token="t-2",
    delay=3_600.0,
    waited=7.5,
    lived=1e7,
    mark=NOW,
    span=0.5,
    idle=1e6,
    refused_since=NOW - timedelta(hours=3),
)


def a_run(number: int = 0, endpoint: str = ENDPOINT) -> OpenRun:
    return OpenRun(
        run_id=f"00000000-0000-4000-8000-{number:012d}",
        request_id=f"order-{number}",
        generation=1,
        pipeline_name="copy ü",
        workspace="default",
        endpoint=endpoint,
        delivery=DELIVERY,
        principal="queue",
        sent_before=90.5,
    )


def an_outcome(
    generation: int = 1, end: End = End.SUCCEEDED, request_id: str = "order-0"
) -> RecordedOutcome:
    run = replace(a_run(), generation=generation, request_id=request_id)
    error = None if end is End.SUCCEEDED else ERROR
    ended = RunEnd(
        end=end,
        error=error,
        run_group_id="g",
        run_start=NOW,
        run_end=NOW + timedelta(days=40),
        duration_ms=40 * 86_400_000,
        monitor_url="https://web.azuresynapse.net/x",
    )
    return RecordedOutcome(outcome=of_run(run, ended), delivery_id="m-1", recorded_at=NOW)


# Chains.


async def test_of_a_workspace_without_a_chain_there_is_none(
    following_world: FollowingWorld,
) -> None:
    assert await following_world.chains.get(CHAIN.key) is None
    assert await following_world.chains.all() == []


@pytest.mark.parametrize("chain", [CHAIN, FULL], ids=["fresh", "everything"])
async def test_a_chain_comes_back_as_it_was_written(
    following_world: FollowingWorld, chain: Chain
) -> None:
    written = await following_world.chains.insert(chain)

    read = await following_world.chains.get(chain.key)

    assert written is not None
    assert read is not None
    assert (read.chain, read.version, written.chain) == (chain, written.version, chain)
    assert written.age == 0.0
    assert 0.0 <= read.age < 5.0


async def test_the_first_chain_of_a_workspace_wins(following_world: FollowingWorld) -> None:
    await following_world.chains.insert(CHAIN)

    assert await following_world.chains.insert(replace(CHAIN, token="other")) is None


async def test_a_chain_is_written_only_if_it_is_unchanged(following_world: FollowingWorld) -> None:
    stored = await following_world.chains.insert(CHAIN)
    assert stored is not None
    first = await following_world.chains.update(stored, FULL)

    second = await following_world.chains.update(stored, replace(FULL, token="other"))

    read = await following_world.chains.get(CHAIN.key)
    assert (first is not None, second) == (True, None)
    assert read is not None
    assert read.chain == FULL


async def test_what_a_chain_no_longer_has_is_gone(following_world: FollowingWorld) -> None:
    """A MERGE can't remove a column."""
    stored = await following_world.chains.insert(FULL)
    assert stored is not None

    await following_world.chains.update(stored, CHAIN)

    read = await following_world.chains.get(CHAIN.key)
    assert read is not None
    assert read.chain == CHAIN


async def test_a_chain_that_was_written_twice_for_a_lost_answer_is_ones_own(
    following_world: FollowingWorld,
) -> None:
    following_world.lose_answers()
    inserted = await following_world.chains.insert(CHAIN)
    assert inserted is not None
    following_world.lose_answers()

    updated = await following_world.chains.update(inserted, FULL)

    assert updated is not None
    assert updated.chain == FULL


async def test_a_chain_ages_by_the_services_clock(following_world: FollowingWorld) -> None:
    await following_world.chains.insert(CHAIN)
    await following_world.pass_time(2.2)

    read = await following_world.chains.get(CHAIN.key)

    assert read is not None
    assert 1.0 <= read.age <= 4.0


async def test_every_chain_is_listed(following_world: FollowingWorld) -> None:
    others = [replace(CHAIN, endpoint=f"https://{name}.dev.azuresynapse.net") for name in "abc"]
    for chain in others:
        await following_world.chains.insert(chain)
    await following_world.open_runs.add(a_run())

    found = await following_world.chains.all()

    assert sorted(one.chain.endpoint for one in found) == [one.endpoint for one in others]


async def test_a_chain_that_can_not_be_read_counts_as_ended(
    following_world: FollowingWorld,
) -> None:
    await following_world.chains.insert(FULL)
    await following_world.spoil_chain(FULL.key)

    stored = await following_world.chains.get(FULL.key)

    assert stored is not None
    assert stored.chain.token == ""
    assert await following_world.chains.update(stored, CHAIN) is not None


# Open runs.


async def test_an_open_run_comes_back_as_it_was_added(following_world: FollowingWorld) -> None:
    run = replace(
        a_run(),
        delivery=Delivery(
            id="e-1", source=Source.EVENT, correlation_id="c", traceparent="00-1", duplicate=True
        ),
    )
    await following_world.open_runs.add(run)

    stored = await following_world.open_runs.get(ENDPOINT, run.run_id)

    assert stored is not None
    assert stored.run == run
    assert 0.0 <= stored.age < 5.0
    assert await following_world.open_runs.get(ENDPOINT, "another") is None
    assert await following_world.open_runs.get("https://another", run.run_id) is None


async def test_an_open_run_that_is_there_stays_as_it_is(following_world: FollowingWorld) -> None:
    await following_world.open_runs.add(a_run())

    await following_world.open_runs.add(replace(a_run(), principal="another"))

    stored = await following_world.open_runs.get(ENDPOINT, a_run().run_id)
    assert stored is not None
    assert stored.run.principal == "queue"


async def test_the_open_runs_of_a_workspace_are_listed(following_world: FollowingWorld) -> None:
    for number in range(20):
        await following_world.open_runs.add(a_run(number))
    await following_world.open_runs.add(a_run(20, "https://another.dev.azuresynapse.net"))

    found = await following_world.open_runs.listed(ENDPOINT)

    assert {run.run_id for run in found} == {a_run(number).run_id for number in range(20)}
    assert {(run.pipeline_name, run.missing) for run in found} == {("copy ü", 0)}
    assert {(run.added_at - run.first_sent_at).total_seconds() for run in found} == {90.5}
    assert all(run.added_at.tzinfo for run in found)


async def test_the_open_runs_of_all_workspaces_are_listed(following_world: FollowingWorld) -> None:
    runs = [a_run(1), a_run(2), a_run(3, "https://another.dev.azuresynapse.net")]
    for run in runs:
        await following_world.open_runs.add(run)

    found = [run async for page in following_world.open_runs.pages() for run, _ in page]
    endpoints = await following_world.open_runs.endpoints()

    assert sorted(found, key=lambda run: run.run_id) == runs
    assert sorted(endpoints) == ["https://another.dev.azuresynapse.net", ENDPOINT]


async def test_where_nothing_is_open_nothing_is_listed(following_world: FollowingWorld) -> None:
    await following_world.chains.insert(CHAIN)

    assert await following_world.open_runs.listed(ENDPOINT) == []
    assert await following_world.open_runs.endpoints() == []
    assert [page async for page in following_world.open_runs.pages() if page] == []


async def test_how_often_a_run_was_missing_is_kept_while_it_is_open(
    following_world: FollowingWorld,
) -> None:
    await following_world.open_runs.add(a_run())
    (run,) = await following_world.open_runs.listed(ENDPOINT)
    await following_world.open_runs.note_missing(
        ENDPOINT, replace(run, missing=2, missing_since=NOW)
    )
    (missing,) = await following_world.open_runs.listed(ENDPOINT)
    await following_world.open_runs.note_missing(ENDPOINT, replace(run, missing=0))
    (found,) = await following_world.open_runs.listed(ENDPOINT)
    await following_world.open_runs.remove(ENDPOINT, [run.run_id])
    await following_world.open_runs.note_missing(ENDPOINT, missing)

    assert (missing.missing, missing.missing_since) == (2, NOW)
    assert (found.missing, found.missing_since) == (0, None)
    assert await following_world.open_runs.listed(ENDPOINT) == []


async def test_runs_are_removed_together(following_world: FollowingWorld) -> None:
    """One that is gone already does not keep the others."""
    for number in range(130):
        await following_world.open_runs.add(a_run(number))
    ids = [a_run(number).run_id for number in range(1, 130)]

    await following_world.open_runs.remove(ENDPOINT, [*ids, *ids[:5], "never-there"])
    await following_world.open_runs.remove(ENDPOINT, [])

    (left,) = await following_world.open_runs.listed(ENDPOINT)
    assert left.run_id == a_run(0).run_id


async def test_any_run_id_can_be_kept(following_world: FollowingWorld) -> None:
    """A workspace that doesn't echo may give ids of its own; a key may not have a slash."""
    run = replace(a_run(), run_id="a/b#c?d'ü")
    await following_world.open_runs.add(run)

    stored = await following_world.open_runs.get(ENDPOINT, run.run_id)
    assert stored is not None
    assert stored.run == run

    await following_world.open_runs.remove(ENDPOINT, [run.run_id])
    assert await following_world.open_runs.listed(ENDPOINT) == []


# Outcomes.


@pytest.mark.parametrize("end", End)
async def test_an_outcome_comes_back_as_it_was_recorded(
    following_world: FollowingWorld, end: End
) -> None:
    recorded = an_outcome(end=end)

    assert await following_world.outcomes.record(recorded) == recorded
    assert await following_world.outcomes.get("order-0", 1) == recorded


async def test_the_first_outcome_stands(following_world: FollowingWorld) -> None:
    await following_world.outcomes.record(an_outcome())

    second = await following_world.outcomes.record(an_outcome(end=End.FAILED))

    assert second == an_outcome()
    assert await following_world.outcomes.of_request("order-0") == [an_outcome()]


async def test_the_outcomes_of_a_request_come_in_the_order_of_their_generations(
    following_world: FollowingWorld,
) -> None:
    for generation in (11, 2, 1):
        await following_world.outcomes.record(an_outcome(generation))
    await following_world.outcomes.record(an_outcome(request_id="other"))

    found = await following_world.outcomes.of_request("order-0")

    assert [one.outcome.generation for one in found] == [1, 2, 11]
    assert await following_world.outcomes.get("order-0", 3) is None


async def test_the_outcomes_of_a_request_go_together(following_world: FollowingWorld) -> None:
    for generation in (1, 2):
        await following_world.outcomes.record(an_outcome(generation))
    await following_world.outcomes.record(an_outcome(request_id="other"))

    await following_world.outcomes.forget("order-0")
    await following_world.outcomes.forget("unheard-of")

    assert await following_world.outcomes.of_request("order-0") == []
    assert len(await following_world.outcomes.of_request("other")) == 1


# Messages.


async def test_an_outcome_is_read_as_it_was_published(following_world: FollowingWorld) -> None:
    for _ in range(2):
        await following_world.messages.publish(an_outcome().outcome)

    texts = await following_world.texts()

    assert texts == [an_outcome().outcome.to_json()] * 2
    assert json.loads(texts[0])["runEnd"] == "2027-01-03T08:00:00Z"
