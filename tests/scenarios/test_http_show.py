"""`GET /api/runs/{requestId}` and `…/run`: what is shown of a request."""

import pytest

from shared.kernel.cloud_error import CloudError
from shared.runs.record import Status
from shared.synapse.reply import Throttled, Unknown, Unreachable
from tests.scenarios.api import Api
from tests.scenarios.world import World, later

ERROR = CloudError(code="BadThing", message="It went wrong.")
SECRET = {"password": "hunter2-hunter2", "day": 1}


async def test_a_request_is_shown_with_its_history() -> None:
    world = World()
    await world.deliver(correlationId="c-1")

    shown = await Api(world).show()

    assert shown.status == 200
    assert {name: shown.body[name] for name in ("requestId", "status", "runId", "generation")} == {
        "requestId": "order-17",
        "status": "Started",
        "runId": world.pipelines.runs[0].run_id,
        "generation": 1,
    }
    assert shown.body["parameters"] == {"day": 1}
    assert (shown.body["source"], shown.body["principal"]) == ("queue", "queue")
    assert shown.body["correlationId"] == "c-1"
    assert [entry["event"] for entry in shown.body["history"]] == ["claimed", "createRun"]
    assert "Retry-After" not in shown.headers
    assert "error" not in shown.body


async def test_an_open_request_shows_no_secret() -> None:
    """Its record still has them."""
    world = World()
    await world.deliver(notBefore=later(world, 60), parameters=SECRET)

    shown = await Api(world).show()

    assert b"hunter2" in world.record.request
    assert "hunter2" not in shown.text
    assert shown.body["parameters"] == {"password": "***", "day": 1}
    assert shown.body["redacted"] is True


async def test_a_parameter_that_is_null_is_shown() -> None:
    world = World()
    await world.deliver(parameters={"day": None})

    assert (await Api(world).show()).body["parameters"] == {"day": None}


async def test_an_open_request_says_when_to_look_again() -> None:
    world = World()
    await world.deliver(notBefore=later(world, 60))

    waiting = (await Api(world).show()).headers["Retry-After"]
    world.clock.advance(59.5)
    soon = (await Api(world).show()).headers["Retry-After"]
    world.pipelines.script(Unknown(error=ERROR))
    await world.deliver("m-2", requestId="order-18")
    unknown = (await Api(world).show("order-18")).headers["Retry-After"]

    assert (waiting, soon, unknown) == ("60", "1", "2")


async def test_a_record_names_its_state() -> None:
    """It changes with each write, and with nothing else."""
    world = World()
    await world.deliver(notBefore=later(world, 60))
    api = Api(world)

    one, same = (await api.show()).headers["ETag"], (await api.show()).headers["ETag"]
    await world.drain()
    other = (await api.show()).headers["ETag"]

    assert one == same != other
    assert one.startswith('"1-')


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*"])
async def test_what_the_caller_has_is_not_sent_again(form: str) -> None:
    world = World()
    await world.deliver()
    tag = (await Api(world).show()).headers["ETag"]

    again = await Api(world).show(if_none_match=form.format(tag))

    assert (again.status, again.text, again.headers["ETag"]) == (304, "", tag)


async def test_an_outcome_changes_what_is_shown_and_not_what_is_run_again() -> None:
    """The record itself is not written when its run ends."""
    world = World()
    await world.deliver()
    api = Api(world)
    before = (await api.show()).headers["ETag"]
    world.pipelines.end(world.run_id, "Failed")
    world.clock.advance(20)
    await world.follow()

    shown = await api.show(if_none_match=before)
    same = await api.show(if_none_match=shown.headers["ETag"])
    again = await api.rerun(if_match=shown.headers["ETag"])

    assert (shown.status, shown.body["outcomes"][0]["outcome"]) == (200, "Failed")
    assert (same.status, shown.headers["ETag"]) == (304, f'{before[:-1]}-1"')
    assert (again.status, again.body["generation"]) == (202, 2)


@pytest.mark.parametrize("other", ['"1-0000000000000000"', "", "x", '"', "\x00"])
async def test_another_state_is_sent(other: str) -> None:
    world = World()
    await world.deliver()

    assert (await Api(world).show(if_none_match=other)).status == 200


async def test_a_request_that_nobody_made_is_not_found() -> None:
    answer = await Api(World()).show("nobody")

    assert (answer.status, answer.code) == (404, "NotFound")


