"""One valid token of a user and one of an application; each test breaks one claim."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from shared.auth.bearer import Reason
from shared.auth.token_claims import LEEWAY, expected, read
from shared.runs.caller import Caller

TENANT = "11111111-1111-4111-8111-111111111111"
ELSEWHERE = "99999999-1111-4111-8111-111111111111"
MICROSOFT_ACCOUNTS = "9188040d-6c67-4c5b-b112-36a304b66dad"
OBJECT = "22222222-2222-4222-8222-222222222222"
APP = "33333333-3333-4333-8333-333333333333"
NOW = 1_800_000_000.0
V1 = f"https://sts.windows.net/{TENANT}/"
V2 = f"https://login.microsoftonline.com/{TENANT}/v2.0"
WANTED = expected(
    "https://login.microsoftonline.com", TENANT, ("https://dev.azuresynapse.net", APP)
)
GONE: Any = object()

USER = {
    "aud": "https://dev.azuresynapse.net",
    "iss": V1,
    "iat": int(NOW) - 100,
    "nbf": int(NOW) - 100,
    "exp": int(NOW) + 3500,
    "acr": "1",
    "amr": ["pwd", "mfa"],
    "appid": APP,
    "appidacr": "0",
    "idp": V1,
    "name": "Ada Lovelace",
    "oid": OBJECT,
    "scp": "user_impersonation",
    "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
    "tid": TENANT,
    "unique_name": "ada@example.org",
    "uti": "fqiBqXLPj0eQa82S-IYFAA",
    "ver": "1.0",
}
APPLICATION = {
    "aud": APP,
    "iss": V2,
    "nbf": int(NOW) - 100,
    "exp": int(NOW) + 3500,
    "azp": APP,
    "azpacr": "2",
    "idtyp": "app",
    "oid": OBJECT,
    "roles": ["Runs.Start"],
    "sub": OBJECT,
    "tid": TENANT,
    "ver": "2.0",
}
ID_TOKEN = {
    "aud": APP,
    "iss": V2,
    "nbf": int(NOW) - 100,
    "exp": int(NOW) + 3500,
    "name": "Ada Lovelace",
    "oid": OBJECT,
    "preferred_username": "ada@example.org",
    "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
    "tid": TENANT,
    "ver": "2.0",
}


def outcome(valid: dict[str, Any], **changes: Any) -> Caller | Reason:
    claims = {name: value for name, value in (valid | changes).items() if value is not GONE}
    return read(claims, WANTED, NOW)


def test_a_user_is_let_in() -> None:
    assert outcome(USER) == Caller.user(OBJECT, APP, "Ada Lovelace")


def test_an_application_is_let_in() -> None:
    assert outcome(APPLICATION) == Caller.application(OBJECT, APP, None)


def test_a_user_with_a_token_of_version_2() -> None:
    claims = {"ver": "2.0", "iss": V2, "azp": APP, "appid": GONE, "aud": APP, "name": GONE}

    caller = outcome(USER, **claims, preferred_username="ada@example.org", unique_name=GONE)

    assert caller == Caller.user(OBJECT, APP, "ada@example.org")


def test_a_guest_is_known_by_the_object_id_in_this_tenant() -> None:
    """The provider at home is in `idp`; the token is of the tenant that issued it."""
    guest = outcome(USER, idp=f"https://sts.windows.net/{ELSEWHERE}/", acct=1)

    assert isinstance(guest, Caller)
    assert guest.principals == (OBJECT,)


def test_ids_are_in_lower_case() -> None:
    assert outcome(USER, oid=OBJECT.upper(), appid=APP.upper()) == outcome(USER)


@pytest.mark.parametrize(
    "changes",
    [
        {"idtyp": "user"},  # include_user_token of the optional claim
        {"scp": "user_impersonation other"},
        {"idp": GONE, "name": GONE},
        {"groups": ["x"], "wids": ["y"], "unheard_of": {"a": [1]}},
    ],
)
def test_what_a_users_token_may_have_besides(changes: dict[str, Any]) -> None:
    assert isinstance(outcome(USER, **changes), Caller)


def test_an_applications_token_may_lack_idtyp() -> None:
    """It is optional; then `oid` is `sub`, which it never is for a user."""
    assert isinstance(outcome(APPLICATION, idtyp=GONE), Caller)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": f"https://sts.windows.net/{ELSEWHERE}/"}, Reason.ISSUER),
        ({"iss": V2}, Reason.ISSUER),  # version 2's, in a token of version 1
        ({"iss": V1.rstrip("/")}, Reason.ISSUER),
        ({"iss": V1.upper()}, Reason.ISSUER),
        ({"iss": f"{V1}x"}, Reason.ISSUER),
        ({"iss": f"https://sts.chinacloudapi.cn/{TENANT}/"}, Reason.ISSUER),
        ({"iss": f"https://evil.example/{TENANT}/"}, Reason.ISSUER),
        ({"ver": "2.0"}, Reason.ISSUER),
        ({"ver": "3.0"}, Reason.ISSUER),
        ({"tid": ELSEWHERE}, Reason.TENANT),
        ({"tid": MICROSOFT_ACCOUNTS}, Reason.TENANT),
        ({"tid": ""}, Reason.TENANT),
        ({"aud": "https://management.azure.com"}, Reason.AUDIENCE),
        ({"aud": "https://dev.azuresynapse.net/"}, Reason.AUDIENCE),  # to be named for itself
        ({"aud": "https://dev.azuresynapse.net.evil.example"}, Reason.AUDIENCE),
        ({"aud": "*"}, Reason.AUDIENCE),
        ({"exp": int(NOW) - LEEWAY}, Reason.EXPIRED),
        ({"exp": 0}, Reason.EXPIRED),
        ({"nbf": int(NOW) + LEEWAY + 1}, Reason.NOT_YET_VALID),
        ({"cnf": {"kid": "x"}}, Reason.BOUND),
        ({"cnf": None}, Reason.BOUND),
        ({"nonce": "n"}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"at_hash": "h"}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"c_hash": "h"}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"scp": GONE}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"scp": ""}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"scp": " "}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"scp": ["user_impersonation"]}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"scp": None}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"idtyp": "app"}, Reason.NOT_AN_ACCESS_TOKEN),  # with scp: one of both is wrong
        ({"idtyp": "device"}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"idtyp": None}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"oid": GONE}, Reason.NOBODY),
        ({"oid": "ada"}, Reason.NOBODY),
        ({"oid": 7}, Reason.NOBODY),
        ({"oid": "key"}, Reason.NOBODY),  # an object id that would be another's principal
        ({"appid": GONE}, Reason.NOBODY),
        ({"appid": GONE, "azp": APP}, Reason.NOBODY),
        *(({name: GONE}, Reason.INCOMPLETE) for name in ("iss", "aud", "tid", "sub", "ver")),
        *(({name: GONE}, Reason.INCOMPLETE) for name in ("exp", "nbf")),
        *(({name: None}, Reason.INCOMPLETE) for name in ("iss", "aud", "tid", "exp", "nbf")),
        *(({"exp": value}, Reason.INCOMPLETE) for value in ("9", 9e9, float("inf"), True, [9])),
        ({"aud": ["https://dev.azuresynapse.net"]}, Reason.INCOMPLETE),  # Entra's is one text
        ({"iss": [V1]}, Reason.INCOMPLETE),
    ],
)
def test_one_wrong_claim_lets_nobody_in(changes: dict[str, Any], reason: Reason) -> None:
    assert outcome(USER, **changes) is reason


@pytest.mark.parametrize(
    "changes",
    [{"exp": int(NOW) - LEEWAY + 1}, {"nbf": int(NOW) + LEEWAY}, {"exp": 10**30}],
)
def test_clocks_may_differ_by_the_leeway(changes: dict[str, Any]) -> None:
    assert isinstance(outcome(USER, **changes), Caller)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"idtyp": "user"}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"idtyp": "APP"}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"idtyp": GONE, "sub": APP}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"idtyp": GONE, "oid": GONE}, Reason.NOT_AN_ACCESS_TOKEN),
        ({"oid": GONE}, Reason.NOBODY),
        ({"azp": GONE, "appid": APP}, Reason.NOBODY),
        ({"nonce": "n"}, Reason.NOT_AN_ACCESS_TOKEN),
    ],
)
def test_one_wrong_claim_lets_no_application_in(changes: dict[str, Any], reason: Reason) -> None:
    assert outcome(APPLICATION, **changes) is reason


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"azp": APP},
        {"nonce": "n"},
        {"at_hash": "h", "azp": APP, "scp": "x"},
        {"roles": ["Runs.Start"], "azp": APP},
        {"ver": "1.0", "iss": V1, "appid": APP},
    ],
)
def test_an_id_token_for_our_own_application_lets_nobody_in(changes: dict[str, Any]) -> None:
    """It has our tenant, our keys and our audience."""
    assert outcome(ID_TOKEN, **changes) is Reason.NOT_AN_ACCESS_TOKEN


@pytest.mark.parametrize(
    ("authority", "first", "second"),
    [
        ("https://login.microsoftonline.com", V1, V2),
        ("https://LOGIN.microsoftonline.com/", V1, V2),
        ("https://login.microsoftonline.us", V1, f"https://login.microsoftonline.us/{TENANT}/v2.0"),
        *(
            (
                f"https://{host}",
                f"https://sts.chinacloudapi.cn/{TENANT}/",
                f"https://login.partner.microsoftonline.cn/{TENANT}/v2.0",
            )
            for host in ("login.partner.microsoftonline.cn", "login.chinacloudapi.cn")
        ),
        ("https://login.example", V1, f"https://login.example/{TENANT}/v2.0"),
        ("http://127.0.0.1:8400", V1, V2),
    ],
)
def test_each_cloud_has_its_issuers(authority: str, first: str, second: str) -> None:
    assert expected(authority, TENANT, ()).issuers == {"1.0": first, "2.0": second}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@given(name=st.sampled_from(sorted({*USER, *APPLICATION})), value=JSON)
def test_any_claim_of_any_type_is_judged(name: str, value: Any) -> None:
    """Nothing raises."""
    for valid in (USER, APPLICATION):
        assert isinstance(outcome(valid, **{name: value}), Caller | Reason)


@given(claims=st.dictionaries(st.sampled_from(sorted(USER)) | st.text(max_size=5), JSON))
def test_any_claims_are_judged(claims: dict[str, Any]) -> None:
    assert isinstance(read(claims, WANTED, NOW), Reason)
