"""How a run ended, over real HTTP, for callers who bring a credential and for those who have a ticket alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from local import process, stack
from tests.e2e.callers import ADA, GUEST, Token, ask, gateway, write_rules
from tests.e2e.outside import Outside, eventually

KEY = {"x-functions-key": "first"}


@pytest.fixture(scope="module")
async def keyed(running: stack.Stack) -> AsyncIterator[process.Child]:
    async with gateway(running, "outcomes", "--keys", "first", FOLLOW_SECONDS="1") as host:
        yield host


@pytest.fixture(scope="module")
async def entra(
    running: stack.Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[process.Child]:
    rules = write_rules(tmp_path_factory.mktemp("access"))
    options = {"HTTP_AUTH": "entra", "GATEWAY_CONFIG": rules, "PUBLIC_URL": "https://runs.example"}
    async with gateway(running, "outcomes-entra", "--keys", "first", **options) as host:
        yield host


async def start(host: process.Child, request_id: str, pipeline: str) -> httpx.Response:
    body = {"pipelineName": pipeline, "requestId": request_id, "parameters": {"day": "mon"}}
    async with httpx.AsyncClient(base_url=host.url, headers=KEY, timeout=60) as client:
        return await client.post("/api/runs?until=outcome", json=body)


async def poll(url: str) -> httpx.Response:
    """Ask without any credential, until it is not 202: as a Web activity, only without its patience."""
    async with httpx.AsyncClient(timeout=60) as client:

        async def look() -> httpx.Response | None:
            answer = await client.get(url, headers={"Prefer": "wait=5"})
            return answer if answer.status_code != 202 else None

        return await eventually(look, f"an end at {url[:60]}")


@pytest.mark.parametrize(
    ("pipeline", "status", "outcome"),
    [("copyOrders", 200, "Succeeded"), ("failsLater", 424, "Failed")],
)
async def test_who_has_the_address_sees_the_end(
    keyed: process.Child, pipeline: str, status: int, outcome: str
) -> None:
    started = await start(keyed, f"awaited-{pipeline}", pipeline)

    ended = await poll(started.headers["location"])
    async with httpx.AsyncClient() as client:
        operation = (await client.get(started.headers["operation-location"])).json()
        by_name = await client.get(f"{keyed.url}/api/runs/awaited-{pipeline}/outcome", headers=KEY)

    assert started.status_code == 202
    assert (ended.status_code, ended.json()["outcome"]) == (status, outcome)
    assert (operation["status"], operation["id"]) == (outcome, f"awaited-{pipeline}")
    assert (by_name.status_code, by_name.json()) == (status, ended.json())
    if status == 424:
        assert "dbo.Orders" in str(ended.json()["error"])


async def test_a_started_run_is_cancelled_and_told_so(keyed: process.Child, world: Outside) -> None:
    started = await start(keyed, "to-be-cancelled", "examplePipeline")
    async with httpx.AsyncClient(base_url=keyed.url, headers=KEY) as client:
        cancelled = await client.post("/api/runs/to-be-cancelled/cancel")
        ended = await poll(started.headers["location"])
        again = await client.post("/api/runs/to-be-cancelled/cancel")

    assert (cancelled.status_code, ended.status_code) == (202, 424)
    assert ended.json()["outcome"] == "Cancelled"
    assert again.status_code == 200
    run = await world.synapse.run(started.json()["runId"])
    assert run.status == "Cancelled"


async def test_an_address_opens_one_outcome_and_no_other_route(keyed: process.Child) -> None:
    started = await start(keyed, "one-address", "copyOrders")
    ticket = started.headers["location"].rpartition("/")[2]
    others = [
        f"/api/runs/one-address?code={ticket}",
        f"/api/runs/{ticket}",
        f"/api/runs/one-address/outcome?ticket={ticket}",
        f"/api/runs?code={ticket}",
    ]
    async with httpx.AsyncClient(base_url=keyed.url) as client:
        refused = [(await client.get(path)).status_code for path in others]
        forged = [
            (await client.get(f"/api/{route}/{text}")).status_code
            for route in ("outcomes", "operations")
            for text in (ticket[:-3] + "abc", "x", "%2e%2e", "A" * 300, "é")
        ]

    assert refused == [401] * 4
    assert forged == [404] * 10
    assert ticket not in keyed.output()


async def test_with_tokens_the_address_works_alone_as_well(
    world: Outside, entra: process.Child
) -> None:
    """And it names the public address, whatever host was called."""
    ada = await Token().mint(world.synapse)
    guest = await Token(claims={"oid": GUEST}).mint(world.synapse)
    body = {"pipelineName": "copyOrders", "requestId": "entra-awaited"}
    started = await ask(entra, "POST", "/api/runs?until=outcome", ada, json=body)
    path = urlsplit(started.headers["location"]).path

    answers = await asyncio.gather(
        ask(entra, "GET", path, None),
        ask(entra, "GET", path, guest),
        ask(entra, "GET", "/api/runs/entra-awaited/outcome", None),
    )

    assert started.headers["location"].startswith("https://runs.example/api/outcomes/")
    assert [answer.status_code for answer in answers] == [202, 202, 401]
    assert ADA not in answers[0].text


async def test_without_an_address_the_route_of_the_settings_says_so(
    running: stack.Stack, tmp_path: Path
) -> None:
    async with gateway(running, "no-outcomes", FOLLOW_RUNS="none") as host:
        refused = await start(host, "no-outcome", "copyOrders")
        async with httpx.AsyncClient(base_url=host.url) as client:
            known = (await client.get("/api/health/settings")).json()

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "InvalidState")
    assert "FOLLOW_RUNS" in known["notices"][0]["message"]
