"""How a request and its run ended, for callers who poll: with a credential, or with a ticket alone."""

import pytest

from shared.auth.ticket import LIFETIME
from shared.kernel.cloud_error import CloudError
from shared.synapse.reply import Refused, Throttled, Unknown
from tests.scenarios.api import ADDRESS, BODY, Api
from tests.scenarios.world import World, later

ERROR = CloudError(code="BadThing", message="It went wrong.")
LOST = Unknown(error=CloudError(code="AnswerLost", message="The connection was cut."))


async def promised(**environment: str) -> tuple[World, Api, str, str]:
    """A started request, and its two addresses."""
    world = World(echoes=True, **{"PUBLIC_URL": ADDRESS} | environment)
    api = Api(world)
    answer = await api.start(until="outcome")
    return world, api, answer.headers["Location"], answer.headers["Operation-Location"]


async def ended(world: World, status: str, message: str = "") -> None:
    world.pipelines.end(world.run_id, status, message)
    world.clock.advance(20)
    await world.follow()


# While it is open.


async def test_an_open_run_is_202_with_both_addresses_renewed() -> None:
    world, api, location, operation = await promised()
    world.clock.advance(60)

    answer = await api.poll(location)

    assert answer.status == 202
    assert answer.body == {
        "requestId": "order-17", "generation": 1, "status": "Started", "runId": world.run_id,
    }  # fmt: skip
    assert answer.headers["Location"] not in {location, None}
    assert answer.headers["Operation-Location"] != operation
    assert (await api.poll(answer.headers["Location"])).status == 202


@pytest.mark.parametrize(("age", "seconds"), [(0, "10"), (99, "10"), (300, "30"), (9e5, "60")])
async def test_pollers_come_more_rarely_as_time_goes_by(age: float, seconds: str) -> None:
    """In whole seconds, never 0: azure-core takes 0 for its own 30 s."""
    world, api, location, operation = await promised()
    world.clock.advance(min(age, LIFETIME - 1))

    answers = [await api.poll(location), await api.poll(operation), await api.outcome()]

    assert [answer.headers["Retry-After"] for answer in answers] == [seconds] * 3


async def test_a_caller_with_a_credential_sees_the_same() -> None:
    world, api, location, _ = await promised()

    by_name, by_ticket = await api.outcome(), await api.poll(location)

    assert (by_name.status, by_name.body) == (by_ticket.status, by_ticket.body)
    assert (await api.poll(by_name.headers["Location"])).status == 202
    await ended(world, "Succeeded")
    assert (await api.outcome()).body == (await api.poll(location)).body


async def test_without_an_address_the_next_look_is_at_the_same_place() -> None:
    world = World()
    api = Api(world)
    await api.start()

    answer = await api.outcome()

    assert (answer.status, answer.headers["Retry-After"]) == (202, "10")
    assert "Location" not in answer.headers


# The end.


async def test_a_success_is_200_and_says_which_run() -> None:
    """The first answer is lost once a poller has gone on: the ids belong into the last one, too."""
    world, api, location, operation = await promised()
    await ended(world, "Succeeded")

    answer, shown = await api.poll(location), await api.poll(operation)

    assert answer.status == 200
    assert answer.body["outcome"] == "Succeeded"
    assert (answer.body["requestId"], answer.body["runId"]) == ("order-17", world.run_id)
    assert answer.body["pipelineName"] == "copy"
    assert "Location" not in answer.headers
    assert "Retry-After" not in answer.headers
    assert shown.body == {"id": "order-17", "status": "Succeeded", "result": answer.body}


@pytest.mark.parametrize(
    ("status", "code", "stage"),
    [("Failed", "RunFailed", "Failed"), ("Cancelled", "RunCancelled", "Canceled")],
)
async def test_a_run_that_did_not_succeed_is_424(status: str, code: str, stage: str) -> None:
    world, api, location, operation = await promised()
    await ended(world, status, "Operation on target Copy failed.")

    answer, shown = await api.poll(location), await api.poll(operation)

    assert (answer.status, answer.code) == (424, code)
    assert answer.body["outcome"] == status
    assert answer.body["status"] == "Started"
    assert "Retry-After" not in answer.headers
    assert (shown.status, shown.body["status"], shown.body["error"]["code"]) == (200, stage, code)
    assert "result" not in shown.body


