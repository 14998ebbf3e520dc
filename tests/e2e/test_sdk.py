"""Clients that were made for Synapse call the gateway unmodified: azure-synapse-artifacts, sync and aio, over TLS."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
)

from local import certificate, stack
from local.faults import Cut
from local.synapse.client import SeenRun
from local.synapse.faults import Answer, Point
from local.synapse.identity import SYSTEM_PRINCIPAL
from tests.e2e.callers import APPLICATION, Token, gateway, write_rules
from tests.e2e.outside import Outside
from tests.e2e.sdk_clients import Gate, Open, Sdk, open_aio, open_sync, open_with_key

THROTTLED = Answer(
    status=429,
    headers={"Retry-After": "1"},
    content={"code": "TooManyRequests", "message": "Too many requests."},
)


@pytest.fixture(scope="module")
async def gate(
    running: stack.Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gate]:
    directory = tmp_path_factory.mktemp("tls")
    file, key = certificate.write(directory)
    options = {"HTTP_AUTH": "entra", "GATEWAY_CONFIG": write_rules(directory)}
    tls = ("--tls-cert", str(file), "--tls-key", str(key))
    async with gateway(running, "sdk", *tls, **options) as host:
        yield Gate(url=f"https://127.0.0.1:{host.port}", certificate=file)


@pytest.fixture(params=[open_sync, open_aio], ids=["sync", "aio"])
async def sdk(request: pytest.FixtureRequest, gate: Gate, world: Outside) -> AsyncIterator[Sdk]:
    opening: Open = request.param
    async with AsyncExitStack() as clients:
        yield opening(clients, gate, await APPLICATION.mint(world.synapse))
        await world.synapse.remove_faults()


def told(error: HttpResponseError) -> tuple[int | None, str | None]:
    """Give status and code, as the SDK itself has read them."""
    return error.status_code, error.error.code if error.error else None


def an_id() -> str:
    return str(uuid.uuid4())


async def runs_of(world: Outside, day: str) -> list[SeenRun]:
    return [run for run in await world.synapse.runs() if run.parameters.get("day") == day]


async def test_the_four_calls_that_clients_make(world: Outside, sdk: Sdk) -> None:
    day = an_id()

    run_id = await sdk.create("copyOrders", parameters={"day": day, "regions": ["eu"]})
    run = await sdk.get(run_id)
    listed = await sdk.query()
    await sdk.cancel(run_id, is_recursive=True)
    cancelled = await sdk.get(run_id)

    assert (run.run_id, run.pipeline_name) == (run_id, "copyOrders")
    assert run.status in {"Queued", "InProgress"}
    assert run.parameters == {"day": day, "regions": '["eu"]'}
    assert run_id in {each.run_id for each in listed.value}
    assert cancelled.status in {"Canceling", "Cancelled"}
    assert sdk.seen.statuses == [202, 200, 200, 200, 200]
    (call,) = [c for c in await world.synapse.calls("cancelRun") if run_id in c.path]
    assert call.query == "api-version=2020-12-01&isRecursive=true"


async def test_a_caller_is_kept_in_the_audit_by_its_token(world: Outside, sdk: Sdk) -> None:
    request_id = an_id()

    await sdk.create("copyOrders", parameters={"day": request_id}, request_id=request_id)

    (entry,) = await world.audited(request_id)
    assert (entry["principal"], entry["source"]) == (SYSTEM_PRINCIPAL, "http")


async def test_an_answer_cut_in_the_middle_is_one_run(world: Outside, sdk: Sdk) -> None:
    """The SDK alone would raise ServiceResponseError here, and nobody would know whether a run exists."""
    day = an_id()
    await world.synapse.fault(Cut(), at=Point.CREATED, operation="createRun")

    run_id = await sdk.create("copyOrders", parameters={"day": day})

    assert [run.run_id for run in await runs_of(world, day)] == [run_id]
    assert sdk.seen.statuses == [202]


async def test_a_throttled_workspace_ends_in_one_run_by_the_sdks_own_retries(
    world: Outside, sdk: Sdk
) -> None:
    request_id = an_id()
    await world.synapse.fault(THROTTLED, operation="createRun", times=2)

    run_id = await sdk.create("copyOrders", parameters={"day": request_id}, request_id=request_id)

    assert sdk.seen.statuses == [429, 429, 202]
    assert [run.run_id for run in await runs_of(world, request_id)] == [run_id]
    results = await world.results(request_id, 3)
    assert [(each["status"], each.get("runId")) for each in results] == [
        ("Failed", None),
        ("Failed", None),
        ("Started", run_id),
    ]
    assert {each["generation"] for each in results} == {1}
    assert results[0]["error"]["code"] == "Throttled"


async def test_a_workspace_that_stays_throttled_starts_nothing_afterwards(
    world: Outside, sdk: Sdk
) -> None:
    day = an_id()
    await world.synapse.fault(THROTTLED, operation="createRun", times=None)

    with pytest.raises(HttpResponseError) as refused:
        await sdk.create("copyOrders", parameters={"day": day}, retry_total=0)
    await world.synapse.remove_faults()

    assert told(refused.value) == (429, "Throttled")
    assert await runs_of(world, day) == []


async def test_the_same_client_request_id_is_the_same_run(world: Outside, sdk: Sdk) -> None:
    """As an orchestrator's second try of a task sends it, with or without dashes."""
    day, request_id = an_id(), an_id()

    first = await sdk.create("copyOrders", parameters={"day": day}, request_id=request_id)
    again = await sdk.create(
        "copyOrders", parameters={"day": day}, request_id=request_id.replace("-", "").upper()
    )
    with pytest.raises(HttpResponseError) as conflict:
        await sdk.create("copyOrders", parameters={"day": "other"}, request_id=request_id)

    assert first == again
    assert len(await runs_of(world, day)) == 1
    assert told(conflict.value) == (422, "RequestIdConflict")


