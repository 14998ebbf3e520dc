"""Azure's own poller for long-running operations (azure-core), unmodified, in the clock of the tests."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, override
from urllib.parse import parse_qsl, urlsplit

import pytest
from azure.core import AsyncPipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import AsyncRetryPolicy, RequestIdPolicy
from azure.core.pipeline.transport import AsyncHttpResponse, AsyncHttpTransport, HttpRequest
from azure.core.polling import AsyncLROPoller
from azure.core.polling.async_base_polling import AsyncLROBasePolling
from azure.core.polling.base_polling import LocationPolling, OperationResourcePolling

from shared.kernel.cloud_error import CloudError
from shared.synapse.reply import Refused, Throttled
from tests.scenarios.api import ADDRESS, BODY, JSON, Answer, Api
from tests.scenarios.world import World

ERROR = CloudError(code="BadThing", message="It went wrong.")
WAYS = {"both headers": None, "Operation-Location": OperationResourcePolling, "Location": LocationPolling}  # fmt: skip


class Response(AsyncHttpResponse):
    def __init__(self, request: HttpRequest, answer: Answer) -> None:
        super().__init__(request, None)
        self.status_code = answer.status
        self.headers = {name.lower(): value for name, value in answer.headers.items()}
        self.reason, self.content_type = "", "application/json"
        self._content = answer.text.encode()

    @override
    def body(self) -> bytes:
        return self._content

    async def load_body(self) -> None:
        pass


class Wire(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Carries the poller's calls to the routes; while it sleeps, the clock goes on and the follower visits."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._api = Api(world)
        self._meanwhile: list[Callable[[], Awaitable[object]]] = []
        self.calls: list[str] = []
        self.slept: list[float] = []

    def then(self, action: Callable[[], Awaitable[object]]) -> None:
        """Do something after the next sleep."""
        self._meanwhile.append(action)

    @override
    async def send(self, request: HttpRequest, **_: Any) -> AsyncHttpResponse:
        url = urlsplit(request.url)
        assert f"{url.scheme}://{url.netloc}" == ADDRESS
        assert not any("authorization" in name.lower() for name in request.headers)
        self.calls.append(f"{request.method} {url.path.rpartition('/')[0]}")
        if request.method == "GET":
            return Response(request, await self._api.poll(request.url))
        body = request.data if isinstance(request.data, bytes) else str(request.data).encode()
        query = dict(parse_qsl(url.query))
        return Response(request, await self._api.start(body, JSON, **query))

    @override
    async def sleep(self, duration: float) -> None:
        self.slept.append(duration)
        self._world.clock.advance(duration)
        if self._meanwhile:
            await self._meanwhile.pop(0)()
        await self._world.drain(for_seconds=0.0)
        await self._world.follow(for_seconds=0.0)

    @override
    async def open(self) -> None: ...

    @override
    async def close(self) -> None: ...

    @override
    async def __aexit__(self, *_: object) -> None: ...


async def run_to_its_end(wire: Wire, way: str, body: Mapping[str, Any] = BODY) -> Any:
    """Start a run and wait for it, as a generated client of a long-running operation does."""
    policies: list[Any] = [RequestIdPolicy(), AsyncRetryPolicy()]
    client: AsyncPipelineClient[Any, Any] = AsyncPipelineClient(
        ADDRESS, policies=policies, transport=wire
    )
    content = json.dumps(body).encode()
    request = client.post("/api/runs", {"until": "outcome"}, JSON, content)
    first = await client._pipeline.run(request)
    algorithm = WAYS[way]
    method: Any = AsyncLROBasePolling(
        timeout=30, lro_algorithms=[algorithm()] if algorithm else None
    )
    poller = AsyncLROPoller[Any](
        client, first, lambda response: json.loads(response.http_response.body()), method
    )
    return await poller.result()


def a_wire(**environment: str) -> tuple[World, Wire]:
    world = World(echoes=True, **{"PUBLIC_URL": ADDRESS} | environment)
    return world, Wire(world)


def ends(world: World, status: str, message: str = "") -> Callable[[], Awaitable[None]]:
    async def end() -> None:
        world.pipelines.end(world.run_id, status, message)

    return end


@pytest.mark.parametrize("way", WAYS)
async def test_a_success_is_a_result(way: str) -> None:
    world, wire = a_wire()
    wire.then(ends(world, "Succeeded"))

    result = await run_to_its_end(wire, way)

    assert result["runId"] == world.run_id
    assert wire.slept[0] == 10.0
    # Of both headers it polls Operation-Location, and reads the result at Location.
    assert wire.calls[-1] == "GET /api/outcomes"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("status", "code"), [("Failed", "RunFailed"), ("Cancelled", "RunCancelled")])  # fmt: skip
async def test_a_run_that_did_not_succeed_is_raised_with_its_reason(
    way: str, status: str, code: str
) -> None:
    """Also one that was cancelled: with two l, it would be polled for ever."""
    world, wire = a_wire()
    wire.then(ends(world, status, "Operation on target Copy failed."))

    with pytest.raises(HttpResponseError) as raised:
        await run_to_its_end(wire, way)

    assert raised.value.error is not None
    assert raised.value.error.code == code
    assert len(wire.slept) <= 3


@pytest.mark.parametrize("way", WAYS)
async def test_a_request_that_starts_no_run_is_raised_and_not_tried_again(way: str) -> None:
    """Its retry policy would repeat 408, 429 and 5xx up to ten times."""
    world, wire = a_wire()
    world.pipelines.script(Refused(error=CloudError(code="Throttled", message="m")))

    with pytest.raises(HttpResponseError) as raised:
        await run_to_its_end(wire, way)

    assert raised.value.error is not None
    assert raised.value.error.code == "Throttled"
    assert (len(wire.calls), wire.slept) == (2, [])


@pytest.mark.parametrize("way", WAYS)
async def test_a_request_that_has_to_wait_is_waited_for(way: str) -> None:
    world, wire = a_wire()
    world.pipelines.script(Throttled(error=ERROR, retry_after=15.0))
    for _ in range(3):
        wire.then(world.drain)
    wire.then(ends(world, "Succeeded"))

    result = await run_to_its_end(wire, way)

    assert result["runId"] == world.run_id


@pytest.mark.parametrize("way", WAYS)
async def test_a_storage_outage_is_lived_through(way: str) -> None:
    world, wire = a_wire()
    wire.then(ends(world, "Succeeded"))

    async def fail() -> None:
        world.outcomes.mishaps.fail("get", times=2)

    wire.then(fail)
    result = await run_to_its_end(wire, way)

    assert result["outcome"] == "Succeeded" or result["result"]["outcome"] == "Succeeded"


async def test_a_repeat_of_what_is_finished_gets_its_end() -> None:
    """A second start under the same id, as a task's retry sends it."""
    world, wire = a_wire()
    wire.then(ends(world, "Succeeded"))
    first = await run_to_its_end(wire, "both headers")

    again = await run_to_its_end(wire, "both headers")

    assert again == first
    assert len(world.pipelines.runs) == 1
