"""Entra ID's access tokens: the `Tokens` port.

Only the signature is verified here; `auth/token_claims.py` checks the claims. The token does not choose how it is
verified (RFC 8725, section 3.1): the algorithm is RS256, Entra's only one, and the keys are the tenant's. `jwk`,
`jku`, `x5u` and `x5c` in its header are ignored.

Import this module late: see `jwks`.
"""

from collections.abc import Mapping
from typing import Any, Final, override

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.adapters.jwks import KeySet
from shared.auth.bearer import Reason
from shared.kernel.cloud_error import CloudError
from shared.ports import Clock, Tokens

ALGORITHM: Final = "RS256"
_SIGNATURE_ALONE: Final[Any] = {
    "enforce_minimum_key_length": True,
    **dict.fromkeys(
        (f"verify_{claim}" for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")), False
    ),
}


class EntraTokens(Tokens):
    """Verifies the tokens of one tenant, given by its id and its sign-in host, as https://login.microsoftonline.com.

    Its keys are fetched within `time_limit` seconds.
    """

    def __init__(
        self, *, authority: str, tenant: str, clock: Clock, time_limit: float = 5.0
    ) -> None:
        # The jwks_uri of the openid-configuration: tokens of both versions are signed with these keys.
        url = f"{authority}/{tenant}/discovery/v2.0/keys"
        self._keys = KeySet(url, tenant, clock, time_limit=time_limit)

    @override
    async def claims(self, token: str) -> Mapping[str, Any] | Reason | CloudError:
        """Return the claims of a token of the tenant, or why it is not one."""
        key = await self._key_of(token)
        if isinstance(key, Reason | CloudError):
            return key
        try:
            claims = jwt.decode(token, key, algorithms=[ALGORITHM], options=_SIGNATURE_ALONE)
        except jwt.InvalidSignatureError:
            return Reason.SIGNATURE
        except jwt.PyJWTError:
            return Reason.MALFORMED
        return claims

    async def _key_of(self, token: str) -> RSAPublicKey | Reason | CloudError:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            return Reason.MALFORMED
        if header.get("alg") != ALGORITHM:
            return Reason.ALGORITHM
        return await self._keys.key(str(header.get("kid"))) or Reason.UNKNOWN_KEY

    async def aclose(self) -> None:
        """Close the connection to the authority."""
        await self._keys.aclose()
