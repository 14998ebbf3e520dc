"""The HTTP API over the wire: what a careless or a hostile caller sends through the platform's own translation."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from local import schemas, stack
from local.faults import Delay
from local.synapse.faults import Answer
from tests.e2e.outside import Outside

THROTTLED = Answer(
    status=429,
    headers={"Retry-After": "1"},
    content={"code": "TooManyRequests", "message": "Too many requests."},
)
BODY = {"pipelineName": "copyOrders", "parameters": {"day": "mon"}}
RUN = "6f8f7d6e-4f0e-4b8e-9a53-0f6f5e0c9c11"
VERSION = "?api-version=2020-12-01"


async def raw(running: stack.Stack, head: bytes, body: bytes = b"") -> tuple[int, Any]:
    """Send bytes that no client library would send; gives the status and the JSON, if there is any."""
    address = urlsplit(running.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    length = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    writer.write(head + b"\r\nHost: x\r\n" + length + body)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    top, _, text = answer.partition(b"\r\n\r\n")
    status = int(top.split()[1])
    return status, json.loads(text) if b"application/json" in top.lower() else None


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


async def test_a_request_lives_its_life_over_http(world: Outside) -> None:
    """Started, shown, run again, looked at in Synapse, listed."""
    started = await world.http.post("/api/runs", json=BODY, headers={"Idempotency-Key": '"life-1"'})
    location = started.headers["location"]
    place = urlsplit(location).path
    shown = await world.http.get(place)
    again = await world.http.get(place, headers={"If-None-Match": shown.headers["etag"]})
    rerun = await world.http.post(f"{place}/rerun", headers={"If-Match": shown.headers["etag"]})
    run = await world.http.get(f"{place}/run")
    page = await world.http.get("/api/runs", params={"pipelineName": "copyOrders", "top": 2})

    assert (started.status_code, location) == (
        202,
        f"{str(world.http.base_url).rstrip(chr(47))}/api/runs/life-1",
    )
    assert (shown.status_code, shown.json()["runId"]) == (200, started.json()["runId"])
    assert (again.status_code, again.content) == (304, b"")
    assert (rerun.status_code, rerun.json()["generation"]) == (202, 2)
    assert (run.status_code, run.json()["runId"]) == (200, rerun.json()["runId"])
    assert [item["requestId"] for item in page.json()["value"]] == ["life-1", "life-1"]
    assert page.json()["value"][0]["runId"] == rerun.json()["runId"]


async def test_a_request_is_recorded_cancelled_and_waited_for(world: Outside) -> None:
    headers = {"Prefer": "respond-async", "Idempotency-Key": "async-1"}
    recorded = await world.http.post("/api/runs", json=BODY, headers=headers)
    (told,) = await world.results("async-1")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    late = BODY | {"requestId": "async-2", "notBefore": tomorrow}
    waits = await world.http.post("/api/runs", json=late, headers={"Prefer": "wait=1"})
    cancelled = await world.http.post("/api/runs/async-2/cancel")

    assert (recorded.json()["status"], told["status"]) == ("Waiting", "Started")
    assert recorded.headers["preference-applied"] == "respond-async"
    assert (waits.status_code, waits.json()["status"]) == (202, "Waiting")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "Rejected")


async def test_a_throttled_request_is_waited_for(world: Outside) -> None:
    """Its caller gets the run, and the results queue gets it once."""
    await world.synapse.fault(THROTTLED, operation="createRun", times=1)

    answer = await world.http.post(
        "/api/runs", json=BODY | {"requestId": "patient-1"}, headers={"Prefer": "wait=30"}
    )

    (told,) = await world.results("patient-1")
    assert (answer.status_code, answer.json()["status"]) == (202, "Started")
    assert answer.json()["resultId"] == told["resultId"]


async def test_a_caller_who_hangs_up_in_the_middle_leaves_one_run(world: Outside) -> None:
    """And one audit trail; asking again tells what became of it."""
    body = {"pipelineName": "copyOrders", "requestId": "hung-up", "parameters": {"day": "hung-up"}}
    await world.synapse.fault(Delay(seconds=1.5), operation="createRun", times=1)

    with pytest.raises(httpx.ReadTimeout):
        await world.http.post("/api/runs", json=body, timeout=0.5)
    (told,) = await world.results("hung-up")
    (entry,) = await world.audited("hung-up")
    again = await world.http.post("/api/runs", json=body)

    assert (told["status"], entry["runId"]) == ("Started", told["runId"])
    assert (again.json()["runId"], again.json()["duplicate"]) == (told["runId"], True)
    runs = [
        run.run_id for run in await world.synapse.runs() if "hung-up" in run.parameters.values()
    ]
    assert runs == [told["runId"]]


@pytest.mark.parametrize(
    "path",
    [
        "/api/runs/..%2f..",
        "/api/runs/%2e%2e%2f%2e%2e%2fadmin",
        "/api/runs/a%2Fb",
        "/api/runs/a%00b",
        "/api/runs/a%0d%0aX:%20y",
        "/api/runs/%ff%fe",
        "/api/runs/a%5Cb/run",
        "/api/runs/%3Cscript%3E",
        f"/api/runs/{'x' * 3000}",
    ],
)
async def test_what_can_be_no_id_is_refused(running: stack.Stack, path: str) -> None:
    status, answer = await raw(running, f"GET {path} HTTP/1.1".encode())

    assert (status, answer["error"]["code"]) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    "run_id",
    [
        "..%2f..%2fpipelines%2fcopyOrders",
        "%2e%2e%5cpipelines",
        f"{RUN}%2fcancel",
        f"{RUN}%3fapi-version=x",
        f"{RUN}%00",
        f"{RUN}%0d%0aX:%20y",
        f"%20{RUN}",
    ],
)
async def test_a_run_id_that_is_a_path_goes_nowhere(
    running: stack.Stack, world: Outside, run_id: str
) -> None:
    before = len(await world.synapse.calls())

    asked = [
        await raw(running, f"{method} /pipelineruns/{run_id}{rest} HTTP/1.1".encode())
        for method, rest in (("GET", VERSION), ("POST", f"/cancel{VERSION}"))
    ]

    assert [(status, answer["error"]["code"]) for status, answer in asked] == [
        (400, "InvalidRequest")
    ] * 2
    assert len(await world.synapse.calls()) == before


async def test_a_path_that_leaves_the_api_is_no_route(running: stack.Stack) -> None:
    """Dot segments go before routes are looked for."""
    status, answer = await raw(running, b"GET /api/runs/../../x HTTP/1.1")

    assert (status, answer) == (404, None)


@pytest.mark.parametrize(
    ("headers", "status", "name"),
    [
        (["Idempotency-Key: a", "Idempotency-Key: a"], 400, "InvalidRequest"),
        (['Idempotency-Key: "a"', 'idempotency-key: "b"'], 400, "InvalidRequest"),
        (["Prefer: wait=1", "Prefer: wait=x, wait"], 202, ""),
        (["Prefer: wait=x", "Prefer: wait=1"], 400, "InvalidRequest"),
        (["Prefer: wait=\xff"], 400, "InvalidRequest"),
        (["Content-Type: text/html"], 415, "UnsupportedMediaType"),
        (["Content-Encoding: deflate"], 415, "UnsupportedMediaType"),
        (["Traceparent: 00-x"], 202, ""),
    ],
)
async def test_headers_that_come_twice_or_make_no_sense(
    running: stack.Stack, headers: list[str], status: int, name: str
) -> None:
    lines = "\r\n".join(["POST /api/runs HTTP/1.1", *headers]).encode("latin-1")

    got, answer = await raw(running, lines, json.dumps(BODY).encode())

    assert got == status
    assert answer.get("error", {}).get("code", "") == name


@pytest.mark.parametrize(
    ("body", "headers", "status", "name"),
    [
        (
            gzip.compress(json.dumps(BODY).encode(), mtime=0),
            {"content-encoding": "gzip"},
            415,
            "Unsupported",
        ),
        (gzip.compress(b"{}", mtime=0), {}, 400, "InvalidJson"),
        (b'{"pipelineName": "\xc3\x28"}', {}, 400, "InvalidJson"),
        (b'{"a":' * 100_000, {}, 400, "InvalidJson"),
        (
            b'{"pipelineName": "copyOrders", "parameters": {"n": 1' + b"0" * 5000 + b"}}",
            {},
            400,
            "",
        ),
        (b'{"pipelineName": "a\\u0000b"}', {}, 404, "PipelineNotFound"),
        (b'{"pipelineName": "..\\/..\\/x"}', {}, 400, "InvalidRequest"),
        (b"x" * (513 * 1024), {}, 413, "RequestTooLarge"),
        (b"", {}, 400, "InvalidJson"),
    ],
)
async def test_bodies_that_can_t_be_taken(
    world: Outside, body: bytes, headers: Mapping[str, str], status: int, name: str
) -> None:
    answer = await world.http.post(
        "/api/runs", content=body, headers={"content-type": "application/json", **headers}
    )

    assert answer.status_code == status
    assert code(answer).startswith(name)


@pytest.mark.parametrize(
    "query",
    [
        "top=1&top=2",
        "status=failed",
        "top=%00",
        "since=%ff",
        "x[]=1",
        "continuationToken=%27%20or%201",
        "a=" + "b" * 5000,
    ],
)
async def test_queries_that_make_no_sense(running: stack.Stack, query: str) -> None:
    status, answer = await raw(running, f"GET /api/runs?{query} HTTP/1.1".encode())

    assert (status, answer["error"]["code"]) == (400, "InvalidRequest")


async def test_a_parameter_as_large_as_a_number_gets_arrives(world: Outside) -> None:
    """Thousands of digits are JSON; what Synapse makes of them is its own."""
    number = int("9" * 4000)
    body = {"pipelineName": "copyOrders", "requestId": "digits", "parameters": {"day": number}}

    answer = await world.http.post("/api/runs", json=body)
    shown = await world.http.get("/api/runs/digits")

    assert answer.status_code < 500
    assert shown.json()["parameters"]["day"] == number


async def test_the_api_describes_itself(world: Outside) -> None:
    answer = await world.http.get("/api/openapi.json")

    assert answer.json() == json.loads(schemas.OPENAPI.read_text())
