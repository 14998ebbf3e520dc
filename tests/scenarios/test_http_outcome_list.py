"""`GET /api/runs?outcome=…`: how followed runs ended, and which have not."""

import pytest

from tests.scenarios.api import Answer, Api
from tests.scenarios.world import World


async def a_world(count: int = 6) -> World:
    """One started run a second; of each three one has succeeded, one has failed, one goes on."""
    world = World()
    for number in range(count):
        name = "copy" if number % 2 else "load"
        await world.deliver(f"m-{number}", requestId=f"order-{number}", pipelineName=name)
        world.clock.advance(1.0)
    for number, run in enumerate(list(world.pipelines.runs)):
        if number % 3 < 2:
            world.pipelines.end(run.run_id, "Failed" if number % 3 else "Succeeded")
    await world.follow(for_seconds=60.0)
    return world


def ids(page: Answer) -> list[str]:
    return [item["requestId"] for item in page.body["value"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"outcome": "Succeeded"}, {0, 3}),
        ({"outcome": "Failed"}, {1, 4}),
        ({"outcome": "Running"}, {2, 5}),
        ({"outcome": "Cancelled"}, set()),
        ({"outcome": "Lost"}, set()),
        ({"outcome": "Running", "pipelineName": "copy"}, {5}),
        ({"outcome": "Failed", "pipelineName": "copy"}, {1}),
        ({"outcome": "Running", "workspace": "other"}, set()),
        ({"outcome": "Running", "since": "2026-11-24T08:30:03Z"}, {5}),
        ({"outcome": "Running", "until": "2026-11-24T08:30:03Z"}, {2}),
        ({"outcome": ""}, None),
    ],
)
async def test_a_list_has_what_its_filters_leave(
    query: dict[str, str], found: set[int] | None
) -> None:
    page = await Api(await a_world()).list(**query)

    expected = {f"order-{n}" for n in (range(6) if found is None else found)}
    assert set(ids(page)) == expected


async def test_an_end_is_an_entry_of_its_own() -> None:
    """Beside the one of the delivery that started the run."""
    world = await a_world(2)
    api = Api(world)

    entries = (await api.list()).body["value"]
    (failed,) = (await api.list(outcome="Failed")).body["value"]

    assert sorted(
        (each["requestId"], each["event"], each.get("outcome")) for each in entries
    ) == [
        ("order-0", "delivery", None),
        ("order-0", "outcome", "Succeeded"),
        ("order-1", "delivery", None),
        ("order-1", "outcome", "Failed"),
    ]  # fmt: skip
    assert (failed["status"], failed["error"]["code"]) == ("Started", "RunFailed")
    assert failed["runId"] == world.pipelines.runs[1].run_id


async def test_a_status_asks_for_deliveries_alone() -> None:
    page = await Api(await a_world(2)).list(status="Started")

    assert [each["event"] for each in page.body["value"]] == ["delivery", "delivery"]


async def test_a_run_that_goes_on_is_shown_with_when_it_was_sent() -> None:
    world = await a_world(3)

    (item,) = (await Api(world).list(outcome="Running")).body["value"]

    assert (item["event"], item["outcome"], item["status"]) == ("outcome", "Running", "Started")
    assert (item["requestId"], item["runId"]) == ("order-2", world.pipelines.runs[2].run_id)
    assert item["at"] == "2026-11-24T08:30:02Z"
    assert (item["principal"], item["source"]) == ("queue", "queue")


@pytest.mark.parametrize("outcome", ["Running", "Succeeded"])
async def test_pages_follow_one_another_newest_first(outcome: str) -> None:
    world = await a_world(18)
    api, seen, token = Api(world), list[str](), ""

    while True:
        page = await api.list(outcome=outcome, top="2", continuationToken=token)
        seen += ids(page)
        token = page.body.get("continuationToken", "")
        if not token:
            break

    whole = ids(await api.list(outcome=outcome))
    assert len(whole) == 6
    assert seen == whole
    if outcome == "Running":
        assert whole == [f"order-{n}" for n in (17, 14, 11, 8, 5, 2)]


async def test_a_token_continues_its_own_list_alone() -> None:
    api = Api(await a_world(9))
    token = (await api.list(outcome="Running", top="1")).body["continuationToken"]

    for other in ({"outcome": "Failed"}, {}, {"outcome": "Running", "pipelineName": "copy"}):
        answer = await api.list(**other, continuationToken=token)
        assert (answer.status, answer.targets) == (400, ["$.query.continuationToken"])


@pytest.mark.parametrize("outcome", ["Running", "Failed"])
async def test_what_one_may_not_start_one_does_not_see(outcome: str) -> None:
    page = await Api(await a_world(), pipelines={"copy"}).list(outcome=outcome)

    assert {each["pipelineName"] for each in page.body["value"]} == {"copy"}


@pytest.mark.parametrize(
    "query",
    [{"outcome": "Started"}, {"outcome": "running"}, {"outcome": "Lost", "status": "Failed"}],
)
async def test_a_filter_that_means_nothing_is_refused(query: dict[str, str]) -> None:
    answer = await Api(World()).list(**query)

    assert (answer.status, answer.targets) == (400, ["$.query.outcome"])
