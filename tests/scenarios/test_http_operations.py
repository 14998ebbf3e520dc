"""`POST /api/runs/{requestId}/cancel`, `/rerun` and `/resolve`: what an operator may do over HTTP."""

import json
from typing import Any

import pytest

from shared.kernel.cloud_error import CloudError
from shared.synapse.reply import Refused, Throttled, Unknown
from tests.scenarios.api import Api
from tests.scenarios.world import World, later

ERROR = CloudError(code="BadThing", message="It went wrong.")
LOST = Unknown(error=CloudError(code="AnswerLost", message="The connection was cut."))
SECRET = {"password": "hunter2-hunter2", "day": 1}
RUN = "6f8f7d6e-4f0e-4b8e-9a53-0f6f5e0c9c11"


async def finished(**fields: Any) -> World:
    world = World()
    await world.deliver(**fields)
    return world


async def unresolved() -> World:
    world = World(echoes=False)
    world.pipelines.script(LOST)
    await world.deliver()
    await world.drain()
    return world


# Cancel.


async def test_a_waiting_request_is_cancelled_and_shown() -> None:
    """A repeat gets the same answer."""
    world = World()
    await world.deliver(notBefore=later(world, 60))

    once, again = await Api(world).cancel(), await Api(world).cancel()

    assert (once.status, once.body["status"]) == (200, "Rejected")
    assert (again.status, again.body) == (200, once.body)
    assert len(world.results.published) == 1


async def test_a_request_that_has_failed_is_not_cancelled() -> None:
    world = World()
    world.pipelines.script(Refused(error=ERROR))
    await world.deliver()

    answer = await Api(world).cancel()

    assert (answer.status, answer.code) == (409, "InvalidState")
    assert "Retry-After" not in answer.headers


async def test_a_request_on_its_way_may_be_cancelled_later() -> None:
    world = World()
    world.pipelines.script(LOST)
    await world.deliver()

    answer = await Api(world).cancel()

    assert (answer.status, answer.headers["Retry-After"]) == (409, "2")


async def test_what_nobody_asked_for_is_not_found() -> None:
    api = Api(World())

    answers = [
        await api.cancel("nobody"),
        await api.rerun({"generation": 2}, "nobody"),
        await api.resolve({"runId": None}, "nobody"),
        await api.run("nobody"),
    ]

    assert {(answer.status, answer.code) for answer in answers} == {(404, "NotFound")}


async def test_what_one_may_not_start_one_may_not_touch() -> None:
    """Nor learn that it is there."""
    world = await finished()
    before = world.record
    api = Api(world, pipelines={"other"})

    async def all_answers(request_id: str) -> list[tuple[int, str]]:
        answers = [
            await api.cancel(request_id),
            await api.rerun(b"{", request_id),
            await api.resolve(b"{", request_id),
        ]
        return [(answer.status, answer.text.replace(request_id, "x")) for answer in answers]

    barred = await all_answers("order-17")

    assert {status for status, _ in barred} == {404}
    assert barred == await all_answers("nobody")
    assert world.record == before


async def test_what_can_be_no_id_is_refused() -> None:
    api = Api(World())

    assert (await api.cancel("..%2F..")).status == 400
    assert (await api.rerun({"generation": 2}, "a\x00b")).status == 400
    assert (await api.resolve({"runId": None}, "a b")).status == 400


# Rerun.


async def test_a_rerun_is_another_run() -> None:
    world = await finished()

    answer = await Api(world).rerun({"generation": 2})

    assert (answer.status, answer.body["generation"]) == (202, 2)
    assert answer.body["runId"] == world.pipelines.runs[1].run_id
    assert answer.headers["Location"] == "/api/runs/order-17"


async def test_a_rerun_sent_twice_is_one_run() -> None:
    world = await finished()
    api = Api(world)

    one, two = await api.rerun({"generation": 2}), await api.rerun({"generation": 2})

    assert one.body["resultId"] == two.body["resultId"]
    assert two.body["duplicate"] is True
    assert len(world.pipelines.runs) == 2