async def test_synapses_refusals_are_read_by_the_sdk(sdk: Sdk) -> None:
    with pytest.raises(ResourceNotFoundError) as unknown:
        await sdk.create("copyNothing")
    with pytest.raises(HttpResponseError) as absent:
        await sdk.get(an_id())

    assert told(unknown.value) == (404, "PipelineNotFound")
    assert told(absent.value) == (404, "NotFound")


async def test_other_pipelines_runs_are_neither_started_nor_seen(world: Outside, sdk: Sdk) -> None:
    """The application may start copy*; somebody else's run of another pipeline is in the same workspace."""
    other = await world.synapse.start_other("failsLater")

    refused = []
    for call in (sdk.create("failsLater"), sdk.get(other), sdk.cancel(other)):
        with pytest.raises(HttpResponseError) as not_permitted:
            await call
        refused.append(told(not_permitted.value))
    listed = await sdk.query()

    assert refused == [(403, "NotPermitted"), (404, "NotFound"), (404, "NotFound")]
    assert other not in {run.run_id for run in listed.value}
    (run,) = [run for run in await world.synapse.runs() if run.run_id == other]
    assert run.status != "Cancelled"


async def test_the_callers_token_never_goes_upstream(gate: Gate, world: Outside) -> None:
    token = await Token(claims={**APPLICATION.claims, "uti": "callers-own"}).mint(world.synapse)
    before = len(await world.synapse.calls())
    async with AsyncExitStack() as clients:
        sdk = open_sync(clients, gate, token)
        await sdk.cancel((await sdk.query()).value[0].run_id)
        await sdk.get(await sdk.create("copyOrders"))

    claims = [call.claims["uti"] for call in (await world.synapse.calls())[before:] if call.claims]
    assert len(claims) >= 5
    assert "callers-own" not in claims


async def test_a_strangers_token_is_refused(gate: Gate, world: Outside) -> None:
    token = await Token(claims={"aud": "https://management.azure.com"}).mint(world.synapse)
    async with AsyncExitStack() as clients:
        sdk = open_sync(clients, gate, token)
        with pytest.raises(HttpResponseError) as refused:
            await sdk.create("copyOrders")

    assert refused.value.status_code == 401


async def test_a_function_key_serves_in_place_of_a_token(running: stack.Stack) -> None:
    async with (
        gateway(running, "sdk-key", "--keys", "first") as host,
        AsyncExitStack() as clients,
    ):
        run_id = await open_with_key(clients, host.url, "first").create("copyOrders")
        with pytest.raises(HttpResponseError) as refused:
            await open_with_key(clients, host.url, "wrong").create("copyOrders")

    assert str(uuid.UUID(run_id)) == run_id
    assert refused.value.status_code == 401


async def test_the_sdk_sends_no_token_over_plain_http(running: stack.Stack, gate: Gate) -> None:
    async with AsyncExitStack() as clients:
        plain = Gate(url=running.url, certificate=gate.certificate)
        with pytest.raises(ServiceRequestError, match="non-TLS"):
            await open_sync(clients, plain, "token").create("copyOrders")


async def test_a_page_of_two_megabytes_is_passed_on(world: Outside, sdk: Sdk) -> None:
    """100 runs of 20 KB: more than the megabyte that is read of any other answer."""
    await world.synapse.reset()
    parameters = {"day": "a line of an order\n" * 1_100, "regions": [{"password": "hunter22"}]}
    ids = [await world.synapse.start_other("copyOrders", parameters) for _ in range(100)]

    listed = await sdk.query()
    await world.synapse.reset()

    assert [run.run_id for run in listed.value] == ids
    assert {run.parameters["day"] for run in listed.value} == {parameters["day"]}
    assert {run.parameters["regions"] for run in listed.value} == {'[{"password":"***"}]'}
    assert sdk.seen.statuses == [200]
