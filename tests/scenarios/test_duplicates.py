"""The same request again: the record answers first."""

from datetime import timedelta

import pytest

from shared.gateway.gateway import Answered, Deferred
from shared.kernel.errors import StorageUnavailable
from shared.ports import Conflict
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Record, Status
from shared.runs.request import Resume
from tests.scenarios.world import World, a_request, later


async def test_a_finished_request_gets_the_same_answer_again() -> None:
    world = World()

    await world.deliver("m-1", correlationId="first")
    await world.deliver("m-2", correlationId="second")

    first, second = world.results.published
    assert first.result_id == second.result_id
    assert (first.duplicate, second.duplicate) == (False, True)
    assert (first.correlation_id, second.correlation_id) == ("first", "second")
    assert len(world.pipelines.calls) == 1


async def test_a_redelivery_of_the_same_message_is_no_duplicate() -> None:
    world = World()

    await world.deliver("m-1")
    await world.deliver("m-1")

    assert [result.duplicate for result in world.results.published] == [False, False]
    assert len(world.pipelines.calls) == 1


async def test_another_request_under_the_same_id_is_a_conflict() -> None:
    world = World()

    await world.deliver("m-1")
    before = world.record
    await world.deliver("m-2", parameters={"day": 2})

    conflict = world.results.published[1]
    assert conflict.error is not None
    assert (conflict.status, conflict.error.code) == ("Rejected", "RequestIdConflict")
    assert world.record == before
    assert before.fingerprint not in conflict.to_json()


async def test_a_conflict_by_http_leaves_no_recovery_message() -> None:
    world = World()

    await world.deliver("m-1")
    reception = await world.host.call(a_request(parameters={"day": 2}))

    assert isinstance(reception, Answered)
    assert reception.result.error is not None
    assert reception.result.error.code == "RequestIdConflict"
    assert world.requests.messages == []


async def test_a_conflict_found_by_its_recovery_message_is_told_as_one() -> None:
    """The process died between its claim, which failed, and its answer."""
    world = World()
    await world.deliver("m-1")
    world.results.mishaps.fail("publish")
    with pytest.raises(StorageUnavailable):
        await world.host.call(a_request(parameters={"day": 2}))
    world.restart()

    await world.drain()

    assert [result.error and result.error.code for result in world.results.published] == [
        None,
        "RequestIdConflict",
    ]


async def test_an_open_request_is_waited_for() -> None:
    world = World()

    await world.deliver("m-1", notBefore=later(world, 60), correlationId="first")
    await world.deliver("m-2", notBefore=later(world, 90), correlationId="second")
    await world.drain()

    told = {result.correlation_id: result.duplicate for result in world.results.published}
    assert told == {"first": False, "second": True}
    assert len(world.pipelines.calls) == 1


async def test_a_duplicate_by_http_is_deferred_while_another_holds_the_lease() -> None:
    world = World()
    receptions = []

    async def meanwhile() -> None:
        receptions.append(await world.restart().call(a_request(), "h-2"))

    world.records.mishaps.meanwhile("update", meanwhile)
    first = await world.host.call(a_request(), "h-1")
    await world.drain()

    assert isinstance(first, Answered)
    assert isinstance(receptions[0], Deferred)
    assert len(world.pipelines.calls) == 1
    assert [result.duplicate for result in world.results.published] == [False, True]


async def test_a_started_request_is_answered_after_its_expiry() -> None:
    world = World()

    await world.deliver("m-1", expiresAt=later(world, 60))
    expired = later(world, 60)
    world.clock.advance(3600)
    await world.deliver("m-1", expiresAt=expired)
    await world.deliver("m-2", expiresAt=expired)

    assert {result.status for result in world.results.published} == {"Started"}


async def test_a_started_request_is_answered_after_its_workspace_has_gone() -> None:
    world = World()
    world.workspaces = {"sales": "https://sales.dev.azuresynapse.net"}
    await world.restart().deliver(
        {"pipelineName": "copy", "requestId": "a", "workspace": "sales"}, "m-1"
    )
    world.workspaces = {}
    await world.restart().deliver(
        {"pipelineName": "copy", "requestId": "a", "workspace": "sales"}, "m-1"
    )
    await world.host.deliver(
        {"pipelineName": "copy", "requestId": "a", "workspace": "sales"}, "m-2"
    )

    assert [result.status for result in world.results.published] == ["Started"] * 3


