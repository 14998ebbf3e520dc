"""`POST /api/runs?until=outcome`: 202 with the addresses of the outcome, or a refusal before anything starts."""

from dataclasses import replace

import pytest

from shared.following_ports import Chain
from shared.kernel.cloud_error import CloudError
from shared.synapse.reply import Refused, Throttled, Unknown
from tests.scenarios.api import ADDRESS, BODY, JSON, Api
from tests.scenarios.world import ENDPOINT, World

ERROR = CloudError(code="BadThing", message="It went wrong.")


def a_world(**environment: str) -> World:
    return World(echoes=True, **{"PUBLIC_URL": ADDRESS} | environment)


async def test_a_start_names_both_addresses() -> None:
    world = a_world()

    answer = await Api(world).start(until="outcome")

    assert answer.status == 202
    assert answer.headers["Retry-After"] == "10"
    assert answer.headers["Location"].startswith(f"{ADDRESS}/api/outcomes/")
    assert answer.headers["Operation-Location"].startswith(f"{ADDRESS}/api/operations/")
    assert answer.body == {
        "requestId": "order-17", "generation": 1, "status": "Started", "runId": world.run_id,
    }  # fmt: skip
    assert world.open_runs.standing[0].run_id == world.run_id


async def test_the_address_is_never_the_callers_to_choose() -> None:
    headers = JSON | {"host": "evil.example", "x-forwarded-host": "evil.example"}

    answer = await Api(a_world()).start(headers=headers, until="outcome")

    assert "evil" not in answer.headers["Location"] + answer.headers["Operation-Location"]


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({"PUBLIC_URL": "https://runs.example.org/"}, "https://runs.example.org"),
        ({"WEBSITE_HOSTNAME": "gateway.azurewebsites.net"}, "https://gateway.azurewebsites.net"),
        ({"WEBSITE_HOSTNAME": "localhost:7071"}, "http://localhost:7071"),
        (
            {"PUBLIC_URL": "https://runs.example.org", "WEBSITE_HOSTNAME": "localhost:7071"},
            "https://runs.example.org",
        ),
    ],
)
async def test_the_address_is_that_of_the_settings(
    environment: dict[str, str], address: str
) -> None:
    api = Api(World(echoes=True, **environment))

    answers = [await api.start(until="outcome"), await api.start()]

    assert answers[0].headers["Location"].startswith(f"{address}/api/outcomes/")
    assert answers[1].headers["Location"] == f"{address}/api/runs/order-17"


async def test_what_has_failed_is_202_as_well() -> None:
    """azure-core takes a first answer with `Failed` for the end."""
    world = a_world()
    world.pipelines.script(Refused(error=ERROR))
    api = Api(world)

    first = await api.start(until="outcome")
    again = await api.start(until="outcome")

    for answer in (first, again):
        assert (answer.status, answer.body["status"]) == (202, "Ended")
        polled = await api.poll(answer.headers["Location"])
        assert (polled.status, polled.body["error"]["code"]) == (424, "BadThing")
    assert len(world.pipelines.calls) == 1


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Throttled(error=ERROR, retry_after=60.0), "Waiting"),
        (Unknown(error=ERROR), "Unknown"),
    ],
)
async def test_what_waits_can_be_asked_for_at_once(
    answer: Throttled | Unknown, status: str
) -> None:
    world = a_world()
    world.pipelines.script(answer)
    api = Api(world)

    first = await api.start(until="outcome")
    polled = await api.poll(first.headers["Location"])

    assert (first.status, first.body["status"]) == (202, status)
    assert (polled.status, polled.body["status"]) == (202, status)


async def test_an_async_start_is_recorded_before_it_is_answered() -> None:
    api = Api(a_world())

    first = await api.start(headers=JSON | {"prefer": "respond-async"}, until="outcome")

    assert first.headers["Preference-Applied"] == "respond-async"
    assert (await api.poll(first.headers["Location"])).body["status"] == "Waiting"


# It switches following on.


@pytest.mark.parametrize("environment", [{}, {"FOLLOW_RUNS": "asked"}])
async def test_a_start_is_followed_whatever_is_configured(environment: dict[str, str]) -> None:
    world = a_world(**environment)
    world.follow_default = False
    world.restart()

    await Api(world).start(until="outcome")

    assert world.record.followed
    assert len(world.open_runs.standing) == 1