@pytest.mark.parametrize(
    "request_id", ["..%2F..", "%2e%2e/x", "a/b", "a\x00", "a b", "é", "", "x" * 201, "a\r\nb"]
)
async def test_what_can_be_no_id_is_refused(request_id: str) -> None:
    """Before anybody looks for it."""
    world = World()

    answer = await Api(world).show(request_id)

    assert (answer.status, answer.targets) == (400, ["$.path.requestId"])
    assert world.records.mishaps.calls == []


async def test_what_one_may_not_start_is_as_if_it_were_not_there() -> None:
    world = World()
    await world.deliver()
    api = Api(world, pipelines={"other"})

    for look in (api.show, api.run):
        barred, absent = await look("order-17"), await look("nobody")
        assert (barred.status, barred.code) == (404, "NotFound")
        assert barred.text == absent.text.replace("nobody", "order-17")
        assert barred.headers == absent.headers


# Synapse's own view.


async def test_the_run_is_shown_as_synapse_has_it() -> None:
    world = World()
    await world.deliver()
    world.pipelines.runs[0].status = "Succeeded"

    shown = await Api(world).run()

    assert (shown.status, shown.body["status"]) == (200, "Succeeded")
    assert shown.body["runId"] == world.pipelines.runs[0].run_id


async def test_the_run_shows_no_secret_and_says_none() -> None:
    world = World()
    await world.deliver(parameters=SECRET)
    world.pipelines.runs[0].message = 'The login with "hunter2-hunter2" failed.'

    shown = await Api(world).run()

    assert "hunter2" not in shown.text
    assert shown.body["parameters"] == {"password": "***", "day": "1"}


async def test_a_throttled_workspace_is_not_asked_for_the_run_again() -> None:
    world = World()
    await world.deliver()
    world.pipelines.unreachable = Unreachable(error=ERROR, retry_after=20.0)

    for _ in range(2):
        answer = await Api(world).run()
        assert (answer.status, answer.headers["Retry-After"]) == (429, "20")

    assert len(world.pipelines.looks) == 1


async def test_a_run_of_another_pipeline_is_not_the_request_s() -> None:
    """Whatever an operator has named: the caller may start the other pipeline, too."""
    world = World()
    await world.deliver()
    world.pipelines.runs[0].pipeline_name = "load"

    assert (await Api(world).run()).status == 404


async def test_a_request_without_a_run_has_none_to_show() -> None:
    world = World()
    await world.deliver(notBefore=later(world, 60))

    answer = await Api(world).run()

    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (404, "NotFound", "60")


async def test_a_run_that_synapse_has_forgotten_is_not_found() -> None:
    world = World()
    await world.deliver()
    world.pipelines.runs.clear()

    answer = await Api(world).run()

    assert (answer.status, answer.code) == (404, "NotFound")


async def test_what_the_gateway_may_not_see_is_no_fault_of_the_caller() -> None:
    world = World()
    await world.deliver()
    world.pipelines.may_look = False
    refused = await Api(world).run()
    world.pipelines.unreachable = Unreachable(error=ERROR)
    away = await Api(world).run()

    assert (refused.status, refused.code) == (503, "GatewayUnavailable")
    assert "Synapse Monitoring Operator" in refused.text
    assert (away.status, away.body["error"]["details"]) == (503, [ERROR.model_dump()])


async def test_a_run_that_an_operator_named_is_shown_to_who_may_start_it() -> None:
    """Should Synapse show another pipeline's run than the one that was compared."""
    world = World(echoes=False)
    await world.deliver(pipelineName="secret", requestId="order-16")
    world.pipelines.script(Unknown(error=ERROR))
    await world.deliver()
    await world.drain()
    run = world.pipelines.runs[0]
    run.pipeline_name = "copy"
    await Api(world).resolve({"runId": run.run_id})
    run.pipeline_name = "secret"

    answer = await Api(world, pipelines={"copy"}).run()

    assert (answer.status, answer.code) == (404, "NotFound")
    assert "secret" not in answer.text


async def test_a_throttled_request_still_shows_why() -> None:
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=60.0))
    await world.deliver()

    shown = await Api(world).show()

    assert (shown.body["status"], shown.body["error"]["code"]) == (Status.WAITING, "BadThing")