async def test_the_state_that_was_seen_names_the_generation() -> None:
    """Also when it is sent again, after its rerun."""
    world = await finished()
    api = Api(world)
    tag = (await api.show()).headers["ETag"]

    one, two = await api.rerun(if_match=tag), await api.rerun(if_match=tag)

    assert (one.body["generation"], two.body["generation"]) == (2, 2)
    assert len(world.pipelines.runs) == 2


async def test_a_state_that_has_changed_is_not_run_again() -> None:
    world = await unresolved()
    api = Api(world)
    tag = (await api.show()).headers["ETag"]
    await api.resolve({"runId": None})

    answer = await api.rerun(if_match=tag)

    assert (answer.status, answer.code) == (412, "InvalidState")
    assert len(world.pipelines.calls) == 1


async def test_a_state_that_changes_at_that_very_moment_is_not_run_again() -> None:
    """Another operator has just found the run."""
    world = await unresolved()
    api = Api(world)
    tag = (await api.show()).headers["ETag"]

    async def resolve_before_the_next_look() -> None:
        world.records.mishaps.meanwhile("get", lambda: api.resolve({"runId": RUN}))

    world.records.mishaps.meanwhile("get", resolve_before_the_next_look)
    answer = await api.rerun(if_match=tag)

    assert (answer.status, answer.code) == (412, "InvalidState")
    assert (world.record.run_id, world.record.generation) == (RUN, 1)


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (b"", "$.generation"),
        (b"{}", "$.generation"),
        (b'{"generation": null}', "$.generation"),
        (b'{"generation": 1}', "$.generation"),
        (b'{"generation": "2"}', "$.generation"),
        (b'{"generation": 2.0}', "$.generation"),
        (b'{"generation": true}', "$.generation"),
        (b'{"generation": 2147483648}', "$.generation"),
        (b'{"generation": ' + b"9" * 4000 + b"}", "$.generation"),
        (b'{"generation": 2, "typo": 1}', "$.typo"),
        (b'{"generation": 2, "parameters": []}', "$.parameters"),
        (b'{"generation": 2, "recovery": true}', "$.recovery"),
        (b'{"generation": 2, "recovery": {"startActivityName": ""}}', "$.recovery"),
        (b'{"generation": 2, "recovery": {}, "parameters": {}}', "$.parameters"),
    ],
)
async def test_a_rerun_that_can_t_be_understood_is_refused(body: bytes, target: str) -> None:
    world = await finished()

    answer = await Api(world).rerun(body)

    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert any(told.startswith(target) for told in answer.targets)
    assert len(world.pipelines.calls) == 1


@pytest.mark.parametrize(
    "tag", ["*", "1", '"1"', 'W/"1-0123456789abcdef"', '"0-0123456789abcdef"', '"1-x", "1-y"']
)
async def test_what_is_no_etag_of_ours_is_refused(tag: str) -> None:
    """With what is wrong in the body beside it."""
    answer = await Api(await finished()).rerun(b'{"typo": 1}', if_match=tag)

    assert (answer.status, answer.targets) == (400, ["$.headers.if-match", "$.typo"])


async def test_header_and_body_agree_on_the_generation() -> None:
    world = await finished()
    api = Api(world)
    tag = (await api.show()).headers["ETag"]

    assert (await api.rerun({"generation": 3}, if_match=tag)).targets == ["$.generation"]
    assert (await api.rerun({"generation": 2}, if_match=tag)).status == 202


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [(b"{", "InvalidJson", 400), (b" " * (512 * 1024 + 1), "RequestTooLarge", 413)],
)
async def test_a_body_that_can_t_be_read_is_refused(body: bytes, code: str, status: int) -> None:
    api = Api(await finished())

    rerun, resolve = await api.rerun(body), await api.resolve(body)

    assert (rerun.status, rerun.code) == (resolve.status, resolve.code) == (status, code)


async def test_a_body_of_another_type_is_refused() -> None:
    api = Api(await finished())

    assert (await api.rerun(b"x", content_type="text/plain")).status == 415
    assert (await api.resolve(b"x", content_encoding="gzip")).status == 415


