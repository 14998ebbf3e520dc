"""The simulated topic answers as the documents say that the service does."""

import json
import time
from typing import Any

import httpx
import jwt
import pytest

from local import event_grid_topic
from local.event_grid_topic import BATCH, NO_ROLE, SINGLE, Failure, Topic

EVENT = {"id": "1", "source": "/x", "type": "T", "specversion": "1.0", "data": {"a": 1}}
URL = "/api/events?api-version=2018-01-01"
KEY = "a key of this test's own, of 32 bytes and more"


def token(audience: str = "https://eventgrid.azure.net", lives: int = 60) -> str:
    return jwt.encode({"aud": audience, "exp": int(time.time()) + lives}, KEY)


async def post(
    topic: Topic, body: Any, content_type: str = BATCH, url: str = URL, bearer: str | None = None
) -> httpx.Response:
    headers = {"content-type": content_type, "authorization": f"Bearer {bearer or token()}"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with event_grid_topic.serving(topic), httpx.AsyncClient(base_url=topic.url) as client:
        return await client.post(url, content=content, headers=headers)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ([EVENT], BATCH),
        ([EVENT, EVENT], f"{BATCH}; charset=utf-8"),
        (EVENT, SINGLE),
        (EVENT, f"{SINGLE}; charset=utf-8"),
    ],
)
async def test_events_are_taken_with_an_empty_200(body: object, content_type: str) -> None:
    topic = Topic()

    answer = await post(topic, body, content_type)

    assert (answer.status_code, answer.content) == (200, b"")
    assert topic.events == (body if isinstance(body, list) else [body])


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (EVENT, BATCH),
        ([EVENT], SINGLE),
        ([EVENT], "application/json"),
        ([], BATCH),
        ([1], BATCH),
        ([{**EVENT, "type": None} | {"id": "2"}, {"id": "1"}], BATCH),
        (b"[", BATCH),
    ],
)
async def test_another_schema_is_a_400_and_nothing_of_it_is_taken(
    body: object, content_type: str
) -> None:
    topic = Topic()

    answer = await post(topic, body, content_type)

    assert answer.status_code == 400
    assert "'CloudEventV10' schema" in answer.json()["error"]["message"]
    assert topic.events == []


async def test_more_than_a_megabyte_is_a_413() -> None:
    answer = await post(Topic(), [EVENT | {"data": "x" * (1 << 20)}])

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "PayloadTooLarge"


@pytest.mark.parametrize("bearer", ["x", token("https://dev.azuresynapse.net"), token(lives=-60)])
async def test_no_token_for_event_grid_is_a_401(bearer: str) -> None:
    answer = await post(Topic(), [EVENT], bearer=bearer)

    assert answer.status_code == 401
    assert answer.json()["error"]["details"][0]["code"] == "Unauthorized"


async def test_a_missing_role_is_a_401_too() -> None:
    answer = await post(Topic(granted=False), [EVENT])

    assert (answer.status_code, answer.json()["error"]["message"]) == (401, NO_ROLE)


@pytest.mark.parametrize(
    ("url", "status"), [("/api/event?api-version=2018-01-01", 404), ("/api/events", 400)]
)
async def test_another_address_has_no_topic(url: str, status: int) -> None:
    assert (await post(Topic(), [EVENT], url=url)).status_code == status


async def test_a_planned_failure_comes_first() -> None:
    topic = Topic(failure=Failure(429, headers={"Retry-After": "9"}))

    answer = await post(topic, [EVENT])

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "9")
    assert topic.events == []
