"""Reads a call's bearer token, and describes why it does not count.

RFC 6750 as far as a server needs it. The token is taken from the Authorization header alone: one in a URL ends up in
logs and histories (RFC 9700, section 4.3.2).
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from shared.kernel.cloud_error import CloudError

#: Entra's tokens have one to three KiB; with 200 groups, the most that it puts into one, about twelve.
MAX_TOKEN: Final = 16 * 1024

_TOKEN: Final = re.compile(
    r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)", re.IGNORECASE
)


class Reason(StrEnum):
    """Why nobody is known to call; the log and its count have the name, the caller has the sentence."""

    MISSING = "missing"  #: no token at all
    MALFORMED = "malformed"  #: no JWT, or several
    TOO_LARGE = "tooLarge"
    ALGORITHM = "algorithm"  #: anything but RS256: none, HS256 with the public key as its secret
    UNKNOWN_KEY = "unknownKey"  #: signed with a key that the tenant doesn't publish
    SIGNATURE = "signature"
    INCOMPLETE = "incomplete"  #: a claim that every access token has is missing or of another type
    ISSUER = "issuer"  #: another tenant or cloud
    TENANT = "tenant"
    AUDIENCE = "audience"  #: made for another service
    EXPIRED = "expired"
    NOT_YET_VALID = "notYetValid"
    BOUND = "bound"  #: good only with a proof of possession
    NOT_AN_ACCESS_TOKEN = "notAnAccessToken"  #: an ID token  # noqa: S105 - the name of a reason
    NOBODY = "nobody"  #: it names no user and no application


_SENTENCES: Final = {
    Reason.MISSING: "Bring an access token in the Authorization header: Bearer <token>.",
    Reason.MALFORMED: "The Authorization header should be one bearer token: Bearer <JWT>.",
    Reason.TOO_LARGE: f"The token has more than {MAX_TOKEN} characters.",
    Reason.ALGORITHM: "The token is not signed with RS256.",
    Reason.UNKNOWN_KEY: "The token is not signed with a key of this tenant.",
    Reason.SIGNATURE: "The token's signature does not fit.",
    Reason.INCOMPLETE: "The token lacks a claim that every access token of Entra has.",
    Reason.ISSUER: "The token was issued by another tenant or cloud.",
    Reason.TENANT: "The token is of another tenant.",
    Reason.AUDIENCE: "The token was made for another service.",
    Reason.EXPIRED: "The token has expired.",
    Reason.NOT_YET_VALID: "The token is not valid yet.",
    Reason.BOUND: "The token is bound to a key, which a bearer token can't prove.",
    Reason.NOT_AN_ACCESS_TOKEN: "The token is no access token; an ID token proves nothing to a service.",
    Reason.NOBODY: "The token names nobody: a user's needs the scope profile.",
}


def read(headers: Mapping[str, str]) -> str | Reason:
    """Take the token out of the headers, or tell why there is none. Header names are matched in any case."""
    given = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    if not given.strip():
        return Reason.MISSING
    if len(given) > MAX_TOKEN:
        return Reason.TOO_LARGE
    found = _TOKEN.fullmatch(given.strip())
    return found[1] if found else Reason.MALFORMED


def unauthenticated(reason: Reason) -> CloudError:
    """Say why nobody is known to call, without a word of the token."""
    return CloudError(
        code="Unauthenticated", message=_SENTENCES[reason], target="$.headers.authorization"
    )


def challenge(error: CloudError) -> dict[str, str]:
    """Give the header that goes with a 401: RFC 6750, section 3, with no error where no token came."""
    if error.message == _SENTENCES[Reason.MISSING]:
        return {"WWW-Authenticate": 'Bearer realm="run-gateway"'}
    text = f'Bearer realm="run-gateway", error="invalid_token", error_description="{error.message}"'
    return {"WWW-Authenticate": text}
