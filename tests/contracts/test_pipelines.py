"""The contract of the `Pipelines` port, on the fake and on the simulated workspace.

On the simulator the token comes from its managed identity endpoint through azure-identity's own
credential, and a call without one is refused.
"""

import json
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Literal

import pytest

from local.synapse.errors import UnknownRun
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import (
    Absent,
    Forbidden,
    Found,
    NotSent,
    Refused,
    Reply,
    Started,
    Throttled,
    Unauthorized,
    Unknown,
    Unreachable,
)
from tests.contracts.pipelines_world import INVISIBLE, FakeWorld, PipelinesWorld, simulated
from tests.unit.builders import ERROR


@pytest.fixture(params=["fake", "simulator"])
async def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PipelinesWorld]:
    if request.param == "fake":
        yield FakeWorld()
        return
    async with simulated(monkeypatch) as world:
        yield world


def a_call(world: PipelinesWorld, number: int = 1, pipeline: str = "copy") -> CreateRun:
    return CreateRun(
        endpoint=world.endpoint,
        pipeline_name=pipeline,
        parameters=json.dumps({"day": number}).encode(),
        client_request_id=str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
    )


async def create(world: PipelinesWorld, number: int = 1, pipeline: str = "copy") -> Reply:
    return await world.pipelines.create_run(a_call(world, number, pipeline))


async def start(world: PipelinesWorld, number: int = 1, pipeline: str = "copy") -> str:
    reply = await create(world, number, pipeline)
    assert isinstance(reply, Started), reply
    return reply.run_id


class TestCreateRun:
    async def test_run_gets_the_id_that_was_sent(self, world: PipelinesWorld) -> None:
        call = a_call(world)

        reply = await world.pipelines.create_run(call)

        assert isinstance(reply, Started)
        assert (reply.run_id, reply.echoed) == (call.client_request_id, True)

    async def test_same_id_gives_the_existing_run(self, world: PipelinesWorld) -> None:
        """Whatever else the second call asks for."""
        first = await start(world)
        second = a_call(world, pipeline="load")

        reply = await world.pipelines.create_run(second)

        assert isinstance(reply, Started)
        assert reply.run_id == first
        assert await world.started() == 1

    async def test_workspace_may_give_ids_of_its_own(self, world: PipelinesWorld) -> None:
        """Then each call starts a run, and says so."""
        await world.stop_echoing()

        replies = [await create(world), await create(world)]

        assert all(isinstance(reply, Started) and not reply.echoed for reply in replies)
        assert await world.started() == 2

    async def test_refused_call_starts_nothing(self, world: PipelinesWorld) -> None:
        await world.answer(400)

        reply = await create(world)

        assert isinstance(reply, Refused)
        assert reply.error == ERROR
        assert await world.started() == 0

    async def test_throttled_call_starts_nothing(self, world: PipelinesWorld) -> None:
        await world.answer(429, retry_after="7")

        reply = await create(world)

        assert isinstance(reply, Throttled)
        assert (reply.error, reply.retry_after) == (ERROR, 7)
        assert await world.started() == 0

    async def test_failed_call_is_unknown_and_not_repeated(self, world: PipelinesWorld) -> None:
        await world.answer(503, retry_after="0")

        assert isinstance(await create(world), Unknown)
        assert await world.sent() == 1

    async def test_run_behind_a_lost_answer_is_found(self, world: PipelinesWorld) -> None:
        await world.lose_answer(started=True)
        call = a_call(world)

        assert isinstance(await world.pipelines.create_run(call), Unknown)
        assert await world.sent() == 1
        look = await world.pipelines.find_run(world.endpoint, call.client_request_id)
        assert isinstance(look, Found)
        assert look.run_id == call.client_request_id

    async def test_run_that_never_began_is_absent(self, world: PipelinesWorld) -> None:
        await world.lose_answer(started=False)
        call = a_call(world)

        assert isinstance(await world.pipelines.create_run(call), Unknown)
        look = await world.pipelines.find_run(world.endpoint, call.client_request_id)
        assert look == Absent()
        assert await world.started() == 0


class TestAuthorize:
    async def test_token_is_ready(self, world: PipelinesWorld) -> None:
        assert await world.pipelines.authorize(world.endpoint) is None
        assert await world.sent() == 0

    async def test_refused_token_is_replaced(self, world: PipelinesWorld) -> None:
        await world.pipelines.authorize(world.endpoint)
        await world.refuse_token()

        assert isinstance(await create(world), Unauthorized)
        assert await world.pipelines.authorize(world.endpoint, refused=True) is None
        assert isinstance(await create(world), Started)
        assert await world.started() == 1

    async def test_no_identity_means_nothing_is_sent(self, world: PipelinesWorld) -> None:
        await world.take_identity_away()

        refusal = await world.pipelines.authorize(world.endpoint)

        assert isinstance(refusal, NotSent)
        assert refusal.error.code == "GatewayUnavailable"