async def test_a_run_that_was_not_followed_is_from_now_on() -> None:
    world = a_world()
    api = Api(world)
    await api.start(BODY | {"follow": False})
    assert world.open_runs.standing == []
    world.clock.advance(3600)

    answer = await api.start(until="outcome")

    assert (answer.status, len(world.pipelines.runs)) == (202, 1)
    assert world.record.followed
    assert [run.run_id for run in world.open_runs.standing] == [world.run_id]
    world.pipelines.end(world.run_id)
    await world.follow()
    assert (await api.poll(answer.headers["Location"])).status == 200
    assert len(world.outcome_messages.published) == 1


async def test_a_run_that_started_after_the_promise_is_followed_when_it_is_asked_for() -> None:
    """The open record belongs to the process that sends it: nothing is written into it."""
    world = a_world(FOLLOW_RUNS="asked")
    world.pipelines.script(Throttled(error=ERROR, retry_after=60.0))
    api = Api(world)
    await api.start()
    answer = await api.start(until="outcome")
    await world.drain()
    assert world.open_runs.standing == []

    polled = await api.poll(answer.headers["Location"])

    assert polled.status == 202
    assert world.record.followed
    assert len(world.open_runs.standing) == 1


async def test_a_record_that_changes_meanwhile_is_left_to_the_quicker_process() -> None:
    world = a_world()
    api = Api(world)
    await api.start(BODY | {"follow": False})
    (stored,) = [await world.records.get("order-17")]
    assert stored is not None

    async def another() -> None:
        await world.records.update(stored, replace(stored.record, followed=True))

    world.records.mishaps.meanwhile("update", another)
    answer = await api.start(until="outcome")

    assert answer.status == 202
    assert len(world.open_runs.standing) == 1


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("port", ["open_runs", "records"])
async def test_a_promise_that_breaks_off_is_made_good_by_the_next_call(
    port: str, landed: bool
) -> None:
    world = a_world()
    api = Api(world)
    await api.start(BODY | {"follow": False})
    operation = "add" if port == "open_runs" else "update"
    getattr(world, port).mishaps.fail(operation, landed=landed)
    with pytest.raises(Exception, match="planned"):
        await api.start(until="outcome")
    world.restart()

    answer = await Api(world).start(until="outcome")

    assert answer.status == 202
    assert world.record.followed
    assert len(world.open_runs.standing) == 1


# Refused before anything starts.


def refused_looks(world: World) -> None:
    chain = Chain(endpoint=ENDPOINT, token="t", delay=3600.0, refused_since=world.clock.now())
    world.chains.put(chain)


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"PUBLIC_URL": ""}, "PUBLIC_URL"),
        ({"FOLLOW_RUNS": "none"}, "FOLLOW_RUNS"),
    ],
)
async def test_settings_that_keep_no_promise_refuse_it(
    environment: dict[str, str], why: str
) -> None:
    world = a_world(**environment)

    answer = await Api(world).start(until="outcome")

    assert (answer.status, answer.code) == (409, "InvalidState")
    assert why in answer.text
    assert "Retry-After" not in answer.headers
    assert (world.pipelines.calls, world.records.all()) == ([], [])
    assert world.audit.entries[0].status == "Rejected"


async def test_without_the_role_to_look_it_is_refused() -> None:
    world = a_world()
    refused_looks(world)

    answer = await Api(world).start(until="outcome")
    other = await Api(world).start()

    assert (answer.status, answer.code) == (409, "InvalidState")
    assert "Synapse Monitoring Operator" in answer.text
    assert other.status == 202


@pytest.mark.parametrize(
    ("body", "query", "target"),
    [
        (BODY | {"follow": False}, "outcome", "$.follow"),
        (BODY, "started", "$.query.until"),
        (BODY, "Outcome", "$.query.until"),
    ],
)
async def test_what_contradicts_itself_is_refused(
    body: dict[str, object], query: str, target: str
) -> None:
    world = a_world()

    answer = await Api(world).start(body, until=query)

    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert answer.targets == [target]
    assert world.pipelines.calls == []


async def test_all_errors_come_at_once() -> None:
    answer = await Api(a_world()).start({"pipelineName": "a/b"}, until="never")

    assert answer.targets == ["$.pipelineName", "$.query.until"]


async def test_a_name_in_another_case_and_an_empty_value_mean_what_they_mean_elsewhere() -> None:
    api = Api(a_world())

    awaited, plain = await api.start(UNTIL="outcome"), await api.start(until="")

    assert "Operation-Location" in awaited.headers
    assert "Operation-Location" not in plain.headers


async def test_what_has_no_record_is_refused_as_ever() -> None:
    world = a_world()
    api = Api(world)
    await api.start()

    conflict = await api.start(BODY | {"pipelineName": "load"}, until="outcome")
    world.permitted = False
    forbidden = await api.start(BODY | {"requestId": "other"}, until="outcome")

    assert (conflict.status, forbidden.status) == (422, 403)
