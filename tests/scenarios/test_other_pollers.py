"""Pollers that orchestrators bring along, as they behave: what they take for success, for failure, and for not yet."""

import json
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from shared.kernel.cloud_error import CloudError
from shared.synapse.reply import Refused
from tests.scenarios.api import ADDRESS, BODY, JSON, Answer, Api
from tests.scenarios.world import World, later


def a_world() -> tuple[World, Api]:
    world = World(PUBLIC_URL=ADDRESS)
    return world, Api(world)


async def follow_location(world: World, api: Api, started: Answer) -> Answer:
    """Poll as Data Factory's Web activity, Logic Apps and Power Automate do.

    202 with an absolute Location is asked again there, with no credential but the address; each further 202 may name
    another one; anything else ends it. Every answer must be a JSON object, and Retry-After whole seconds (learn:
    control-flow-web-activity, logic-apps-create-api-app; architecture-center issue 4307 for the credential).
    """
    answer = started
    while answer.status == 202:
        location = urlsplit(answer.headers["Location"])
        assert location.scheme == "https"
        assert location.netloc
        assert isinstance(json.loads(answer.text), dict)
        assert int(answer.headers["Retry-After"]) > 0
        world.clock.advance(float(answer.headers["Retry-After"]))
        await world.drain(for_seconds=0.0)
        await world.follow(for_seconds=0.0)
        answer = await api.poll(answer.headers["Location"])
    assert isinstance(json.loads(answer.text), dict)
    return answer


@pytest.mark.parametrize(
    ("status", "expected"), [("Succeeded", 200), ("Failed", 424), ("Cancelled", 424)]
)
async def test_a_web_activity_ends_as_the_run_does(status: str, expected: int) -> None:
    """The last body has the ids: the first answer is lost once it polls."""
    world, api = a_world()
    started = await api.start(until="outcome")
    world.pipelines.end(world.run_id, status)

    answer = await follow_location(world, api, started)

    assert answer.status == expected
    assert (answer.body["requestId"], answer.body["runId"]) == ("order-17", world.run_id)
    assert ("error" in answer.body) == (expected == 424)


async def test_a_web_activity_waits_for_a_request_that_waits() -> None:
    world, api = a_world()
    started = await api.start(BODY | {"notBefore": later(world, 300)}, until="outcome")

    waiting = await api.poll(started.headers["Location"])
    await world.drain()
    world.pipelines.end(world.run_id)
    answer = await follow_location(world, api, started)

    assert (waiting.status, answer.status) == (202, 200)


async def test_a_retry_of_the_activity_gets_the_same_failure() -> None:
    """It sends the POST again, with the same requestId."""
    world, api = a_world()
    world.pipelines.script(Refused(error=CloudError(code="BadThing", message="m")))

    first = await follow_location(world, api, await api.start(until="outcome"))
    again = await follow_location(world, api, await api.start(until="outcome"))

    assert (first.status, first.body) == (again.status, again.body)
    assert (first.status, len(world.pipelines.calls)) == (424, 1)


# Airflow's HttpSensor (apache-airflow-providers-http 6.3.0, sensors/http.py and hooks/http.py).


class TaskFailed(Exception):
    pass


async def poke(api: Api, check: Callable[[Answer], bool], allowlist: tuple[str, ...]) -> bool:
    """Look once, as `HttpSensor.poke`: an error status raises unless it is in response_error_codes_allowlist."""
    answer = await api.outcome()
    if answer.status >= 400:
        if str(answer.status) in allowlist:
            return False
        raise TaskFailed(f"{answer.status}:{answer.text}")
    return check(answer)


def is_200(answer: Answer) -> bool:
    return answer.status == 200


async def test_a_sensor_with_a_response_check_pokes_until_the_end() -> None:
    world, api = a_world()
    await api.start(headers=JSON)

    waiting = await poke(api, is_200, ())
    world.pipelines.end(world.run_id)
    world.clock.advance(20)
    await world.follow()

    assert (waiting, await poke(api, is_200, ())) == (False, True)


async def test_a_sensor_s_task_fails_as_the_run_does() -> None:
    world, api = a_world()
    await api.start(headers=JSON)
    world.pipelines.end(world.run_id, "Failed", "It broke.")
    world.clock.advance(20)
    await world.follow()

    with pytest.raises(TaskFailed, match="424"):
        await poke(api, is_200, ())


async def test_a_sensor_without_a_response_check_would_be_content_too_early() -> None:
    """Why the recipe needs one: any 2xx is a success."""
    _, api = a_world()
    await api.start(headers=JSON)

    assert await poke(api, lambda _: True, ())


async def test_a_typo_in_the_id_fails_only_with_an_empty_allowlist() -> None:
    """By default 404 counts as not yet, for seven days."""
    _, api = a_world()

    assert not await poke(api, is_200, ("404",))
    with pytest.raises(TaskFailed, match="404"):
        await poke(api, is_200, ())
