"""Entra's signatures are verified with the tenant's keys alone, and the keys are had as seldom as can be."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from shared.adapters.entra import EntraTokens
from shared.adapters.jwks import PAUSE, PAUSE_WITHOUT_KEYS, RENEW_AFTER
from shared.auth.bearer import Reason
from shared.kernel.cloud_error import CloudError
from tests.contracts.directory import (
    CLAIMS,
    TENANT,
    Directory,
    by_hand,
    jwk,
    private_key,
    public_pem,
    serving,
    token,
    with_secret,
)
from tests.fakes.clock import FakeClock


@pytest.fixture
async def directory() -> AsyncIterator[Directory]:
    async with serving() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def tokens(directory: Directory, clock: FakeClock) -> AsyncIterator[EntraTokens]:
    adapter = EntraTokens(authority=directory.url, tenant=TENANT, clock=clock, time_limit=0.5)
    yield adapter
    await adapter.aclose()


async def test_a_signed_token_tells_its_claims(tokens: EntraTokens, directory: Directory) -> None:
    assert await tokens.claims(token("first")) == CLAIMS
    assert directory.paths == [f"/{TENANT}/discovery/v2.0/keys"]


async def test_times_are_not_judged_here(tokens: EntraTokens) -> None:
    claims = CLAIMS | {"exp": 1, "nbf": 9_999_999_999, "iat": "never", "aud": 7}

    assert await tokens.claims(token("first", claims)) == claims


def forgeries() -> dict[str, tuple[str, Reason]]:
    own = jwk("stranger")
    head = {"typ": "JWT", "kid": "first"}
    good = token("first")
    return {
        "another key under a good kid": (token("stranger", kid="first"), Reason.SIGNATURE),
        "another key under its own kid": (token("stranger"), Reason.UNKNOWN_KEY),
        "its own key in jwk": (token("stranger", kid="first", jwk=own), Reason.SIGNATURE),
        "its own key at jku": (
            token("stranger", kid="first", jku="https://evil.example/keys"),
            Reason.SIGNATURE,
        ),
        "its own chain at x5u": (
            token("stranger", kid="first", x5u="https://evil.example/chain"),
            Reason.SIGNATURE,
        ),
        "its own chain in x5c": (token("stranger", kid="first", x5c=["MIIC"]), Reason.SIGNATURE),
        "no kid": (by_hand({"alg": "RS256"}, lambda _: b"x"), Reason.UNKNOWN_KEY),
        "x5t in place of kid": (
            by_hand({"alg": "RS256", "x5t": "first"}, lambda _: b"x"),
            Reason.UNKNOWN_KEY,
        ),
        "a kid that is a path": (token("stranger", kid="../../first"), Reason.UNKNOWN_KEY),
        "a kid that is a number": (
            by_hand(head | {"alg": "RS256", "kid": 7}, lambda _: b"x"),
            Reason.MALFORMED,
        ),
        "none": (by_hand(head | {"alg": "none"}, lambda _: b""), Reason.ALGORITHM),
        "None": (by_hand(head | {"alg": "None"}, lambda _: b""), Reason.ALGORITHM),
        "no algorithm": (by_hand(head, lambda _: b""), Reason.ALGORITHM),
        "two algorithms": (
            by_hand(head | {"alg": ["RS256"]}, lambda _: b""),
            Reason.ALGORITHM,
        ),
        "HS256 with the public key": (
            by_hand(head | {"alg": "HS256"}, with_secret(public_pem("first"))),
            Reason.ALGORITHM,
        ),
        "RS256 with the public key as a secret": (
            by_hand(head | {"alg": "RS256"}, with_secret(public_pem("first"))),
            Reason.SIGNATURE,
        ),
        "RS512": (
            jwt.encode(CLAIMS, private_key("first"), "RS512", headers={"kid": "first"}),
            Reason.ALGORITHM,
        ),
        "PS256": (
            jwt.encode(CLAIMS, private_key("first"), "PS256", headers={"kid": "first"}),
            Reason.ALGORITHM,
        ),
        "no signature": (good.rpartition(".")[0] + ".", Reason.SIGNATURE),
        "another payload": (
            ".".join((good.split(".")[0], token("stranger").split(".")[1] + "AA", "AAAA")),
            Reason.SIGNATURE,
        ),
        "an unknown critical header": (token("first", crit=["exp"], exp=1), Reason.MALFORMED),
        "a detached payload": (
            by_hand(head | {"alg": "RS256", "b64": False, "crit": ["b64"]}, lambda _: b"x"),
            Reason.MALFORMED,
        ),
        "no JSON": ("aGVhZA.cGF5.c2ln", Reason.MALFORMED),
        "no base64": ("a.b.c", Reason.MALFORMED),
        "an array": ("W10.W10.W10", Reason.MALFORMED),
        "a deep header": (
            by_hand({}, lambda _: b"").replace("e30", "W1tb" * 3000, 1),
            Reason.MALFORMED,
        ),
    }


@pytest.mark.parametrize("name", forgeries())
async def test_a_forgery_claims_nothing(tokens: EntraTokens, name: str) -> None:
    forgery, reason = forgeries()[name]

    assert await tokens.claims(forgery) is reason


async def test_signed_claims_that_are_no_object_are_none(tokens: EntraTokens) -> None:
    signed = jwt.api_jws.encode(b"[1]", private_key("first"), "RS256", headers={"kid": "first"})

    assert await tokens.claims(signed) is Reason.MALFORMED


async def test_another_algorithm_asks_for_no_key(tokens: EntraTokens, directory: Directory) -> None:
    await tokens.claims(by_hand({"alg": "none", "kid": "x"}, lambda _: b""))

    assert directory.asked == 0


# Which keys count.


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"alg": "PS256"},
        {"kty": "oct"},
        {"n": None},
        {"n": "!"},
        {"n": 7},
        {"e": "AA"},
        {"kid": None},
        {"kid": 1},
        {"issuer": "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"},
    ],
)
async def test_a_key_of_another_kind_or_issuer_does_not_count(
    tokens: EntraTokens, directory: Directory, changes: dict[str, Any]
) -> None:
    directory.keys = [jwk("first", **changes), jwk("second"), "no key", None]

    assert await tokens.claims(token("first")) is Reason.UNKNOWN_KEY
    assert await tokens.claims(token("second")) == CLAIMS


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": None},
        {"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"},
        {"use": None, "alg": "RS256"},
        {"d": "AQAB", "x5c": ["MIIC"], "unheard": {}},  # read is the public key alone
    ],
)
async def test_what_a_key_may_have_besides(
    tokens: EntraTokens, directory: Directory, changes: dict[str, Any]
) -> None:
    directory.keys = [jwk("first", **changes)]

    assert await tokens.claims(token("first")) == CLAIMS


async def test_a_short_key_does_not_count(tokens: EntraTokens, directory: Directory) -> None:
    short = private_key("short", 1024)
    numbers = jwt.algorithms.RSAAlgorithm.to_jwk(short.public_key(), as_dict=True)
    directory.keys = [jwk("first"), jwk("first", kid="short", n=numbers["n"])]
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        signed = jwt.encode(CLAIMS, short, "RS256", headers={"kid": "short"})

    assert await tokens.claims(signed) is Reason.UNKNOWN_KEY


# How often they are fetched.


async def test_one_fetch_serves_all_callers(tokens: EntraTokens, directory: Directory) -> None:
    go = directory.hold()
    waiting = [asyncio.create_task(tokens.claims(token("first"))) for _ in range(20)]
    await asyncio.sleep(0.05)
    go.set()

    assert await asyncio.gather(*waiting) == [CLAIMS] * 20
    assert directory.asked == 1


async def test_a_caller_that_leaves_takes_the_keys_from_nobody(
    tokens: EntraTokens, directory: Directory
) -> None:
    go = directory.hold()
    leaving, staying = (asyncio.create_task(tokens.claims(token("first"))) for _ in range(2))
    await asyncio.sleep(0.05)
    leaving.cancel()
    await asyncio.sleep(0)
    go.set()

    assert await staying == CLAIMS
    assert directory.asked == 1


async def test_a_new_key_is_fetched_when_a_token_names_it(
    tokens: EntraTokens, directory: Directory, clock: FakeClock
) -> None:
    await tokens.claims(token("first"))
    directory.keys = [jwk("first"), jwk("second")]
    clock.advance(PAUSE)

    assert await tokens.claims(token("second")) == CLAIMS
    assert await tokens.claims(token("first")) == CLAIMS
    assert directory.asked == 2


async def test_a_flood_of_unknown_keys_is_one_fetch(
    tokens: EntraTokens, directory: Directory, clock: FakeClock
) -> None:
    await tokens.claims(token("first"))
    clock.advance(PAUSE)

    flood = [token("stranger", kid=f"k-{number}") for number in range(50)]
    outcomes = await asyncio.gather(*map(tokens.claims, flood))
    outcomes += [await tokens.claims(one) for one in flood]

    assert set(outcomes) == {Reason.UNKNOWN_KEY}
    assert directory.asked == 2
    assert await tokens.claims(token("first")) == CLAIMS


async def test_keys_are_renewed_after_a_day(
    tokens: EntraTokens, directory: Directory, clock: FakeClock
) -> None:
    """A key that was withdrawn opens nothing any more."""
    await tokens.claims(token("first"))
    directory.keys = [jwk("second")]
    clock.advance(RENEW_AFTER - 1)
    before = await tokens.claims(token("first"))
    clock.advance(1)

    assert before == CLAIMS
    assert await tokens.claims(token("first")) is Reason.UNKNOWN_KEY
    assert directory.asked == 2


# What happens while they can't be had.


async def test_without_any_key_nobody_can_tell(
    tokens: EntraTokens, directory: Directory, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is no fault of the caller's: not a 401."""
    directory.answer = directory.fail
    signed = token("first")

    outcomes = [await tokens.claims(signed) for _ in range(5)]
    directory.answer = directory.publish
    clock.advance(PAUSE_WITHOUT_KEYS)

    assert {type(outcome) for outcome in outcomes} == {CloudError}
    assert isinstance(outcomes[0], CloudError)
    assert outcomes[0].code == "GatewayUnavailable"
    assert await tokens.claims(signed) == CLAIMS
    assert directory.asked == 2
    (line,) = caplog.records
    assert (line.levelno, line.getMessage()) == (
        logging.WARNING,
        'run_gateway.token_keys_unavailable reason="HTTP 503 without a usable key" held=0',
    )


