"""Cancel and rerun."""

import json

import pytest
from pydantic import JsonValue

from shared.gateway.gateway import Answered, Deferred
from shared.gateway.operations import Cancelling
from shared.gateway.refusal import Refusal
from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import StorageUnavailable
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Record, Status
from shared.synapse.reply import Refused, Throttled
from tests.scenarios.world import World, a_request, later

ERROR = CloudError(code="BadThing", message="It went wrong.")
BY_HTTP = Delivery(id="h-9", source=Source.HTTP)


def code(outcome: object) -> str | None:
    return outcome.error.code if isinstance(outcome, Refusal) else None


async def test_a_waiting_request_that_was_never_sent_is_rejected_when_cancelled() -> None:
    world = World()
    await world.deliver(notBefore=later(world, 60))

    cancelled = await world.host.operations.cancel("order-17", "key")
    await world.drain()

    assert isinstance(cancelled, Record)
    assert world.record.status is Status.REJECTED
    assert {r.error and r.error.code for r in world.results.published} == {"RequestCancelled"}
    assert world.pipelines.calls == []


async def test_a_waiting_request_that_was_sent_is_failed_when_cancelled() -> None:
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=60.0))
    await world.deliver()

    await world.host.operations.cancel("order-17", "key")

    assert world.record.status is Status.FAILED
    assert world.result.error is not None
    assert world.result.error.code == "RequestCancelled"


async def test_who_dies_before_a_cancellation_is_told_leaves_a_message_that_tells_it() -> None:
    """Not only when the request's own time has come."""
    world = World()
    await world.deliver(notBefore=later(world, 5 * 24 * 3600))
    world.results.mishaps.fail("publish")

    with pytest.raises(StorageUnavailable):
        await world.host.operations.cancel("order-17", "key")
    world.restart()
    await world.drain(for_seconds=300.0)

    assert world.result.error is not None
    assert world.result.error.code == "RequestCancelled"


async def test_a_finished_request_is_not_cancelled() -> None:
    world = World()
    world.pipelines.script(Refused(error=ERROR))
    await world.deliver()

    assert code(await world.host.operations.cancel("order-17", "key")) == "InvalidState"
    assert code(await world.host.operations.cancel("nobody", "key")) == "NotFound"


async def test_a_rerun_is_another_run_of_the_same_request() -> None:
    world = World()
    await world.deliver()

    again = await world.host.operations.rerun("order-17", 2, BY_HTTP, "key")

    assert isinstance(again, Answered)
    first, second = world.pipelines.runs
    assert first.run_id != second.run_id
    assert (again.result.generation, again.result.run_id) == (2, second.run_id)
    assert first.call.parameters == second.call.parameters
    assert world.requests.messages == []


async def test_a_rerun_sent_twice_is_one_new_run() -> None:
    world = World()
    await world.deliver()

    one = await world.host.operations.rerun("order-17", 2, BY_HTTP, "key")
    other = BY_HTTP.model_copy(update={"id": "h-10"})
    two = await world.host.operations.rerun("order-17", 2, other, "key")

    assert isinstance(one, Answered)
    assert isinstance(two, Answered)
    assert one.result.result_id == two.result.result_id
    assert len(world.pipelines.runs) == 2


async def test_a_rerun_before_the_first_result_was_published_lets_both_out() -> None:
    world = World()
    world.results.mishaps.fail("publish")
    with pytest.raises(StorageUnavailable):
        await world.deliver("m-1")

    await world.host.operations.rerun("order-17", 2, BY_HTTP, "key")
    await world.deliver("m-1")

    assert {(r.generation, r.run_id) for r in world.results.published} == {
        (1, world.pipelines.runs[0].run_id),
        (2, world.pipelines.runs[1].run_id),
    }


