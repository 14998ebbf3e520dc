"""`GET /api/runs`: the audit, newest first."""

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.kernel.cloud_error import CloudError
from shared.runs.audit_query import MOST_READ
from shared.synapse.reply import Refused
from tests.scenarios.api import Api
from tests.scenarios.world import World


async def a_world(count: int = 5) -> World:
    """One ended request a second, each third one failed."""
    world = World()
    for number in range(count):
        if number % 3 == 2:
            error = CloudError(code="BadThing", message="It went wrong.")
            world.pipelines.script(Refused(error=error))
        name = "copy" if number % 2 else "load"
        await world.deliver(f"m-{number}", requestId=f"order-{number}", pipelineName=name)
        world.clock.advance(1.0)
    return world


def ids(page: Any) -> list[str]:
    return [item["requestId"] for item in page.body["value"]]


async def test_an_empty_audit_is_an_empty_list() -> None:
    answer = await Api(World()).list()

    assert (answer.status, answer.body) == (200, {"value": []})


async def test_the_newest_come_first() -> None:
    page = await Api(await a_world()).list()

    assert ids(page) == [f"order-{n}" for n in (4, 3, 2, 1, 0)]
    assert page.body["value"][2]["error"]["code"] == "BadThing"
    assert "parameters" not in page.body["value"][0]
    assert "continuationToken" not in page.body


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "Failed"}, [2]),
        ({"pipelineName": "copy"}, [3, 1]),
        ({"pipelineName": "copy", "status": "Started"}, [3, 1]),
        ({"workspace": "default"}, [4, 3, 2, 1, 0]),
        ({"workspace": "other"}, []),
        ({"since": "2026-11-24T08:30:03Z"}, [4, 3]),
        ({"until": "2026-11-24T09:30:01+01:00"}, [0]),
        ({"top": "2"}, [4, 3]),
        ({"code": "the key", "clientId": "default"}, [4, 3, 2, 1, 0]),
        ({"Code": "the key", "CLIENTID": "default"}, [4, 3, 2, 1, 0]),
        ({"status": "", "pipelineName": "copy"}, [3, 1]),
        ({"since": "", "until": "", "top": "", "continuationToken": ""}, [4, 3, 2, 1, 0]),
        ({"pipelinename": "copy", "STATUS": "Started"}, [3, 1]),
    ],
)
async def test_a_list_has_what_its_filters_leave(query: dict[str, str], found: list[int]) -> None:
    page = await Api(await a_world()).list(**query)

    assert ids(page) == [f"order-{n}" for n in found]


async def test_pages_follow_one_another() -> None:
    """Also where the next one is asked for with another size, and with newer entries before them."""
    world = await a_world(7)
    api = Api(world)
    first = await api.list(top="3")
    await world.deliver("m-9", requestId="order-9")

    second = await api.list(top="2", continuationToken=first.body["continuationToken"])
    third = await api.list(continuationToken=second.body["continuationToken"])

    assert ids(first) + ids(second) + ids(third) == [f"order-{n}" for n in reversed(range(7))]
    assert "continuationToken" not in third.body


@pytest.mark.parametrize(
    ("query", "targets"),
    [
        ("status=Waiting", ["status"]),
        ("status=Failed&status=Failed", ["status"]),
        ("status=Failed&Status=Failed", ["status"]),
        ("pipelineName=a%2Fb", ["pipelineName"]),
        ("pipelineName=%00", ["pipelineName"]),
        ("pipelinNames=copy", ["pipelinNames"]),
        ("since=yesterday&until=2026-11-24", ["since", "until"]),
        ("since=2026-11-24T00:00:00", ["since"]),
        ("since=0001-01-01T00:00:00%2B01:00", ["since"]),
        ("since=2026-11-24T00:00:00Z&until=2026-11-24T00:00:00Z", ["until"]),
        ("top=0&continuationToken=x", ["continuationToken", "top"]),
        ("top=201", ["top"]),
        ("top=-1", ["top"]),
        ("top=1e2", ["top"]),
        ("top=%D9%A3", ["top"]),
        ("top=99999999999999999999", ["top"]),
        ("%FF=%FF", ["�"]),
        ("a=1&a=2&b=3&c=", ["a", "a", "b"]),
    ],
)
async def test_bad_values_are_told_at_once(query: str, targets: list[str]) -> None:
    answer = await Api(World()).list(query)

    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert answer.targets == [f"$.query.{name}" for name in targets]


async def test_a_token_is_good_for_its_own_list_only() -> None:
    api = Api(await a_world())
    token = (await api.list(top="2", pipelineName="load")).body["continuationToken"]

    assert (await api.list(pipelineName="load", continuationToken=token)).status == 200
    assert (await api.list(pipelineName="copy", continuationToken=token)).status == 400
    assert (await api.list(continuationToken=token)).status == 400


async def test_a_token_that_was_changed_is_refused() -> None:
    api = Api(await a_world())
    token = (await api.list(top="2")).body["continuationToken"]

    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        changed = token[:place] + other + token[place + 1 :]
        answer = await api.list(continuationToken=changed)
        assert (answer.status, answer.targets) == (400, ["$.query.continuationToken"])


async def test_what_is_base64_and_no_token_is_refused() -> None:
    text = base64.urlsafe_b64encode(b"9" * 18 + b"-" + b"0" * 32).decode().rstrip("=")
    for token in (text, "A" * 68, "_" * 68):
        assert (await Api(World()).list(continuationToken=token)).status == 400


async def test_what_one_may_not_start_is_left_out() -> None:
    """So is what nobody could read: it is for who may start anything."""
    world = await a_world()
    await world.host.deliver(b"{", "m-bad")

    assert ids(await Api(world, pipelines={"copy"}).list()) == ["order-3", "order-1"]
    everything = (await Api(world).list()).body["value"]
    assert everything[0]["error"]["code"] == "InvalidJson"
    assert everything[0]["content"]["length"] == 1


async def test_a_page_that_had_to_read_too_much_is_short() -> None:
    """Its token goes on where it ended."""
    world = await a_world(1)
    (one,) = world.audit.entries
    for number in range(MOST_READ):
        await world.audit.append(replace(one, at=one.at - number * timedelta(milliseconds=1)))
    await world.audit.append(replace(one, at=one.at - timedelta(days=1)))
    api = Api(world, pipelines={"copy"})

    first = await api.list()
    second = await api.list(continuationToken=first.body["continuationToken"])

    assert (ids(first), second.body) == ([], {"value": []})