async def test_an_unreachable_directory(clock: FakeClock) -> None:
    tokens = EntraTokens(authority="http://127.0.0.1:9", tenant=TENANT, clock=clock)

    outcome = await tokens.claims(token("first"))

    assert isinstance(outcome, CloudError)
    await tokens.aclose()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"keys": []}',
        b'{"keys": {"kid": "first"}}',
        b'{"keys": null}',
        b'{"keys": [',
        b"[]",
        b"\xff",
        b"<html>captive portal</html>",
    ],
)
async def test_an_answer_without_keys_takes_none_away(
    tokens: EntraTokens, directory: Directory, clock: FakeClock, body: bytes
) -> None:
    await tokens.claims(token("first"))
    directory.say(body)
    clock.advance(RENEW_AFTER)

    assert await tokens.claims(token("first")) == CLAIMS
    assert directory.asked == 2


@pytest.mark.parametrize("status", [302, 400, 404, 500])
async def test_keys_in_a_refusal_do_not_count(
    tokens: EntraTokens, directory: Directory, status: int
) -> None:
    """A redirect is not followed either: keys come from the authority itself."""
    published = (await directory.publish()).body
    assert isinstance(published, bytes)
    directory.say(published, status, Location=f"{directory.url}/elsewhere")

    assert isinstance(await tokens.claims(token("first")), CloudError)
    assert directory.asked == 1