async def test_a_rerun_whose_process_dies_is_taken_up_again() -> None:
    world = World()
    await world.deliver()
    world.records.mishaps.fail("update", landed=True)

    with pytest.raises(StorageUnavailable):
        await world.host.operations.rerun("order-17", 2, BY_HTTP, "key")
    world.restart()
    await world.drain()

    assert len(world.pipelines.runs) == 2
    assert (world.record.generation, world.record.status) == (2, Status.STARTED)


@pytest.mark.parametrize("generation", [0, 1, 3])
async def test_a_rerun_names_the_next_generation(generation: int) -> None:
    world = World()
    await world.deliver()

    refused = await world.host.operations.rerun("order-17", generation, BY_HTTP, "key")

    assert code(refused) == "InvalidState"
    assert len(world.pipelines.runs) == 1


async def test_an_open_request_is_not_run_again() -> None:
    world = World()
    await world.deliver(notBefore=later(world, 60))

    assert code(await world.host.operations.rerun("order-17", 2, BY_HTTP, "key")) == "InvalidState"


async def test_redacted_parameters_are_brought_again_for_a_rerun() -> None:
    world = World()
    secret: dict[str, JsonValue] = {"password": "hunter2-hunter2", "day": 1}
    world.pipelines.script(Refused(error=ERROR))
    await world.deliver(parameters=secret)
    operations = world.host.operations

    assert code(await operations.rerun("order-17", 2, BY_HTTP, "key")) == "InvalidRequest"
    wrong: dict[str, JsonValue] = {**secret, "day": 2}
    assert code(await operations.rerun("order-17", 2, BY_HTTP, "key", wrong)) == "InvalidRequest"
    assert isinstance(await operations.rerun("order-17", 2, BY_HTTP, "key", secret), Answered)

    assert json.loads(world.pipelines.calls[-1].parameters) == secret
    assert "hunter2" not in repr(world.record)


async def test_a_throttled_rerun_is_deferred() -> None:
    world = World()
    await world.deliver()
    world.pipelines.script(Throttled(error=ERROR, retry_after=5.0))

    deferred = await world.host.operations.rerun("order-17", 2, BY_HTTP, "key")
    await world.drain()

    assert isinstance(deferred, Deferred)
    assert len(world.pipelines.runs) == 2
    assert len(world.results.published) >= 2


async def test_a_cancel_that_loses_its_race_follows_the_record() -> None:
    world = World()
    await world.deliver(notBefore=later(world, 60))
    world.clock.advance(60.0)
    world.records.mishaps.meanwhile("update", world.drain)

    outcome = await world.host.operations.cancel("order-17", "key")

    assert isinstance(outcome, Cancelling)
    assert outcome.record.status is Status.STARTED
    assert world.pipelines.cancels == [(world.run_id, True)]


async def test_a_request_may_be_accepted_for_later() -> None:
    world = World()

    deferred = await world.host.gateway.accept(a_request(), BY_HTTP, "key")
    assert isinstance(deferred, Deferred)
    assert world.record.status is Status.WAITING
    await world.drain()

    assert (world.record.status, world.result.source) == (Status.STARTED, "http")


async def test_accepting_twice_is_one_run() -> None:
    world = World()

    await world.host.gateway.accept(a_request(), BY_HTTP, "key")
    await world.host.gateway.accept(a_request(), BY_HTTP, "key")
    await world.drain()

    assert len(world.pipelines.runs) == 1


async def test_an_expired_request_is_not_accepted() -> None:
    world = World()

    reception = await world.host.gateway.accept(
        a_request(expiresAt=later(world, -1)), BY_HTTP, "key"
    )

    assert isinstance(reception, Answered)
    assert world.record.status is Status.REJECTED


async def test_a_request_that_may_not_be_started_when_its_time_comes_is_rejected() -> None:
    world = World()
    await world.deliver(notBefore=later(world, 60))

    world.permitted = False
    await world.drain()

    assert world.record.status is Status.REJECTED
    assert world.result.error is not None
    assert world.result.error.code == "NotPermitted"
