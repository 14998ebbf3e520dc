from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ManagedIdentityCredential

from local.synapse.client import Simulator
from local.synapse.identity import SYSTEM_CLIENT, SYSTEM_PRINCIPAL, TENANT
from local.synapse.in_process import calling, simulating
from local.synapse.pipelines import Pipeline
from local.synapse.simulation import IDENTITY_HEADER
from local.synapse.tokens import Keys, Signature, TokenRefused, Verifier

AUDIENCE = "https://dev.azuresynapse.net"
ASK = {"resource": AUDIENCE, "api-version": "2019-08-01"}
SECRET = {"X-IDENTITY-HEADER": IDENTITY_HEADER}
CALL = "/pipelines/copy/createRun"


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with simulating(Pipeline(name="copy")) as simulator:
        yield simulator


@pytest.fixture
async def anybody(sim: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    async with httpx.AsyncClient(base_url=sim.url, verify=False) as client:
        yield client


@pytest.fixture
def environment(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What App Service tells an app of its identity."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{sim.url}/identity")
    monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)


async def claims_of(sim: Simulator, token: str) -> Mapping[str, Any]:
    """Verify a token as its reader does: by the published keys."""
    async with httpx.AsyncClient(base_url=sim.url, verify=False) as client:
        keys = jwt.PyJWKSet.from_dict((await client.get("/identity/keys")).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: Mapping[str, Any] = jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE)
    return claims


async def answer_to(sim: Simulator, token: str) -> httpx.Response:
    async with calling(sim, token) as client:
        return await client.post(CALL)


@pytest.mark.usefixtures("environment")
async def test_azure_identity_gets_a_token_that_the_workspace_takes(sim: Simulator) -> None:
    """The credential as it is, system-assigned."""
    async with ManagedIdentityCredential() as credential:
        token = await credential.get_token(f"{AUDIENCE}/.default")
    claims = await claims_of(sim, token.token)

    assert (await answer_to(sim, token.token)).status_code == 202
    assert claims["oid"] == claims["sub"] == SYSTEM_PRINCIPAL
    assert (claims["appid"], claims["tid"]) == (SYSTEM_CLIENT, TENANT)
    assert claims["iss"] == f"https://sts.windows.net/{TENANT}/"
    assert token.expires_on == claims["exp"] == claims["iat"] + 3600


@pytest.mark.usefixtures("environment")
async def test_azure_identity_may_name_a_user_assigned_identity(sim: Simulator) -> None:
    """Its client id is the token's appid; its principal is another."""
    async with ManagedIdentityCredential(client_id="the-client") as credential:
        token = await credential.get_token(f"{AUDIENCE}/.default")
    claims = await claims_of(sim, token.token)

    assert claims["appid"] == "the-client"
    assert claims["oid"] != SYSTEM_PRINCIPAL


@pytest.mark.usefixtures("environment")
async def test_an_identity_that_is_not_assigned_gets_none(sim: Simulator) -> None:
    """The message is App Service's own."""
    await sim.settings(identities=["another"])
    async with ManagedIdentityCredential(client_id="the-client") as credential:
        with pytest.raises(ClientAuthenticationError, match="No User Assigned or Delegated"):
            await credential.get_token(f"{AUDIENCE}/.default")


async def test_the_answer_has_app_services_form(sim: Simulator, anybody: httpx.AsyncClient) -> None:
    """Times are seconds in strings."""
    await sim.settings(token_lifetime_seconds=120)
    answer = (await anybody.get("/identity", params=ASK, headers=SECRET)).json()

    assert set(answer) == {
        *("access_token", "client_id", "expires_on", "not_before", "resource", "token_type")
    }
    assert int(answer["expires_on"]) - int(answer["not_before"]) == 120
    assert (answer["resource"], answer["token_type"]) == (AUDIENCE, "Bearer")


@pytest.mark.parametrize(
    ("params", "headers", "status"),
    [
        (ASK, {}, 401),
        (ASK, {"X-IDENTITY-HEADER": "guessed"}, 401),
        (ASK | {"api-version": "2017-09-01"}, SECRET, 400),
        ({"api-version": "2019-08-01"}, SECRET, 400),
    ],
)
async def test_a_wrong_request_gets_no_token(
    anybody: httpx.AsyncClient, params: dict[str, str], headers: dict[str, str], status: int
) -> None:
    """The secret header, the version and the resource are checked."""
    answer = await anybody.get("/identity", params=params, headers=headers)

    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)


async def test_the_identity_may_be_down_or_slow(sim: Simulator, anybody: httpx.AsyncClient) -> None:
    """As settings say."""
    await sim.settings(identity_down=True)
    down = await anybody.get("/identity", params=ASK, headers=SECRET)
    await sim.settings(identity_down=False, identity_delay_seconds=0.1)
    slow = await anybody.get("/identity", params=ASK, headers=SECRET)

    assert (down.status_code, slow.status_code) == (500, 200)
    assert ((await sim.calls("token"))[-1].seconds or 0) > 0.09