async def test_known_keys_stay_good_while_the_directory_is_away(
    tokens: EntraTokens, directory: Directory, clock: FakeClock
) -> None:
    await tokens.claims(token("first"))
    directory.answer = directory.fail
    clock.advance(RENEW_AFTER)

    for _ in range(5):
        assert await tokens.claims(token("first")) == CLAIMS
    assert directory.asked == 2
    # Whether a new key is the tenant's, nobody can tell meanwhile.
    assert isinstance(await tokens.claims(token("second")), CloudError)
    assert directory.asked == 2
    directory.answer = directory.publish
    clock.advance(PAUSE)
    assert await tokens.claims(token("second")) is Reason.UNKNOWN_KEY


async def test_a_directory_that_hangs_costs_one_time_limit(
    tokens: EntraTokens, directory: Directory
) -> None:
    directory.hold()
    began = asyncio.get_running_loop().time()

    outcomes = await asyncio.gather(*(tokens.claims(token("first")) for _ in range(5)))

    assert {type(outcome) for outcome in outcomes} == {CloudError}
    assert asyncio.get_running_loop().time() - began < 2


async def test_closing_breaks_a_fetch_off(tokens: EntraTokens, directory: Directory) -> None:
    directory.hold()
    waiting = asyncio.create_task(tokens.claims(token("first")))
    await asyncio.sleep(0.05)

    await tokens.aclose()

    with pytest.raises(asyncio.CancelledError):
        await waiting