class TestFindRun:
    async def test_run_is_found_by_its_id(self, world: PipelinesWorld) -> None:
        run_id = await start(world, pipeline="load")

        look = await world.pipelines.find_run(world.endpoint, run_id)

        assert isinstance(look, Found)
        assert (look.run_id, look.pipeline_name) == (run_id, "load")
        assert look.status

    async def test_run_is_found_by_its_id_without_dashes(self, world: PipelinesWorld) -> None:
        run_id = await start(world)

        look = await world.pipelines.find_run(world.endpoint, run_id.replace("-", ""))

        assert isinstance(look, Found)

    async def test_unknown_run_is_absent(self, world: PipelinesWorld) -> None:
        await start(world)

        assert await world.pipelines.find_run(world.endpoint, str(uuid.uuid1())) == Absent()

    @pytest.mark.parametrize(
        ("status", "form"), [(400, "nested"), (404, "nested"), (400, "flat"), (404, "flat")]
    )
    async def test_synapse_says_in_any_form_of_its_errors_that_a_run_is_absent(
        self, world: PipelinesWorld, status: Literal[400, 404], form: UnknownRun
    ) -> None:
        await world.answer_unknown_runs(status, form)

        assert await world.pipelines.find_run(world.endpoint, str(uuid.uuid1())) == Absent()

    @pytest.mark.parametrize("form", ["html", "empty"])
    async def test_a_404_of_another_is_no_word_of_synapse_s(
        self, world: PipelinesWorld, form: UnknownRun
    ) -> None:
        await world.answer_unknown_runs(404, form)

        look = await world.pipelines.find_run(world.endpoint, str(uuid.uuid1()))

        assert isinstance(look, Unreachable)
        assert look.error.code == "UnreadableResponse"

    async def test_new_run_may_be_hidden_at_first(self, world: PipelinesWorld) -> None:
        await world.hide_new_runs()
        run_id = await start(world)

        assert await world.pipelines.find_run(world.endpoint, run_id) == Absent()
        await world.pass_time(INVISIBLE)
        assert isinstance(await world.pipelines.find_run(world.endpoint, run_id), Found)

    async def test_identity_may_not_look(self, world: PipelinesWorld) -> None:
        run_id = await start(world)
        await world.forbid_looks()

        assert isinstance(await world.pipelines.find_run(world.endpoint, run_id), Forbidden)

    async def test_workspace_may_fail_to_answer(self, world: PipelinesWorld) -> None:
        run_id = await start(world)
        await world.break_looks()

        look = await world.pipelines.find_run(world.endpoint, run_id)

        assert look == Unreachable(error=ERROR)


class TestRecentRuns:
    async def ids(self, world: PipelinesWorld, pipeline: str = "copy") -> list[str] | None:
        now = world.clock.now()
        minute = timedelta(minutes=1)
        seen = await world.pipelines.recent_runs(
            world.endpoint, pipeline, now - minute, now + minute
        )
        return None if isinstance(seen, Unreachable) else [run.run_id for run in seen]

    async def test_newest_come_first(self, world: PipelinesWorld) -> None:
        started = []
        for number in range(3):
            started.append(await start(world, number))
            await world.pass_time(0.005)

        assert await self.ids(world) == started[::-1]

    async def test_there_are_ten_at_the_most(self, world: PipelinesWorld) -> None:
        started = []
        for number in range(12):
            started.append(await start(world, number))
            await world.pass_time(0.005)

        assert await self.ids(world) == started[:1:-1]

    async def test_other_pipelines_are_left_out(self, world: PipelinesWorld) -> None:
        await start(world, 1)
        other = await start(world, 2, pipeline="load")

        assert await self.ids(world, "load") == [other]

    async def test_other_times_are_left_out(self, world: PipelinesWorld) -> None:
        await start(world)
        until = world.clock.now() - timedelta(minutes=1)
        since = until - timedelta(hours=1)

        assert await world.pipelines.recent_runs(world.endpoint, "copy", since, until) == ()

    async def test_identity_may_not_list(self, world: PipelinesWorld) -> None:
        await start(world)
        await world.forbid_looks()

        assert await self.ids(world) is None

    async def test_workspace_may_fail_to_answer(self, world: PipelinesWorld) -> None:
        await start(world)
        await world.break_looks()

        assert await self.ids(world) is None
