"""Bearer tokens of HTTP calls, and the reasons to refuse them.

The part of RFC 6750 that a server needs. Only the Authorization header is read: a token in a URL ends up in logs and
histories (RFC 9700, section 4.3.2).
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from shared.kernel.cloud_error import CloudError, Code

#: Entra's tokens have one to three KiB; with 200 groups, the maximum in a token, about twelve.
MAX_TOKEN: Final = 16 * 1024

_TOKEN: Final = re.compile(
    r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)", re.IGNORECASE
)


class Reason(StrEnum):
    """Why a caller is not authenticated; the log and the metric get the name, the caller gets the sentence."""

    MISSING = "missing"  #: no token at all
    MALFORMED = "malformed"  #: not exactly one JWT
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
    BOUND = "bound"  #: valid only with a proof of possession
    NOT_AN_ACCESS_TOKEN = "notAnAccessToken"  #: an ID token  # noqa: S105 - the name of a reason
    NOBODY = "nobody"  #: it names no user and no application


_SENTENCES: Final = {
    Reason.MISSING: "Send an access token in the Authorization header: Bearer <token>.",
    Reason.MALFORMED: "The Authorization header should be one bearer token: Bearer <JWT>.",
    Reason.TOO_LARGE: f"The token has more than {MAX_TOKEN} characters.",
    Reason.ALGORITHM: "The token is not signed with RS256.",
    Reason.UNKNOWN_KEY: "The token is not signed with a key of this tenant.",
    Reason.SIGNATURE: "The token's signature is invalid.",
    Reason.INCOMPLETE: "The token lacks a claim that every access token of Entra has.",
    Reason.ISSUER: "The token was issued by another tenant or cloud.",
    Reason.TENANT: "The token belongs to another tenant.",
    Reason.AUDIENCE: "The token was made for another service.",
    Reason.EXPIRED: "The token has expired.",
    Reason.NOT_YET_VALID: "The token is not valid yet.",
    Reason.BOUND: "The token is bound to a key; only plain bearer tokens are accepted.",
    Reason.NOT_AN_ACCESS_TOKEN: "The token is not an access token; ID tokens are not accepted.",
    Reason.NOBODY: "The token names no user or application: a user's token needs the scope profile.",
}


def read(headers: Mapping[str, str]) -> str | Reason:
    """Return the token, or why there is none."""
    given = headers.get("authorization", "")
    if not given.strip():
        return Reason.MISSING
    if len(given) > MAX_TOKEN:
        return Reason.TOO_LARGE
    found = _TOKEN.fullmatch(given.strip())
    return found[1] if found else Reason.MALFORMED


def unauthenticated(reason: Reason) -> CloudError:
    """Return the error for a caller that is not authenticated; it quotes nothing of the token."""
    return CloudError(
        code=Code.UNAUTHENTICATED, message=_SENTENCES[reason], target="$.headers.authorization"
    )


def challenge(error: CloudError) -> dict[str, str]:
    """Return the header of a 401 (RFC 6750, section 3); it names no error if no token came."""
    if error.message == _SENTENCES[Reason.MISSING]:
        return {"WWW-Authenticate": 'Bearer realm="run-gateway"'}
    text = f'Bearer realm="run-gateway", error="invalid_token", error_description="{error.message}"'
    return {"WWW-Authenticate": text}
