"""A route knows its caller by what was proved, and by nothing that a caller may merely say."""

import logging
from collections.abc import Mapping
from typing import Any, override

import azure.functions as func
import pytest

from shared.auth.bearer import Reason
from shared.auth.token_claims import expected
from shared.kernel import log_line
from shared.kernel.cloud_error import CloudError
from shared.ports import Tokens
from shared.runs.caller import KEY, Caller
from shared.triggers import responses
from shared.triggers.authentication import TokenBearers, key_holder
from tests.fakes.clock import START, FakeClock

TENANT = "11111111-1111-4111-8111-111111111111"
OBJECT = "22222222-2222-4222-8222-222222222222"
APP = "33333333-3333-4333-8333-333333333333"
TOKEN = "c2VjcmV0.c2VjcmV0.c2VjcmV0"
CLAIMS = {
    "aud": "api://runs",
    "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
    "nbf": int(START.timestamp()) - 10,
    "exp": int(START.timestamp()) + 10,
    "azp": APP,
    "oid": OBJECT,
    "scp": "Runs.Start",
    "sub": "pairwise",
    "tid": TENANT,
    "ver": "2.0",
}
FORGED = {
    "x-ms-client-principal": "eyJhdXRoX3R5cCI6ImFhZCJ9",
    "x-ms-client-principal-id": OBJECT,
    "x-ms-client-principal-name": "ada@example.org",
    "x-ms-client-principal-idp": "aad",
    "x-ms-token-aad-access-token": TOKEN,
    "x-ms-token-aad-id-token": TOKEN,
    "x-functions-key": "guessed",
    "x-forwarded-user": "ada",
}


class OneAnswer(Tokens):
    """Says the same of every token, and keeps which ones it was asked about."""

    def __init__(self, answer: Mapping[str, Any] | Reason | CloudError) -> None:
        self.answer = answer
        self.asked: list[str] = []

    @override
    async def claims(self, token: str) -> Mapping[str, Any] | Reason | CloudError:
        self.asked.append(token)
        return self.answer


def a_request(headers: Mapping[str, str], **params: str) -> func.HttpRequest:
    return func.HttpRequest("GET", "/api/runs/r-1", headers=headers, params=params, body=b"")


def a_door(answer: Mapping[str, Any] | Reason | CloudError) -> tuple[TokenBearers, OneAnswer]:
    tokens = OneAnswer(answer)
    wanted = expected("https://login.microsoftonline.com", TENANT, ("api://runs",))
    return TokenBearers(tokens, wanted, FakeClock()), tokens


@pytest.mark.parametrize("headers", [{}, FORGED, {"authorization": f"Bearer {TOKEN}"}])
async def test_with_keys_every_caller_is_the_key(headers: dict[str, str]) -> None:
    """The platform has looked at the key; nothing else that is sent counts."""
    assert await key_holder(a_request(headers)) == KEY


async def test_a_bearer_is_who_the_token_says() -> None:
    door, tokens = a_door(CLAIMS)

    caller = await door(a_request({"Authorization": f"Bearer {TOKEN}"}))

    assert caller == Caller.user(OBJECT, APP, None)
    assert tokens.asked == [TOKEN]


async def test_forged_headers_of_the_platform_have_no_effect() -> None:
    door, tokens = a_door(CLAIMS)

    stranger = await door(a_request(FORGED, code="guessed", access_token=TOKEN))
    known = await door(a_request(FORGED | {"authorization": f"Bearer {TOKEN}"}))

    assert isinstance(stranger, CloudError)
    assert stranger.code == "Unauthenticated"
    assert known == Caller.user(OBJECT, APP, None)
    assert tokens.asked == [TOKEN]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Reason.SIGNATURE, Reason.SIGNATURE),
        (CLAIMS | {"exp": 1}, Reason.EXPIRED),
        (CLAIMS | {"aud": "api://other"}, Reason.AUDIENCE),
    ],
)
async def test_a_stranger_leaves_one_line_and_a_count(
    answer: Any, reason: Reason, caplog: pytest.LogCaptureFixture
) -> None:
    door, _ = a_door(answer)
    request = a_request({"authorization": f"Bearer {TOKEN}"})

    outcomes = [await door(request), await door(request)]

    assert {getattr(outcome, "code", None) for outcome in outcomes} == {"Unauthenticated"}
    assert door.refused == {reason: 2}
    lines = [(line.levelno, line.getMessage()) for line in caplog.records]
    line = log_line.text("unauthenticated", reason=reason)
    assert lines == [(logging.WARNING, f"{line} count={count}") for count in (1, 2)]
    assert TOKEN not in caplog.text + str([vars(line) for line in caplog.records]) + str(outcomes)


async def test_where_nobody_can_tell_a_caller_is_no_stranger() -> None:
    away = CloudError(code="GatewayUnavailable", message="Ask again.")
    door, _ = a_door(away)

    assert await door(a_request({"authorization": f"Bearer {TOKEN}"})) == away
    assert not door.refused


async def test_a_stranger_is_told_how_to_come_in() -> None:
    door, _ = a_door(Reason.SIGNATURE)

    bare = await door(a_request({}))
    forged = await door(a_request({"authorization": f"Bearer {TOKEN}"}))

    assert isinstance(bare, CloudError)
    assert isinstance(forged, CloudError)
    replies = [responses.refusal(bare), responses.refusal(forged)]
    assert [reply.status_code for reply in replies] == [401, 401]
    assert replies[0].headers["WWW-Authenticate"] == 'Bearer realm="run-gateway"'
    assert 'error="invalid_token"' in replies[1].headers["WWW-Authenticate"]
    assert (
        "WWW-Authenticate" not in responses.refusal(CloudError(code="NotFound", message="")).headers
    )
