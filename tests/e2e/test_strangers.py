"""Who is turned away before anything is asked of them, over real HTTP: no token, or one that doesn't count."""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest

from local import process, stack
from tests.e2e.callers import (
    BOB,
    ELSEWHERE,
    GUEST,
    ID_TOKEN,
    PLATFORMS_OWN,
    Token,
    a_request_id,
    audited,
    bearer,
    gateway,
    start,
    write_rules,
)
from tests.e2e.outside import Outside
from tests.served_functions import http_triggers


@pytest.fixture(scope="module")
async def entra(
    running: stack.Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[process.Child]:
    """The platform asks for keys here as well: the app's own routes are open to it."""
    rules = write_rules(tmp_path_factory.mktemp("access"))
    options = {"HTTP_AUTH": "entra", "GATEWAY_CONFIG": rules}
    async with gateway(running, "strangers", "--keys", "first", **options) as host:
        yield host


STRANGERS: Mapping[str, tuple[Token, str]] = {
    "expired": (Token(lifetime=-61), "expired"),
    "from the future": (Token(claims={"nbf": 4_000_000_000}), "notYetValid"),
    "without an end": (Token(claims={"exp": None}), "incomplete"),
    "for another service": (Token(claims={"aud": "https://management.azure.com"}), "audience"),
    "of another tenant": (
        Token(claims={"iss": f"https://sts.windows.net/{ELSEWHERE}/", "tid": ELSEWHERE}),
        "issuer",
    ),
    "of another tenant by tid": (Token(claims={"tid": ELSEWHERE}), "tenant"),
    "a guest's, of the tenant at home": (
        Token(claims={"iss": f"https://sts.windows.net/{ELSEWHERE}/", "tid": ELSEWHERE, "oid": GUEST}),
        "issuer",
    ),
    "signed by another key": (Token(key="stranger"), "unknownKey"),
    "signed by another key under a good kid": (Token(key="stranger", good_kid=True), "signature"),
    "algorithm none": (Token(algorithm="none"), "algorithm"),
    "HS256 with the public key": (Token(algorithm="HS256"), "algorithm"),
    "RS512": (Token(algorithm="RS512"), "algorithm"),
    "PS256": (Token(algorithm="PS256"), "algorithm"),
    "an ID token": (Token(claims=ID_TOKEN), "notAnAccessToken"),
    "an ID token without nonce": (Token(claims=ID_TOKEN | {"nonce": None}), "notAnAccessToken"),
    "a user's without scopes": (Token(claims={"scp": None}), "notAnAccessToken"),
    "bound to a key": (Token(claims={"cnf": {"kid": "x"}}), "bound"),
    "without an object id": (Token(claims={"oid": None}), "nobody"),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGERS)
async def test_a_token_that_does_not_count(
    running: stack.Stack, world: Outside, entra: process.Child, name: str
) -> None:
    """401, one line in the log with the reason; no run, no audit entry, and the token nowhere."""
    order, reason = STRANGERS[name]
    token = await order.mint(world.synapse)
    before, runs = entra.output(), len(await world.synapse.runs())
    request_id = a_request_id("stranger", name)

    answer = await start(entra, request_id, headers=bearer(token) | {"x-functions-key": "first"})

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "Unauthenticated"
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    said = entra.output()[len(before) :]
    assert said.count("run_gateway.unauthenticated") == 1
    assert f"reason={reason} " in said
    assert len(await world.synapse.runs()) == runs
    assert await audited(running.storage, request_id) == []
    for part in filter(None, token.split(".")[1:]):
        assert part not in said + answer.text + str(answer.headers)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, {}),
        ({"x-functions-key": "first"}, {}),  # opens nothing here
        ({}, {"code": "first"}),
        (PLATFORMS_OWN, {}),
        (PLATFORMS_OWN | {"x-functions-key": "first"}, {"code": "first"}),
    ],
    ids=str,
)
async def test_without_a_token_nobody_gets_in(
    entra: process.Child, headers: dict[str, str], query: dict[str, str]
) -> None:
    answer = await start(entra, "no-token", headers=headers, params=query)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="run-gateway"'


async def test_a_token_counts_in_its_header_alone(world: Outside, entra: process.Child) -> None:
    token = await Token().mint(world.synapse)
    twice = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]

    in_query = await start(entra, "in-query", params={"access_token": token})
    with_keys_header = await start(entra, "in-key", headers={"x-functions-key": token})
    two = await start(entra, "two", headers=twice)
    huge = await start(entra, "huge", headers=bearer(f"{token}{'A' * 17_000}"))

    statuses = [a.status_code for a in (in_query, with_keys_header, two, huge)]
    assert statuses == [401] * 4


