"""A chain that ends while a run starts: every order in which their calls to storage can fall.

Whatever the order, an open run has a living chain afterwards: one whose message is on the queue.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, override

import pytest

from shared.following_ports import Chain
from shared.runs.record import Record, Status
from shared.runs.request import Follow
from tests.fakes.mishaps import Mishaps
from tests.scenarios.world import Host, World
from tests.unit.builders import a_record, a_request

DELAY = 15.0


class Turns:
    """Lets the calls of several tasks happen in a given order, one at a time."""

    def __init__(self, order: Sequence[int]) -> None:
        self._order = list(order)
        self._names: dict[asyncio.Task[Any], int] = {}
        self._waiting: dict[int, asyncio.Future[None]] = {}

    async def play(self, *work: Coroutine[Any, Any, None]) -> None:
        """Run the work to its end; after the given order, who comes first goes on."""
        tasks = [asyncio.ensure_future(one) for one in work]
        self._names = {task: number for number, task in enumerate(tasks)}
        while not all(task.done() for task in tasks):
            for _ in range(5):
                await asyncio.sleep(0)
            ready = [name for name in self._waiting if not self._waiting[name].done()]
            if not ready:
                continue
            while self._order and self._order[0] not in ready:
                self._order.pop(0)
            name = self._order.pop(0) if self._order else ready[0]
            self._waiting.pop(name).set_result(None)
        for task in tasks:
            task.result()

    async def turn(self) -> None:
        """Wait until this task's next call may happen."""
        task = asyncio.current_task()
        assert task is not None
        name = self._names[task]
        self._waiting[name] = asyncio.get_running_loop().create_future()
        await self._waiting[name]


class Gate(Mishaps):
    """Lets a fake's operations happen when their task has its turn."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns

    @override
    @asynccontextmanager
    async def around(self, operation: str) -> AsyncIterator[None]:
        await self._turns.turn()
        self.calls.append(operation)
        yield


def orders(visit: int, starter: int) -> Iterator[tuple[int, ...]]:
    """Yield every order of so many calls of the two."""
    for places in itertools.combinations(range(visit + starter), visit):
        yield tuple(0 if place in places else 1 for place in range(visit + starter))


def some_orders(tasks: int, calls: int, count: int) -> Iterator[tuple[int, ...]]:
    """Yield some orders of the calls of several tasks, the same each time."""
    dice = random.Random(17)
    for _ in range(count):
        yield tuple(dice.randrange(tasks) for _ in range(calls))


def a_started_run(world: World, number: int) -> Record:
    now = world.clock.now()
    return a_record(
        a_request(requestId=f"new-{number}"),
        endpoint=world.endpoint,
        status=Status.STARTED,
        run_id=f"run-{number}",
        followed=True,
        finished_at=now,
    )


async def play(
    order: Sequence[int], age: float, *, starters: int = 1, trusts: bool = False
) -> None:
    """Visit a chain that has no open run left, while runs start.

    Args:
        order: of the calls; 0 is the visit, the others are starters.
        age: seconds since the chain was written.
        starters: how many processes start a run.
        trusts: whether they have read the chain when it was written.
    """
    world = World()
    chain = Chain(endpoint=world.endpoint, token="now", delay=DELAY)
    world.chains._write(chain)
    hosts = [Host(world, world.clock, world.settings) for _ in range(starters)]
    if trusts:
        for host in hosts:
            await host.tracking.ensure(world.endpoint)
    world.clock.advance(age)
    turns = Turns(order)
    for fake in (world.chains, world.open_runs, world.requests):
        fake.mishaps = Gate(turns)
    runs = [a_started_run(world, number) for number in range(starters)]

    await turns.play(
        world.host.follower.visit(Follow(follow=chain.key, token="now")),
        *(host.tracking.track(run) for host, run in zip(hosts, runs, strict=True)),
    )

    (standing,) = world.chains.standing
    assert len(world.open_runs.standing) == starters
    assert standing.token in {message.follow.token for message in world.requests.follows}


@pytest.mark.parametrize("age", [0.0, DELAY - 0.5, DELAY, 700.0])
async def test_a_chain_that_ends_while_a_run_starts(age: float) -> None:
    for order in orders(5, 4):
        await play(order, age)


@pytest.mark.parametrize("age", [0.0, DELAY - 2.0, DELAY])
async def test_a_chain_that_ends_while_a_process_starts_a_run_that_has_seen_it(age: float) -> None:
    for order in orders(5, 2):
        await play(order, age, trusts=True)


@pytest.mark.parametrize("age", [0.0, DELAY])
async def test_a_chain_that_ends_while_two_processes_start_runs(age: float) -> None:
    for order in some_orders(3, 14, 150):
        await play(order, age, starters=2)


async def test_a_chain_that_begins_while_two_processes_start_runs() -> None:
    """There is none yet: one of them is quicker, and the other's message will be dropped."""
    for order in orders(4, 4):
        world = World()
        hosts = [Host(world, world.clock, world.settings) for _ in range(2)]
        turns = Turns(order)
        for fake in (world.chains, world.open_runs, world.requests):
            fake.mishaps = Gate(turns)
        runs = [a_started_run(world, number) for number in range(2)]

        await turns.play(*(host.tracking.track(run) for host, run in zip(hosts, runs, strict=True)))

        (standing,) = world.chains.standing
        assert len(world.open_runs.standing) == 2
        assert standing.token in {message.follow.token for message in world.requests.follows}
