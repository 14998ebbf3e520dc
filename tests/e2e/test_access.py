"""Who may do what, over real HTTP: callers with keys, users, guests and applications, with and without a rule."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from local import process, stack
from local.synapse.identity import SYSTEM_CLIENT, SYSTEM_PRINCIPAL
from tests.e2e.callers import (
    ADA,
    APPLICATION,
    BOB,
    ELSEWHERE,
    GUEST,
    PLATFORMS_OWN,
    PORTAL,
    VERSION_2,
    Token,
    a_request_id,
    ask,
    audited,
    bearer,
    gateway,
    start,
    write_rules,
)
from tests.e2e.outside import Outside


@pytest.fixture(scope="module")
async def keyed(
    running: stack.Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[process.Child]:
    rules = write_rules(tmp_path_factory.mktemp("access"))
    async with gateway(running, "keyed", "--keys", "first,second", GATEWAY_CONFIG=rules) as host:
        yield host


@pytest.fixture(scope="module")
async def entra(
    running: stack.Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[process.Child]:
    """The platform asks for keys here as well: the app's own routes are open to it."""
    rules = write_rules(tmp_path_factory.mktemp("access"))
    options = {"HTTP_AUTH": "entra", "GATEWAY_CONFIG": rules}
    async with gateway(running, "access", "--keys", "first", **options) as host:
        yield host


# With function keys.


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, {}),
        ({"x-functions-key": "wrong"}, {}),
        ({}, {"code": "wrong"}),
        ({"x-functions-key": "wrong"}, {"code": "first"}),
        ({"x-functions-key": "first,second"}, {}),
        (PLATFORMS_OWN, {}),
        ({"Authorization": "Bearer first"}, {}),
    ],
    ids=str,
)
async def test_without_a_good_key_the_platform_answers(
    keyed: process.Child, headers: dict[str, str], query: dict[str, str]
) -> None:
    answer = await start(keyed, "no-key", headers=headers, params=query)

    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"x-functions-key": "first"}, {}),
        ({"x-functions-key": "second"}, {}),
        ({}, {"code": "first"}),
        ({"x-functions-key": "first"} | PLATFORMS_OWN, {}),
        ({"x-functions-key": "first", "Authorization": "Bearer whatever"}, {}),
    ],
    ids=str,
)
async def test_with_a_good_key_every_caller_is_the_key(
    running: stack.Stack, keyed: process.Child, headers: dict[str, str], query: dict[str, str]
) -> None:
    """Whatever else is sent: it gives nobody another's rights, nor another's name."""
    request_id = f"key-{len(headers)}-{len(query)}-{headers.get('x-functions-key', 'none')}"

    may = await start(keyed, request_id, headers=headers, params=query)
    may_not = await start(keyed, f"{request_id}-x", "copyBlob", headers=headers, params=query)

    assert (may.status_code, may_not.status_code) == (202, 403)
    assert may_not.json()["error"]["code"] == "NotPermitted"
    (entry,) = await audited(running.storage, request_id)
    assert (entry["principal"], entry.get("objectId")) == ("key", None)


# With tokens.


AT_HOME = f"https://sts.windows.net/{ELSEWHERE}/"
CALLERS: Mapping[str, tuple[Token, str, int]] = {
    "a user with a rule": (Token(), "copyOrders", 202),
    "version 2": (Token(claims=VERSION_2), "copyOrders", 202),
    "just expired": (Token(lifetime=-30), "copyOrders", 202),
    "another pipeline": (Token(), "failsLater", 403),
    # The application has a rule, and people that sign in to it don't get it.
    "the application's pipeline": (Token(), "copyBlob", 403),
    "a guest with a rule": (Token(claims={"oid": GUEST, "idp": AT_HOME, "acct": 1}), "copyOrders", 202),
    "an application": (APPLICATION, "copyOrders", 202),
    "an application again": (APPLICATION, "copyBlob", 202),
    "an application beyond its rule": (APPLICATION, "failsLater", 403),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLERS)
async def test_a_known_caller_may_start_what_a_rule_names(
    running: stack.Stack, world: Outside, entra: process.Child, name: str
) -> None:
    token, pipeline, status = CALLERS[name]
    headers = bearer(await token.mint(world.synapse))
    request_id, runs = a_request_id("known", name), len(await world.synapse.runs())

    answer = await start(entra, request_id, pipeline, headers=headers)

    assert answer.status_code == status
    assert len(await world.synapse.runs()) - runs == (1 if status == 202 else 0)
    (entry,) = await audited(running.storage, request_id)
    assert entry["principal"] == entry["objectId"]
    assert entry["status"] == ("Started" if status == 202 else "Rejected")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/runs"),
        ("GET", "/api/runs"),
        ("GET", "/api/runs/unnamed"),
        ("GET", "/api/runs/unnamed/outcome"),
        ("POST", "/api/runs/unnamed/rerun"),
        ("POST", "/api/runs?until=outcome"),
        ("POST", "/pipelines/copyOrders/createRun"),
        ("GET", "/pipelineruns/0f8fad5b-d9cb-469f-a165-70867728950e"),
        ("POST", "/queryPipelineRuns"),
    ],
)
@pytest.mark.parametrize("idp", [None, "live.com"], ids=["user", "guest"])
async def test_a_caller_whom_no_entry_names_is_refused_unread(
    world: Outside, entra: process.Child, method: str, path: str, idp: str | None
) -> None:
    """Nothing is asked of Synapse, and nothing is said of what was sent; the log names the caller."""
    token = await Token(claims={"oid": BOB, "idp": idp}).mint(world.synapse)
    before, calls = entra.output(), len(await world.synapse.calls())

    answer = await ask(entra, method, path, token, content=b"{")

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "NotPermitted")
    assert len(await world.synapse.calls()) == calls
    said = entra.output()[len(before) :]
    assert said.count("run_gateway.not_named") == 1
    assert BOB in said


