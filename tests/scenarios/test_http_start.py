"""`POST /api/runs`: what goes in, and what comes back."""

import base64
import json

import pytest

from shared.kernel.cloud_error import CloudError
from shared.runs.record import Status
from shared.synapse.reply import Refused, Throttled, Unknown, Wire
from tests.scenarios.api import BODY, JSON, Api
from tests.scenarios.world import World, later

ERROR = CloudError(code="BadThing", message="It went wrong.")
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def with_header(name: str, value: str) -> dict[str, str]:
    return JSON | {name: value}


async def test_a_started_run_is_202_with_the_result_and_its_place() -> None:
    world = World()

    answer = await Api(world).start()

    assert (answer.status, answer.headers["Location"]) == (202, "/api/runs/order-17")
    assert answer.body["runId"] == world.pipelines.runs[0].run_id
    assert answer.body["status"] == "Started"


async def test_a_request_without_an_id_gets_the_call_s() -> None:
    world = World()

    answer = await Api(world).start({"pipelineName": "copy"})

    assert answer.body["requestId"] == "call-1"


@pytest.mark.parametrize("key", ['"order-18"', "order-18", ' "order-18" '])
async def test_the_idempotency_key_is_the_request_id(key: str) -> None:
    """Quoted as in the IETF draft, or bare."""
    world = World()

    await Api(world).start({"pipelineName": "copy"}, with_header("idempotency-key", key))

    assert world.record.request_id == "order-18"


async def test_a_key_that_agrees_with_the_body_is_taken() -> None:
    assert (
        await Api(World()).start(BODY, with_header("idempotency-key", "order-17"))
    ).status == 202


async def test_a_key_and_a_body_that_differ_are_refused() -> None:
    world = World()

    answer = await Api(world).start(BODY, with_header("idempotency-key", "order-18"))

    assert (answer.status, answer.targets) == (400, ["$.requestId"])
    assert world.records.all() == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        '"a","b"',
        "a,a",
        '"a',
        'a"',
        '"a\\"b"',
        '"a";x=1',
        "a b",
        "a/b",
        "..%2f",
        "a\r\nX: y",
        "a\x00",
        "é",
        "x" * 201,
        "msg-1",
        '"evt-1"',
        "..",
    ],
)
async def test_an_invalid_key_is_refused(key: str) -> None:
    world = World()

    answer = await Api(world).start({"pipelineName": "copy"}, with_header("idempotency-key", key))

    assert (answer.status, answer.targets) == (400, ["$.headers.idempotency-key"])
    assert world.pipelines.calls == []


async def test_all_faults_of_headers_and_body_are_told_at_once() -> None:
    headers = JSON | {"idempotency-key": "a b", "prefer": "wait=soon"}

    answer = await Api(World()).start({"pipelineName": "a/b", "typo": 1}, headers)

    assert answer.status == 400
    assert answer.targets == [
        "$.headers.idempotency-key",
        "$.headers.prefer",
        "$.pipelineName",
        "$.typo",
    ]


async def test_what_is_no_json_is_told_beside_the_headers_faults() -> None:
    answer = await Api(World()).start(b"{", with_header("prefer", "wait=soon"))

    assert (answer.status, answer.code, answer.targets) == (
        400,
        "InvalidJson",
        ["$.headers.prefer"],
    )


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/cloudevents+json",
        "application/json; x=y",
        "text/json",
        "Text/JSON; charset=utf-8",
        "",
    ],
)
async def test_json_is_taken(kind: str) -> None:
    assert (await Api(World()).start(BODY, {"content-type": kind})).status == 202


async def test_a_body_of_no_stated_type_is_taken_for_json() -> None:
    assert (await Api(World()).start(BODY, {})).status == 202


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-type", "text/plain"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-type", "application/json,application/json"),
        ("content-type", "application/json; charset=utf-16"),
        ("content-type", "+json"),
        ("content-encoding", "gzip"),
        ("content-encoding", "identity, br"),
    ],
)
async def test_another_type_or_encoding_is_refused(name: str, value: str) -> None:
    """Before anything is parsed."""
    answer = await Api(World()).start(b"\x1f\x8b", with_header(name, value))

    assert (answer.status, answer.code) == (415, "UnsupportedMediaType")
    assert answer.body["error"]["target"] == f"$.headers.{name}"


