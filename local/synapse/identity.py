"""The callers and their tokens: App Service's managed identity endpoint, and its issuer.

Request and answer: learn "overview-managed-identity", REST endpoint reference, api-version 2019-08-01; what clients send is
azure-identity's _credentials/app_service.py and msal's managed_identity.py. Times are seconds in strings.
"""

import itertools
import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from local.synapse.errors import identity_refused
from local.synapse.settings import Settings
from local.synapse.tokens import Keys, Signature, Verifier
from local.synapse.wire import Reply, json_reply
from local.wire import Wire

API_VERSION = "2019-08-01"
TENANT = "11111111-1111-4111-8111-111111111111"
SYSTEM_PRINCIPAL = "22222222-2222-4222-8222-222222222222"
SYSTEM_CLIENT = "33333333-3333-4333-8333-333333333333"
#: Azure-Samples/azure-search-openai-demo #2148
UNKNOWN_IDENTITY = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."


class TokenOrder(Wire):
    """A token that a test asks for: `claims` over the usual ones, null takes one away."""

    claims: Mapping[str, Any] = Field(default_factory=dict)
    lifetime_seconds: int = 3600
    signature: Signature = Signature()


class Identity:
    """Issues tokens of one tenant."""

    def __init__(self, secret: str, keys: Keys) -> None:
        self.secret = secret
        self.keys = keys
        self.verifier = Verifier(keys)
        self._serials = itertools.count(1)
        self.issued = 0

    def mint(self, order: TokenOrder, now: float) -> str:
        claims = self._usual(now, order.lifetime_seconds) | dict(order.claims)
        kept = {name: value for name, value in claims.items() if value is not None}
        return self.keys.sign(kept, order.signature)

    def answer(
        self, query: Mapping[str, str], header: str | None, settings: Settings, now: float
    ) -> Reply:
        """Answer GET /identity."""
        fault = self._fault(query, header, settings)
        if fault is not None:
            return fault
        client = query.get("client_id")
        who = _user_assigned(client) if client else {}
        order = TokenOrder(
            claims={"aud": query["resource"], **who},
            lifetime_seconds=settings.token_lifetime_seconds,
        )
        body = {
            "access_token": self.mint(order, now),
            "client_id": client or SYSTEM_CLIENT,
            "expires_on": str(int(now) + settings.token_lifetime_seconds),
            "not_before": str(int(now)),
            "resource": query["resource"],
            "token_type": "Bearer",
        }
        return json_reply(200, body)

    def _fault(
        self, query: Mapping[str, str], header: str | None, settings: Settings
    ) -> Reply | None:
        if settings.identity_down:
            return identity_refused(500, "An unexpected error occurred while fetching the token.")
        if header != self.secret:
            return identity_refused(401, "The X-IDENTITY-HEADER is missing or wrong.")
        if query.get("api-version") != API_VERSION or not query.get("resource"):
            return identity_refused(400, "The parameters api-version and resource are required.")
        known = settings.identities
        if known is not None and query.get("client_id") not in (None, *known):
            return identity_refused(400, UNKNOWN_IDENTITY)
        return None

    def _usual(self, now: float, lifetime: int) -> dict[str, Any]:
        """Give the claims of a managed identity's access token, version 1.0."""
        self.issued = next(self._serials)
        return {
            "aud": "https://dev.azuresynapse.net",
            "iss": f"https://sts.windows.net/{TENANT}/",
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + lifetime,
            "appid": SYSTEM_CLIENT,
            "appidacr": "2",
            "idp": f"https://sts.windows.net/{TENANT}/",
            "idtyp": "app",
            "oid": SYSTEM_PRINCIPAL,
            "sub": SYSTEM_PRINCIPAL,
            "tid": TENANT,
            "uti": str(self.issued),
            "ver": "1.0",
        }


def discovery(base: str, tenant: str) -> dict[str, Any]:
    """Give what an OpenID Connect client reads of a tenant, version 2.0."""
    return {
        "issuer": f"https://login.microsoftonline.com/{tenant}/v2.0",
        "jwks_uri": f"{base}/{tenant}/discovery/v2.0/keys",
        "authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/{tenant}/oauth2/v2.0/token",
        "response_types_supported": ["code", "id_token", "token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def _user_assigned(client: str) -> dict[str, str]:
    principal = str(uuid.uuid5(uuid.UUID(TENANT), client))
    return {"appid": client, "oid": principal, "sub": principal}