async def test_the_caller_goes_to_the_audit(
    running: stack.Stack, world: Outside, entra: process.Child
) -> None:
    users, apps = await Token().mint(world.synapse), await APPLICATION.mint(world.synapse)
    await start(entra, "audit-user", headers=bearer(users))
    await start(entra, "audit-app", headers=bearer(apps))

    (by_user,) = await audited(running.storage, "audit-user")
    (by_app,) = await audited(running.storage, "audit-app")
    kept = ("principal", "objectId", "applicationId", "callerName")
    assert [by_user.get(name) for name in kept] == [ADA, ADA, PORTAL, "Ada Lovelace"]
    assert [by_app.get(name) for name in kept] == [
        SYSTEM_PRINCIPAL, SYSTEM_PRINCIPAL, SYSTEM_CLIENT, None,
    ]  # fmt: skip


async def test_forged_platform_headers_give_a_caller_no_other_name(
    running: stack.Stack, world: Outside, entra: process.Child
) -> None:
    token = await Token(claims={"oid": GUEST}).mint(world.synapse)

    answer = await start(entra, "forged-name", headers=bearer(token) | PLATFORMS_OWN)

    assert answer.status_code == 202
    (entry,) = await audited(running.storage, "forged-name")
    assert entry["principal"] == GUEST


OTHERS = Token(claims={**APPLICATION.claims, "appid": PORTAL, "oid": ELSEWHERE, "sub": ELSEWHERE})
OPERATIONS: Mapping[str, tuple[str, dict[str, Any] | None]] = {
    "": ("GET", None),
    "/run": ("GET", None),
    "/outcome": ("GET", None),
    "/cancel": ("POST", {}),
    "/rerun": ("POST", {"generation": 2}),
    "/resolve": ("POST", {"runId": None}),
}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_what_one_may_not_start_one_may_not_touch(
    world: Outside, entra: process.Child, operation: str
) -> None:
    method, body = OPERATIONS[operation]
    path = f"/api/runs/anothers{operation.replace('/', '-')}"
    ada = await Token().mint(world.synapse)
    portal = await OTHERS.mint(world.synapse)
    guest = await Token(claims={"oid": GUEST}).mint(world.synapse)
    await start(entra, path.rpartition("/")[2], headers=bearer(ada))
    runs = len(await world.synapse.runs())

    refused = await ask(entra, method, path + operation, portal, json=body)
    untouched = (await ask(entra, "GET", path, ada)).json()
    # What is asked of a record is judged by its pipeline, not by who made it.
    permitted = await ask(entra, method, path + operation, guest, json=body)

    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "NotFound")
    assert (untouched["status"], untouched["generation"]) == ("Started", 1)
    assert len(await world.synapse.runs()) - runs == (1 if operation == "/rerun" else 0)
    assert permitted.status_code in {200, 202, 409}


async def test_who_refers_to_a_run_may_start_its_pipeline(
    world: Outside, entra: process.Child
) -> None:
    """Synapse gives the new run that one's parameters."""
    ada, app = await Token().mint(world.synapse), await APPLICATION.mint(world.synapse)
    own = (await start(entra, "referred-own", headers=bearer(ada))).json()["runId"]
    others = (await start(entra, "referred-blob", "copyBlob", headers=bearer(app))).json()["runId"]
    runs = len(await world.synapse.runs())

    async def refer(request_id: str, run_id: str) -> httpx.Response:
        body = {"pipelineName": "copyOrders", "requestId": request_id}
        reference = {"referencePipelineRunId": run_id}
        return await ask(entra, "POST", "/api/runs", ada, json=body | reference)

    refused, permitted = await refer("refers-1", others), await refer("refers-2", own)

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "NotPermitted")
    assert refused.json()["error"]["target"] == "$.referencePipelineRunId"
    assert permitted.status_code == 202
    assert len(await world.synapse.runs()) == runs + 1


async def test_the_list_shows_what_one_may_start(world: Outside, entra: process.Child) -> None:
    ada = await Token().mint(world.synapse)
    app = await APPLICATION.mint(world.synapse)
    await start(entra, "listed-orders", headers=bearer(ada))
    await start(entra, "listed-blob", "copyBlob", headers=bearer(app))

    async def listed(token: str) -> set[str]:
        page = (await ask(entra, "GET", "/api/runs?top=200", token)).json()
        return {str(entry.get("pipelineName")) for entry in page["value"]}

    assert await listed(ada) == {"copyOrders"}
    assert {"copyOrders", "copyBlob"} <= await listed(app)


async def test_without_an_access_section_nobody_is_permitted(
    running: stack.Stack, world: Outside
) -> None:
    """Anybody in a tenant can get a token for Synapse."""
    async with gateway(running, "open", HTTP_AUTH="entra") as host:
        answers = [
            await start(host, "no-section", headers=bearer(await token.mint(world.synapse)))
            for token in (Token(), APPLICATION)
        ]

    assert [answer.status_code for answer in answers] == [403, 403]
