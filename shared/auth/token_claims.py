"""The caller named by a verified token's claims, or why the token is refused.

The signature is verified before, in `adapters/entra.py`. The checks here follow Microsoft's pages:

    claims      https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    validation  https://learn.microsoft.com/entra/identity-platform/claims-validation
    idtyp       https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
    ID tokens   https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
    oid = sub   https://learn.microsoft.com/entra/identity-platform/scenario-protected-web-api-verification-scope-app-roles

An ID token of the same tenant has the same issuer, the same keys and, for an application that is both client and
service, the same audience. It never has `scp`, which every access token of a user has, or `idtyp`, which only access
tokens have. If an application's token lacks `idtyp` (it is optional), its `oid` equals its `sub`, while a user's `sub`
differs for each application. Only ID tokens have `nonce`, `at_hash` and `c_hash`.

A guest is a user of this tenant like any other, under the object id of the guest *here*, not the one at home: this
tenant issues the token. No rule can name all users, so a guest may do only what a rule grants that id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from shared.auth.bearer import Reason
from shared.config.settings import is_loopback
from shared.kernel import guid
from shared.runs.caller import Caller

LEEWAY: Final = 60  #: seconds that two clocks may differ by

_ID_TOKENS_OWN: Final = frozenset({"nonce", "at_hash", "c_hash"})
_TEXTS: Final = ("iss", "aud", "tid", "sub", "ver")
_TIMES: Final = ("exp", "nbf")
#: Version of a token → the claim that names its application.
_APPLICATION: Final = {"1.0": "appid", "2.0": "azp"}

# Authority → issuers of versions 1 and 2. The hosts and version 2 are those of MSAL (msal-common, AuthorityMetadata);
# US Government shares version 1's with the public cloud.
_PUBLIC: Final = ("https://sts.windows.net", "https://login.microsoftonline.com")
_CHINA: Final = ("https://sts.chinacloudapi.cn", "https://login.partner.microsoftonline.cn")
_CLOUDS: Final = {
    "login.microsoftonline.com": _PUBLIC,
    "login.microsoftonline.us": ("https://sts.windows.net", "https://login.microsoftonline.us"),
    "login.partner.microsoftonline.cn": _CHINA,
    "login.chinacloudapi.cn": _CHINA,
}

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The claims that a token must have."""

    tenant: str
    audiences: frozenset[str]
    issuers: Mapping[str, str]  #: by the token's version


def expected(authority: str, tenant: str, audiences: tuple[str, ...]) -> Expected:
    """Return the claims of this tenant's tokens in the cloud of the authority.

    An unknown authority issues under its own name; one on this machine stands for the public cloud's.
    """
    host = (urlsplit(authority).hostname or "").lower()
    other = _PUBLIC if is_loopback(host) else (_PUBLIC[0], f"https://{host}")
    first, second = _CLOUDS.get(host, other)
    return Expected(
        tenant=tenant,
        audiences=frozenset(audiences),
        issuers={"1.0": f"{first}/{tenant}/", "2.0": f"{second}/{tenant}/v2.0"},
    )


def read(claims: Claims, wanted: Expected, now: float) -> Caller | Reason:
    """Return the caller named by these claims, or the first reason to refuse the token.

    The token's signature is valid; `now` is in seconds since 1970.
    """
    if not _complete(claims):
        return Reason.INCOMPLETE
    # Ordered from a token for another service to an expired one, so that the first reason is the most helpful.
    rules = (
        (claims["iss"] == wanted.issuers.get(claims["ver"]), Reason.ISSUER),
        (claims["tid"] == wanted.tenant, Reason.TENANT),
        (claims["aud"] in wanted.audiences, Reason.AUDIENCE),
        (now < claims["exp"] + LEEWAY, Reason.EXPIRED),
        (claims["nbf"] <= now + LEEWAY, Reason.NOT_YET_VALID),
        # RFC 7800: without checking the proof, a stolen copy would be accepted.
        ("cnf" not in claims, Reason.BOUND),
        (_ID_TOKENS_OWN.isdisjoint(claims), Reason.NOT_AN_ACCESS_TOKEN),
    )
    broken = next((reason for holds, reason in rules if not holds), None)
    return broken or _caller(claims)


def _complete(claims: Claims) -> bool:
    texts = all(isinstance(claims.get(name), str) for name in _TEXTS)
    # A bool is an int to Python and a float may be infinite: a token's times are whole numbers.
    return texts and all(type(claims.get(name)) is int for name in _TIMES)


def _caller(claims: Claims) -> Caller | Reason:
    user, application = _is_users(claims), _is_applications(claims)
    if not (user or application):
        return Reason.NOT_AN_ACCESS_TOKEN
    object_id = guid.read(claims.get("oid"))
    application_id = guid.read(claims.get(_APPLICATION[claims["ver"]]))
    if object_id is None or application_id is None:
        return Reason.NOBODY
    names = (claims.get(name) for name in ("name", "preferred_username", "unique_name"))
    name = next((name for name in names if isinstance(name, str)), None)
    known = Caller.user if user else Caller.application
    return known(object_id, application_id, name)


def _is_users(claims: Claims) -> bool:
    scopes = claims.get("scp")
    return (
        isinstance(scopes, str) and bool(scopes.split()) and claims.get("idtyp", "user") == "user"
    )


def _is_applications(claims: Claims) -> bool:
    if "scp" in claims:
        return False
    if "idtyp" in claims:
        return bool(claims["idtyp"] == "app")
    return bool(claims["sub"] == claims.get("oid"))