async def test_a_client_finds_the_keys(sim: Simulator, anybody: httpx.AsyncClient) -> None:
    """By the tenant's openid-configuration."""
    path = f"/{TENANT}/v2.0/.well-known/openid-configuration"
    found = (await anybody.get(path)).json()
    keys = (await anybody.get(found["jwks_uri"])).json()["keys"]

    assert found["issuer"] == f"https://login.microsoftonline.com/{TENANT}/v2.0"
    assert {(key["kty"], key["use"], key["alg"]) for key in keys} == {("RSA", "sig", "RS256")}


@pytest.mark.parametrize("authorization", [None, "Bearer", "Basic eA=="])
async def test_without_a_token_nobody_gets_in(
    anybody: httpx.AsyncClient, authorization: str | None
) -> None:
    """azure-docs #64065."""
    headers = {"Authorization": authorization} if authorization else {}
    answer = await anybody.post(CALL, headers=headers)

    assert (answer.status_code, answer.text) == (
        401,
        '{"code":"AuthenticationFailed","message":"BearerToken not found in request"}',
    )


@pytest.mark.parametrize(
    ("claims", "more"),
    [
        ({}, {"lifetime_seconds": -1}),
        ({"nbf": 4_000_000_000}, {}),
        ({"exp": None}, {}),
        ({"exp": "soon"}, {}),
        ({}, {"key": "a stranger's"}),
        ({}, {"algorithm": "none"}),
        ({}, {"algorithm": "HS256"}),
        ({}, {"algorithm": "PS256"}),
        ({}, {"headers": {"kid": "unknown"}}),
    ],
)
async def test_a_bad_token_is_refused(
    sim: Simulator, claims: dict[str, Any], more: dict[str, Any]
) -> None:
    """Flat, as in terraform-provider-azapi #1105."""
    answer = await answer_to(sim, await sim.token(claims, **more))

    assert answer.status_code == 401
    assert answer.json()["code"] == "AuthenticationFailed"
    assert answer.json()["message"].startswith("Token Authentication failed - MISE12034")


async def test_what_is_no_token_is_refused(sim: Simulator) -> None:
    """The same way."""
    assert (await answer_to(sim, "abc")).json()["code"] == "AuthenticationFailed"


@pytest.mark.parametrize("audience", ["https://management.azure.com", f"{AUDIENCE}/", None])
async def test_a_token_for_somebody_else_is_refused(sim: Simulator, audience: str | None) -> None:
    """azure-rest-api-specs #10500: a trailing slash is somebody else."""
    answer = await answer_to(sim, await sim.token({"aud": audience}))

    assert answer.status_code == 401
    assert answer.json()["code"] == "InvalidTokenAuthenticationAudience"


async def test_the_audience_can_be_another(sim: Simulator) -> None:
    """One of several in a token, too; government clouds have their own."""
    await sim.settings(audience="https://dev.azuresynapse.usgovcloudapi.net")
    token = await sim.token({"aud": ["x", "https://dev.azuresynapse.usgovcloudapi.net"]})

    assert (await answer_to(sim, token)).status_code == 202


def test_a_token_ends_while_it_is_known() -> None:
    """What was verified before is not taken for ever."""
    keys = Keys()
    verifier = Verifier(keys)
    token = keys.sign({"nbf": 100, "exp": 200, "aud": AUDIENCE}, Signature())

    assert verifier.claims(token, AUDIENCE, now=199.9)["exp"] == 200
    for now in (99.9, 200):
        with pytest.raises(TokenRefused):
            verifier.claims(token, AUDIENCE, now=now)


async def test_tokens_can_be_refused(sim: Simulator) -> None:
    """All of them, or those issued before."""
    old = await sim.token()
    await sim.settings(refuse_tokens="issued")
    new = await sim.token()
    issued = [(await answer_to(sim, token)).status_code for token in (old, new)]
    await sim.settings(refuse_tokens="all")
    everyone = [(await answer_to(sim, token)).status_code for token in (old, new)]
    await sim.settings(refuse_tokens="none")

    assert (issued, everyone) == ([401, 202], [401, 401])
    assert (await answer_to(sim, old)).status_code == 202


async def test_a_new_key_may_replace_the_old_one() -> None:
    """With the old one still published, or not."""
    async with simulating(Pipeline(name="copy"), keys=Keys()) as sim:
        first = await sim.token()
        await sim.rotate_keys()
        second = await sim.token()
        kept = [(await answer_to(sim, token)).status_code for token in (first, second)]
        await sim.rotate_keys(keep=False)
        gone = [(await answer_to(sim, token)).status_code for token in (first, second)]

        assert (kept, gone) == ([202, 202], [401, 401])
        assert (await answer_to(sim, await sim.token())).status_code == 202