async def test_redacted_values_are_brought_again() -> None:
    world = World()
    world.pipelines.script(Refused(error=ERROR))
    await world.deliver(parameters=SECRET)
    api = Api(world)

    without = await api.rerun({"generation": 2})
    with_them = await api.rerun({"generation": 2, "parameters": SECRET})

    assert (without.status, without.body["error"]["target"]) == (400, "$.parameters")
    assert with_them.status == 202
    assert json.loads(world.pipelines.calls[-1].parameters) == SECRET


async def test_an_open_request_is_run_again_later() -> None:
    world = World()
    world.pipelines.script(LOST)
    await world.deliver()

    answer = await Api(world).rerun({"generation": 2})

    assert (answer.status, answer.headers["Retry-After"]) == (409, "2")


async def test_a_throttled_rerun_waits() -> None:
    world = await finished()
    world.pipelines.script(Throttled(error=ERROR, retry_after=5.0))

    answer = await Api(world).rerun({"generation": 2})

    assert (answer.status, answer.body["status"], answer.body["generation"]) == (202, "Waiting", 2)


# Recovery.


@pytest.mark.parametrize("activity", [None, "Copy"])
async def test_a_recovery_goes_on_where_the_run_failed(activity: str | None) -> None:
    """Its parameters are those of that run, so that no secret has to be brought again."""
    world = await finished(parameters=SECRET)
    recovery = {"startActivityName": activity} if activity else {}

    answer = await Api(world).rerun({"generation": 2, "recovery": recovery})

    call = world.pipelines.calls[-1]
    assert answer.status == 202
    assert call.reference_run_id == world.pipelines.runs[0].run_id
    assert (call.is_recovery, call.start_activity_name) == (True, activity)
    assert call.parameters == b""


async def test_a_recovery_needs_a_run() -> None:
    world = World()
    world.pipelines.script(Refused(error=ERROR))
    await world.deliver()

    answer = await Api(world).rerun({"generation": 2, "recovery": {}})

    assert (answer.status, answer.code) == (409, "InvalidState")


async def test_the_first_request_sent_again_meets_its_recovery() -> None:
    """It is the same request still, and no conflict."""
    world = await finished()
    recovered = await Api(world).rerun({"generation": 2, "recovery": {}})

    await world.deliver("m-2")

    assert world.results.published[-1].duplicate
    assert world.results.published[-1].run_id == recovered.body["runId"]


async def test_a_recovered_request_may_be_recovered_or_run_again() -> None:
    world = await finished()
    api = Api(world)

    await api.rerun({"generation": 2, "recovery": {"startActivityName": "Copy"}})
    await api.rerun({"generation": 3, "recovery": {}})
    await api.rerun({"generation": 4})

    first, second, third, fourth = world.pipelines.calls
    assert second.reference_run_id == world.pipelines.runs[0].run_id
    assert third.reference_run_id == world.pipelines.runs[1].run_id
    assert (third.start_activity_name, fourth.reference_run_id) == (None, None)
    assert (fourth.is_recovery, fourth.parameters) == (None, first.parameters)


async def test_a_recovery_s_own_recovery_can_only_be_recovered() -> None:
    """The run that was referred to first is no longer known; no parameters that could be brought would help."""
    world = await finished(referencePipelineRunId="first", parameters=None)
    api = Api(world)
    await api.rerun({"generation": 2, "recovery": {}})

    plain = await api.rerun({"generation": 3})
    recovery = await api.rerun({"generation": 3, "recovery": {}})

    assert (plain.status, plain.code) == (409, "InvalidState")
    assert "recover" in plain.body["error"]["message"]
    assert recovery.status == 202


async def test_a_recovered_request_still_knows_that_values_were_redacted() -> None:
    world = await finished(parameters=SECRET)
    api = Api(world)

    await api.rerun({"generation": 2, "recovery": {}})

    assert (await api.show()).body["redacted"] is True
    assert (await api.rerun({"generation": 3})).body["error"]["target"] == "$.parameters"
    assert (await api.rerun({"generation": 3, "parameters": SECRET})).status == 202