async def test_identity_is_no_encoding() -> None:
    answer = await Api(World()).start(BODY, with_header("content-encoding", "identity"))

    assert answer.status == 202


async def test_a_body_that_is_too_large_is_not_parsed() -> None:
    answer = await Api(World()).start(b"[" * (512 * 1024 + 1))

    assert (answer.status, answer.code) == (413, "RequestTooLarge")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"pipelineName": "\xff"}',
        b'{"pipelineName": "copy", "parameters": ' + b'{"a":' * 500 + b"1" + b"}" * 501,
        b'{"pipelineName": "copy", "parameters": {"n": 1e999}}',
        b'{"pipelineName": "copy", "parameters": {"n": ' + b"9" * 5000 + b"}}",
        b'{"pipelineName": "copy", "pipelineName": "copy"}',
        b'{"pipelineName": "\\ud800"}',
        b"[" * 200_000,
    ],
)
async def test_what_can_t_be_read_is_a_cloud_error(body: bytes) -> None:
    answer = await Api(World()).start(body)

    assert (answer.status, answer.code) == (400, "InvalidJson")


async def test_the_gateway_s_own_message_is_refused() -> None:
    answer = await Api(World()).start({"resume": "order-17"})

    assert (answer.status, answer.targets) == (400, ["$.resume"])


async def test_the_trace_of_the_call_goes_on() -> None:
    """A trace in the body comes first, a broken one in the header is no trace."""
    world = World()
    api = Api(world)

    told = await api.start({"pipelineName": "copy"}, with_header("traceparent", TRACE))
    own = {"pipelineName": "copy", "traceparent": TRACE.replace("a", "c")}
    other = await api.start(own, with_header("traceparent", TRACE))
    broken = await api.start({"pipelineName": "copy"}, with_header("traceparent", "00-\r\nX: y"))

    assert told.body["traceparent"] == TRACE
    assert other.body["traceparent"] == TRACE.replace("a", "c")
    assert "traceparent" not in broken.body


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (Refused(error=ERROR, wire=Wire(http_status=404)), 404, "BadThing"),
        (Refused(error=ERROR, wire=Wire(http_status=308)), 502, "BadThing"),
    ],
)
async def test_a_refusal_of_synapse_keeps_its_status(
    reply: Refused, status: int, code: str
) -> None:
    world = World()
    world.pipelines.script(reply)

    answer = await Api(world).start()

    assert (answer.status, answer.code) == (status, code)


async def test_a_throttled_request_waits() -> None:
    """202 with the time after which to look again; the correlation id comes back."""
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=7.0))

    answer = await Api(world).start(BODY | {"correlationId": "c\r\nX: y"})

    assert (answer.status, answer.body["status"]) == (202, "Waiting")
    assert answer.headers["Retry-After"] == "8"  # and some jitter
    assert answer.body["correlationId"] == "c\r\nX: y"
    assert "Preference-Applied" not in answer.headers


async def test_a_record_that_can_t_be_read_is_503() -> None:
    world = World()
    await world.deliver()
    world.records.row("order-17")["schemaVersion"] = 99

    answer = await Api(world).start()

    assert (answer.status, answer.code) == (503, "GatewayUnavailable")


# Prefer: respond-async.


@pytest.mark.parametrize(
    "prefer", ["respond-async", "Respond-Async, wait=0", "handling=lenient;x, ,respond-async"]
)
async def test_a_request_may_be_recorded_only(prefer: str) -> None:
    """It is started from the queue, and its result is published."""
    world = World()

    answer = await Api(world).start(BODY, with_header("prefer", prefer))

    assert (answer.status, answer.body["status"]) == (202, "Waiting")
    assert answer.headers["Preference-Applied"].startswith("respond-async")
    assert answer.headers["Location"] == "/api/runs/order-17"
    assert world.pipelines.calls == []
    await world.drain()
    assert world.result.status == "Started"