async def test_a_run_that_synapse_does_not_know_is_lost() -> None:
    world, api, location, operation = await promised()
    world.pipelines.runs.clear()
    await world.follow(for_seconds=24 * 3600.0)

    answer, shown = await api.poll(location), await api.poll(operation)

    assert (answer.status, answer.body["outcome"], answer.code) == (424, "Lost", "RunLost")
    assert shown.body["status"] == "Failed"


@pytest.mark.parametrize(
    "code",
    ["Throttled", "RetriesExhausted", "GatewayUnavailable", "InternalServerError", "BadThing"],
)
async def test_no_end_looks_as_if_it_were_worth_another_try(code: str) -> None:
    """Pollers try 408, 429 and 5xx again, Go's for ever."""
    world = World(PUBLIC_URL=ADDRESS)
    world.pipelines.script(Refused(error=CloudError(code=code, message="m")))
    api = Api(world)
    location = (await api.start(until="outcome")).headers["Location"]

    answer = await api.poll(location)

    assert (answer.status, answer.code) == (424, code)
    assert answer.body["status"] == "Failed"


async def test_a_request_that_was_cancelled_before_it_started_is_canceled() -> None:
    world = World(PUBLIC_URL=ADDRESS)
    api = Api(world)
    answer = await api.start(BODY | {"notBefore": later(world, 3600)}, until="outcome")
    operation = answer.headers["Operation-Location"]
    before = await api.poll(operation)

    await api.cancel()

    assert before.body == {"id": "order-17", "status": "NotStarted"}
    assert (await api.poll(operation)).body["status"] == "Canceled"
    assert (await api.poll(answer.headers["Location"])).code == "RequestCancelled"


async def test_after_it_was_resolved_the_outcome_of_the_run_is_shown() -> None:
    world = World(echoes=False, PUBLIC_URL=ADDRESS)
    world.pipelines.script(world.pipelines.behind(LOST))
    api = Api(world)
    location = (await api.start(until="outcome")).headers["Location"]
    world.pipelines.may_look = False
    await world.drain()
    unknown = await api.poll(location)
    world.pipelines.may_look = True

    await api.resolve({"runId": world.pipelines.runs[0].run_id})
    running = await api.poll(location)
    await ended(world, "Succeeded")

    assert (unknown.status, unknown.code) == (424, "OutcomeUnknown")
    assert running.status == 202
    assert (await api.poll(location)).status == 200


# Generations.


async def test_each_generation_has_its_own_end() -> None:
    world, api, first, _ = await promised()
    await ended(world, "Failed", "It broke.")
    await api.rerun({"generation": 2})
    second = (await api.outcome()).headers["Location"]
    await ended(world, "Succeeded")

    answers = [await api.poll(first), await api.poll(second), await api.outcome()]

    assert [(each.status, each.body["generation"]) for each in answers] == [
        (424, 1), (200, 2), (200, 2),
    ]  # fmt: skip
    shown = (await api.show()).body
    assert [(one["generation"], one["outcome"]) for one in shown["outcomes"]] == [
        (1, "Failed"), (2, "Succeeded"),
    ]  # fmt: skip
    assert shown["outcomes"][0]["error"]["message"] == "It broke."


async def test_a_run_that_goes_on_after_its_rerun_is_still_awaited() -> None:
    world, api, first, operation = await promised()
    run_id = world.run_id
    await api.rerun({"generation": 2})

    waiting, shown = await api.poll(first), await api.poll(operation)
    world.pipelines.end(run_id)
    await world.follow(for_seconds=60.0)

    assert (waiting.status, waiting.body["runId"]) == (202, run_id)
    assert shown.body["status"] == "Running"
    assert (await api.poll(first)).status == 200


async def test_a_generation_that_ended_before_its_rerun_has_no_end_of_its_own() -> None:
    world = World(PUBLIC_URL=ADDRESS)
    world.pipelines.script(Refused(error=ERROR))
    api = Api(world)
    location = (await api.start(until="outcome")).headers["Location"]
    await api.rerun({"generation": 2})

    answer = await api.poll(location)

    assert (answer.status, answer.code) == (409, "InvalidState")


async def test_a_run_that_nobody_follows_has_no_end_here() -> None:
    world = World(PUBLIC_URL=ADDRESS, FOLLOW_RUNS="none")
    api = Api(world)
    await api.start()

    answer = await api.outcome()

    assert (answer.status, answer.code) == (409, "InvalidState")
    assert "Retry-After" not in answer.headers