#: What the app serves without a key or a token, each with what admits a call instead.
OPEN = {
    "/api/health/live": "says yes or no",
    "/api/health/ready": "says yes or no",
    "/api/openapi.json": "is public",
    "/api/hooks/some-id": "a signature",
    "/api/outcomes/some-id": "a ticket",
    "/api/operations/some-id": "a ticket",
}


def test_what_is_open_is_known() -> None:
    paths = {
        "/" + re.sub(r"\{[^}]*\}", "some-id", trigger["route"])
        for trigger in http_triggers()
        if trigger["authLevel"] == "ANONYMOUS"
    }

    assert paths == set(OPEN)


def guarded() -> list[tuple[str, str]]:
    """Every route that asks for a key where keys are asked for: new ones come in by themselves."""
    return [
        (str(method), "/" + re.sub(r"\{[^}]*\}", "some-id", trigger["route"]))
        for trigger in http_triggers()
        if trigger["authLevel"] != "ANONYMOUS"
        for method in trigger["methods"]
    ]


GUARDED = guarded()


@pytest.mark.parametrize("headers", [{}, PLATFORMS_OWN], ids=["nothing", "forged headers"])
async def test_no_guarded_route_is_open_to_a_stranger(
    entra: process.Child, headers: dict[str, str]
) -> None:
    async with httpx.AsyncClient(base_url=entra.url, headers=headers) as client:
        answers = {route: (await client.request(*route)).status_code for route in GUARDED}

    assert ("POST", "/api/runs") in answers
    assert set(answers.values()) == {401}


@pytest.mark.parametrize(
    ("method", "path"), [route for route in GUARDED if not route[1].startswith("/api/")], ids=str
)
async def test_a_client_of_synapse_gets_its_headers_with_a_refusal_too(
    entra: process.Child, method: str, path: str
) -> None:
    """By them an operator finds the call in the log."""
    async with httpx.AsyncClient(base_url=entra.url) as client:
        answer = await client.request(method, path, headers={"x-ms-client-request-id": "order-17"})

    assert answer.status_code == 401
    assert answer.headers["x-ms-client-request-id"] == "order-17"
    assert answer.headers["x-ms-request-id"] == answer.headers["x-ms-correlation-request-id"]
    assert answer.headers["cache-control"] == "no-cache"


async def test_what_is_wrong_is_told_to_known_callers_only(
    running: stack.Stack, world: Outside
) -> None:
    """Also where so much is wrong that no run could be started."""
    token = await Token(claims={"oid": BOB}).mint(world.synapse)
    wrong = {"HTTP_AUTH": "entra", "MAX_ATTEMPTS": "many", "SYNAPSE_ENDPOINT": "ftp://x"}
    async with (
        gateway(running, "wrong", **wrong) as host,
        httpx.AsyncClient(base_url=host.url, timeout=60) as client,
    ):
        ready = await client.get("/api/health/ready")
        stranger = await client.get("/api/health/settings", headers=PLATFORMS_OWN)
        known = await client.get("/api/health/settings", headers=bearer(token))

    assert (ready.status_code, ready.json()) == (503, {"status": "not ready"})
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (401, "Unauthenticated")
    faults = {fault["target"] for fault in known.json()["faults"]}
    assert faults == {"MAX_ATTEMPTS", "SYNAPSE_ENDPOINT"}


async def test_unreachable_keys_are_no_fault_of_the_callers(
    running: stack.Stack, world: Outside, tmp_path: Path
) -> None:
    token = await Token().mint(world.synapse)
    away = {"ENTRA_AUTHORITY": "http://127.0.0.1:9", "GATEWAY_CONFIG": write_rules(tmp_path)}
    async with gateway(running, "away", HTTP_AUTH="entra", **away) as host:
        answer = await start(host, "keys-away", headers=bearer(token))
        unsigned = await start(
            host, "keys-away", headers=bearer(await Token(algorithm="none").mint(world.synapse))
        )

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "GatewayUnavailable")
    assert unsigned.status_code == 401
    assert await audited(running.storage, "keys-away") == []


async def test_an_incomplete_setting_lets_nobody_in(running: stack.Stack, world: Outside) -> None:
    token = await Token().mint(world.synapse)
    async with gateway(running, "incomplete", HTTP_AUTH="entra", ENTRA_AUDIENCES=" ") as host:
        answer = await start(host, "incomplete", headers=bearer(token))

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "GatewayUnavailable")