@pytest.mark.parametrize(
    "prefer",
    [
        "wait",
        "wait=",
        "wait=-1",
        "wait=1.5",
        "wait=1e3",
        "wait=ten",
        f"wait={'9' * 10}",
        "respond-async=yes",
        "respond-async wait=3",
        "=3",
        '"respond-async"',
        'wait="3',
        "wait=3\x00",
        "wait=\uff13",
    ],
)
async def test_an_absurd_preference_is_refused(prefer: str) -> None:
    world = World()

    answer = await Api(world).start(BODY, with_header("prefer", prefer))

    assert (answer.status, answer.targets) == (400, ["$.headers.prefer"])
    assert world.records.all() == []


@pytest.mark.parametrize("prefer", ["return=minimal", 'foo="a, b"; c=d', "", ","])
async def test_a_preference_that_means_nothing_here_is_passed_over(prefer: str) -> None:
    answer = await Api(World()).start(BODY, with_header("prefer", prefer))

    assert (answer.status, answer.body["status"]) == (202, "Started")
    assert "Preference-Applied" not in answer.headers


# Prefer: wait=N.


async def test_a_deferred_request_is_waited_for() -> None:
    """Another process settles it meanwhile; its result is published once."""
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=5.0))
    world.records.mishaps.meanwhile("get", world.drain)

    answer = await Api(world).start(BODY, with_header("prefer", "wait=60"))

    assert (answer.status, answer.body["status"]) == (202, "Started")
    assert answer.headers["Preference-Applied"] == "wait=60"
    assert answer.body["duplicate"] is False
    assert len(world.results.published) == 1


async def test_a_wait_ends_when_its_time_is_over() -> None:
    world = World()
    world.pipelines.script(Unknown(error=ERROR))
    started = world.clock.monotonic()

    answer = await Api(world).start(BODY, with_header("prefer", "wait=9"))

    assert answer.body["status"] == "Waiting"
    assert world.clock.monotonic() - started == pytest.approx(9.0)
    assert len(world.records.mishaps.calls) < 20


async def test_no_wait_is_longer_than_the_platform_s_patience() -> None:
    world = World()
    world.pipelines.script(Unknown(error=ERROR))
    started = world.clock.monotonic()

    answer = await Api(world).start(BODY, with_header("prefer", "wait=86400, wait=1"))

    assert answer.headers["Preference-Applied"] == "wait=200"
    assert world.clock.monotonic() - started == pytest.approx(200.0)


async def test_nobody_waits_for_what_comes_later_than_they_would() -> None:
    world = World()
    started = world.clock.monotonic()

    answer = await Api(world).start(
        BODY | {"notBefore": later(world, 100)}, with_header("prefer", "wait=60")
    )

    assert answer.body["status"] == "Waiting"
    assert world.clock.monotonic() == started


async def test_a_storage_that_is_away_for_a_moment_ends_no_wait() -> None:
    world = World()
    world.pipelines.script(Throttled(error=ERROR, retry_after=1.0))
    world.records.mishaps.meanwhile("get", world.drain)

    async def fail() -> None:
        world.records.mishaps.fail("get")

    world.records.mishaps.meanwhile("update", fail)

    answer = await Api(world).start(BODY, with_header("prefer", "wait=30"))

    assert answer.body["status"] == "Started"


async def test_a_wait_for_another_s_request_is_answered_as_its_duplicate() -> None:
    world = World()
    await world.deliver(notBefore=later(world, 5))
    world.records.mishaps.calls.clear()

    async def settle() -> None:
        world.records.mishaps.meanwhile("get", world.drain)

    world.records.mishaps.meanwhile("insert", settle)
    answer = await Api(world).start(BODY, with_header("prefer", "wait=30"))

    assert answer.body["status"] in {"Started", "Waiting"}
    assert world.record.status is Status.STARTED


async def test_a_base64_body_is_what_the_queue_takes_too() -> None:
    body = base64.b64encode(json.dumps(BODY).encode())

    assert (await Api(World()).start(body)).status == 202