# Waiting for it.


@pytest.mark.parametrize("by_ticket", [True, False])
async def test_a_caller_may_wait_for_the_end(by_ticket: bool) -> None:
    world, api, location, _ = await promised()

    async def end() -> None:
        await ended(world, "Succeeded")

    world.records.mishaps.meanwhile("get", end)
    begun = world.clock.monotonic()
    answer = await (
        api.poll(location, prefer="wait=200") if by_ticket else api.outcome(prefer="wait=200")
    )

    assert answer.status == 200
    assert world.clock.monotonic() - begun < 200


@pytest.mark.parametrize(("prefer", "seconds"), [("wait=7", 7.0), ("wait=9999", 200.0), ("", 0.0)])
async def test_a_caller_waits_no_longer_than_it_wants(prefer: str, seconds: float) -> None:
    world, api, location, _ = await promised()
    begun = world.clock.monotonic()

    answer = await api.poll(location, prefer=prefer)

    assert answer.status == 202
    assert world.clock.monotonic() - begun == pytest.approx(seconds)


async def test_an_absurd_wish_is_an_error_for_a_known_caller_only() -> None:
    _, api, location, _ = await promised()

    assert (await api.outcome(prefer="wait=soon")).status == 400
    assert (await api.poll(location, prefer="wait=soon")).status == 202


# Who may see it.


async def test_what_one_may_not_start_has_no_outcome_to_see() -> None:
    world, _, _, _ = await promised()

    barred = await Api(world, pipelines={"other"}).outcome()
    absent = await Api(world, pipelines={"other"}).outcome("nobody")

    assert (barred.status, absent.status) == (404, 404)
    assert barred.text == absent.text.replace("nobody", "order-17")


async def test_a_ticket_shows_no_parameter_and_no_caller() -> None:
    world, api, location, operation = await promised()
    texts = [(await api.poll(url)).text for url in (location, operation)]
    await ended(world, "Failed", "It broke.")
    texts += [(await api.poll(url)).text for url in (location, operation)]

    for text in texts:
        for hidden in ("parameters", "principal", "fingerprint", "history", "clientRequestId"):
            assert hidden not in text


@pytest.mark.parametrize("forge", ["", "x", "..", "A" * 60, "%00", "\u0661" * 40])
async def test_a_forged_ticket_opens_nothing(forge: str) -> None:
    """In the same words as one that has expired, and without a look at any record."""
    world, api, location, operation = await promised()
    world.records.mishaps.calls.clear()
    world.outcomes.mishaps.calls.clear()

    answers = [await api.poll(f"{url.rpartition('/')[0]}/{forge}") for url in (location, operation)]
    tampered = await api.poll(location[:-1] + ("A" if location[-1] != "A" else "B"))
    world.clock.advance(LIFETIME)
    expired = [await api.poll(location), await api.poll(operation)]

    texts = {(answer.status, answer.text) for answer in (*answers, tampered, *expired)}
    assert len(texts) == 1
    assert {status for status, _ in texts} == {404}
    assert world.records.mishaps.calls == world.outcomes.mishaps.calls == []


async def test_the_ticket_of_a_request_that_is_gone_opens_nothing() -> None:
    world, api, location, operation = await promised()
    stored = await world.records.get("order-17")
    assert stored
    assert await world.records.delete(stored)

    assert [(await api.poll(url)).status for url in (location, operation)] == [404, 404]


async def test_a_ticket_of_another_gateway_opens_nothing() -> None:
    _, _, location, _ = await promised()
    _, other, _, _ = await promised()

    assert (await other.poll(location)).status == 404


@pytest.mark.parametrize("port", ["outcomes", "records"])
async def test_while_the_storage_is_away_nothing_is_said_of_it(port: str) -> None:
    """A real 503, which every poller tries again."""
    world, api, location, operation = await promised()

    for url in (location, operation):
        getattr(world, port).mishaps.fail("get")
        answer = await api.poll(url)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert "planned" not in answer.text


async def test_a_throttled_workspace_delays_but_ends_nothing() -> None:
    world = World(PUBLIC_URL=ADDRESS)
    world.pipelines.script(Throttled(error=ERROR, retry_after=30.0))
    api = Api(world)
    location = (await api.start(until="outcome")).headers["Location"]
    assert (await api.poll(location)).status == 202

    await world.drain()
    await ended(world, "Succeeded")

    assert (await api.poll(location)).status == 200