async def test_a_resume_of_an_unknown_request_is_audited_and_acknowledged() -> None:
    world = World()

    await world.host.deliver(Resume(resume="nobody").to_json().encode(), "m-1")

    (entry,) = world.audit.entries
    assert entry.error is not None
    assert (entry.request_id, entry.error.code) == ("nobody", "NotFound")
    assert world.results.published == []


async def test_a_wall_clock_that_is_ten_minutes_wrong_decides_nothing_twice() -> None:
    world = World()
    expires = later(world, 300)
    world.results.mishaps.fail("publish")

    world.clock.wall_offset = timedelta(minutes=10)
    with pytest.raises(StorageUnavailable):
        await world.deliver("m-1", expiresAt=expires)
    world.clock.wall_offset = timedelta()
    await world.deliver("m-1", expiresAt=expires)

    assert world.record.status is Status.REJECTED
    assert world.pipelines.calls == []
    assert world.result.status == "Rejected"


async def test_who_asked_gets_the_true_answer_after_the_permission_has_gone() -> None:
    world = World()
    await world.deliver("m-1")

    world.permitted = False
    await world.deliver("m-2")

    assert [result.status for result in world.results.published] == ["Started", "Started"]


async def test_another_who_may_not_start_it_is_told_nothing_of_it() -> None:
    world = World()
    await world.deliver("m-1")

    world.permitted = False
    told = await world.host.call(a_request())

    assert isinstance(told, Answered)
    assert (told.result.run_id, told.record) == (None, None)
    assert told.result.error is not None
    assert told.result.error.code == "NotPermitted"


@pytest.mark.parametrize("recorded", [True, False])
async def test_a_caller_who_may_not_start_it_says_nothing_on_the_results_queue(
    *, recorded: bool
) -> None:
    """It can name anybody's requestId: its refusal stands in its answer and in the audit."""
    world = World()
    if recorded:
        await world.deliver("m-1")
    world.permitted = False

    told = await world.host.call(a_request(), "h-1")

    assert isinstance(told, Answered)
    assert [result.status for result in world.results.published] == ["Started"] * recorded
    entry = world.audit.entries[-1]
    assert entry.error is not None
    assert (entry.principal, entry.error.code) == ("key", "NotPermitted")
    assert told.result.error == entry.error


async def test_nor_where_the_workspace_has_gone_from_the_configuration() -> None:
    """Who may not start there does not learn which workspaces there are."""
    world = World()
    world.workspaces = {"sales": "https://sales.dev.azuresynapse.net"}
    request = a_request(workspace="sales")
    await world.restart().call(request)
    assert world.record.status is Status.STARTED
    world.workspaces = {}
    world.permitted = False

    told = await world.restart().gateway.submit(
        request, Delivery(id="h-2", source=Source.HTTP), "another"
    )

    assert isinstance(told, Answered)
    assert (told.result.run_id, told.record) == (None, None)
    assert told.result.error is not None
    assert told.result.error.code == "NotPermitted"


@pytest.mark.parametrize("barred", [False, True])
async def test_a_conflict_tells_the_first_request_s_state_to_who_may_start_it(
    *, barred: bool
) -> None:
    world = World()
    await world.deliver("m-1", pipelineName="secretive")
    world.barred = {"secretive"} if barred else set()

    told = await world.host.call(a_request())

    assert isinstance(told, Answered)
    assert told.result.error is not None
    assert told.result.error.code == "RequestIdConflict"
    assert ("Started" in told.result.error.message) is not barred


async def test_a_record_that_goes_at_every_look_ends_in_another_delivery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Retention may delete a record between our insert and our look: not for ever."""
    world = World()
    inserts = 0

    async def overtaken_by_nobody(record: Record) -> Conflict:
        nonlocal inserts
        inserts += 1
        return Conflict(stored=None)

    monkeypatch.setattr(world.records, "insert", overtaken_by_nobody)

    with pytest.raises(StorageUnavailable):
        await world.deliver()

    assert inserts == 5
    assert world.pipelines.calls == []
