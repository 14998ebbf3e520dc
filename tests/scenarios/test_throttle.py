"""The throttle: what comes through it late, and whatever else asks the workspace something."""

import asyncio
from datetime import datetime
from typing import override

import pytest

from shared.runs.record import Status
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import (
    Absent,
    Look,
    Reply,
    RunSeen,
    Started,
    Throttled,
    Unknown,
    Unreachable,
)
from tests.fakes.pipelines import FakePipelines
from tests.scenarios.world import World, later
from tests.unit.builders import ERROR


def a_slow_call(world: World, seconds: float, answer: Reply | None = None) -> None:
    """Let the next call hold its place on the wire until others stand behind it."""

    async def slow(call: CreateRun) -> Reply:
        for _ in range(50):
            await asyncio.sleep(0)
        world.clock.advance(seconds)
        return answer or Started(run_id=world.pipelines.start(call).run_id, echoed=True)

    world.pipelines.script(slow)


async def test_a_request_that_expires_while_it_waits_for_a_place_is_not_sent() -> None:
    world = World(MAX_CONCURRENT_CALLS="1")
    a_slow_call(world, 20.0)

    await asyncio.gather(
        world.deliver("m-1", requestId="a"),
        world.deliver("m-2", requestId="b", expiresAt=later(world, 10)),
    )
    await world.drain()

    first, second = world.records.all()
    assert (first.status, second.status) == (Status.STARTED, Status.REJECTED)
    assert second.error is not None
    assert second.error.code == "RequestExpired"
    assert len(world.pipelines.calls) == 1


async def test_a_waiting_request_that_expires_while_it_waits_for_a_place_is_not_sent() -> None:
    world = World(MAX_CONCURRENT_CALLS="1")
    await world.deliver("m-2", requestId="b", notBefore=later(world, 5), expiresAt=later(world, 15))
    world.clock.advance(6.0)
    a_slow_call(world, 20.0)

    await asyncio.gather(world.deliver("m-1", requestId="a"), world.drain())

    assert {record.request_id: record.status for record in world.records.all()} == {
        "a": Status.STARTED,
        "b": Status.REJECTED,
    }
    assert len(world.pipelines.calls) == 1


async def test_a_look_that_stood_behind_a_429_waits_until_the_workspace_may_be_asked() -> None:
    world = World(MAX_CONCURRENT_CALLS="1", SETTLE_SECONDS="0")
    world.pipelines.script(*[Unknown(error=ERROR)] * 2)
    world.pipelines.unreachable = Unreachable(error=ERROR, retry_after=30.0)

    await asyncio.gather(*[world.deliver(f"m-{n}", requestId=f"r-{n}") for n in range(2)])
    await world.drain(for_seconds=29)

    assert len(world.pipelines.looks) == 1


async def test_a_throttled_look_lets_looks_rest_and_no_start() -> None:
    world = World()
    world.pipelines.unreachable = Unreachable(error=ERROR, retry_after=30.0)
    world.pipelines.script(world.pipelines.behind(Unknown(error=ERROR)))
    await world.deliver("m-1", requestId="a")
    world.pipelines.unreachable = None

    await world.deliver("m-2", requestId="b")
    await world.drain(for_seconds=29)

    assert (len(world.pipelines.calls), len(world.pipelines.looks)) == (2, 1)
    await world.drain()
    assert {record.status for record in world.records.all()} == {Status.STARTED}


async def test_a_throttled_list_of_runs_lets_looks_rest_and_is_asked_again() -> None:
    world = World(SETTLE_SECONDS="0")
    world.synapse = throttled = Throttling()
    world.restart()
    throttled.script(Unknown(error=ERROR))

    await world.deliver("m-1")
    await world.drain(for_seconds=29)
    assert (throttled.lists, world.record.status) == (1, Status.UNKNOWN)
    await world.drain()

    assert throttled.lists == 2
    assert world.record.status is Status.FAILED


async def test_a_workspace_without_a_free_place_lets_requests_wait_in_the_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.gateway.throttle.PATIENCE", 0.0)
    world = World(MAX_CONCURRENT_CALLS="1")
    a_slow_call(world, 20.0)

    await asyncio.gather(*[world.deliver(f"m-{n}", requestId=f"r-{n}") for n in range(3)])

    statuses = sorted(record.status for record in world.records.all())
    assert statuses == [Status.STARTED, Status.WAITING, Status.WAITING]
    await world.drain()
    assert {record.status for record in world.records.all()} == {Status.STARTED}


async def test_a_workspace_without_a_free_place_leaves_another_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.gateway.throttle.PATIENCE", 0.0)
    world = World(MAX_CONCURRENT_CALLS="1")
    world.workspaces["other"] = "https://other.dev.azuresynapse.net"
    world.restart()
    a_slow_call(world, 20.0)

    await asyncio.gather(
        world.deliver("m-1", requestId="a"),
        world.deliver("m-2", requestId="b", workspace="other"),
    )

    assert {record.status for record in world.records.all()} == {Status.STARTED}


class Throttling(FakePipelines):
    """Answers the first list of runs with 429."""

    @override
    async def recent_runs(
        self, endpoint: str, pipeline_name: str, since: datetime, until: datetime
    ) -> tuple[RunSeen, ...] | Unreachable:
        seen = await super().recent_runs(endpoint, pipeline_name, since, until)
        return Unreachable(error=ERROR, retry_after=30.0) if self.lists == 1 else seen


class Counted(FakePipelines):
    """Counts how many questions about runs are on the wire at once."""

    on_the_wire = most = 0

    @override
    async def find_run(self, endpoint: str, run_id: str) -> Look:
        return Absent()

    @override
    async def recent_runs(
        self, endpoint: str, pipeline_name: str, since: datetime, until: datetime
    ) -> tuple[RunSeen, ...] | Unreachable:
        self.on_the_wire += 1
        self.most = max(self.most, self.on_the_wire)
        for _ in range(20):
            await asyncio.sleep(0)
        self.on_the_wire -= 1
        return ()


async def test_the_list_of_runs_takes_a_place_as_well() -> None:
    world = World(MAX_CONCURRENT_CALLS="2", SETTLE_SECONDS="0")
    world.synapse = counted = Counted()
    world.restart()
    counted.script(*[Unknown(error=ERROR)] * 6)

    await asyncio.gather(*[world.deliver(f"m-{n}", requestId=f"r-{n}") for n in range(6)])

    assert {record.status for record in world.records.all()} == {Status.FAILED}
    assert counted.most == 2


async def test_who_waits_for_a_throttled_workspace_again_and_again_comes_back_ever_more_spread() -> (
    None
):
    """Thousands that came back together every few seconds would be told the same, and storm the storage."""
    world = World()
    world.clock.next_jitter = 1.0
    await world.deliver("m-1", notBefore=later(world, 1.0))
    waits = []
    for number in range(5):
        (waiting, *_) = world.records.all()
        world.clock.advance(waiting.wait_seconds)
        world.pipelines.script(Throttled(error=ERROR, retry_after=3.0))
        await world.deliver(f"m-{number + 2}", requestId=f"other-{number}")
        await world.host.deliver({"resume": "order-17"}, "own")
        waits.append(world.records.all()[0].wait_seconds)

    assert waits == [3.0 + spread for spread in (2.0, 4.0, 8.0, 16.0, 32.0)]
