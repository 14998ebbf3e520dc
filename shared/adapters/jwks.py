"""The public keys with which a tenant signs its tokens, cached and renewed.

https://learn.microsoft.com/entra/identity-platform/signing-key-rollover: keys roll over at any time, in an emergency at
once, and are to be fetched again every 24 hours and whenever a token names an unknown one. Tokens with invented key ids
must not cause a fetch each: there is at most one in half a minute, shared by all callers that wait. While the endpoint
is out of reach, the keys that were good stay good.

Import this module late: it brings httpx, aiohttp and cryptography, 0.3 s.
"""

import asyncio
import logging
import math
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from shared.adapters.http_client import HttpClient
from shared.kernel import log_line, strict_json
from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Clock
from shared.synapse.reply import Answer

RENEW_AFTER: Final = 24 * 3600.0
PAUSE: Final = 30.0  # between two fetches
PAUSE_WITHOUT_KEYS: Final = 2.0  # no caller can be authenticated until a fetch succeeds
MIN_BITS: Final = 2048  # RFC 7518, section 3.3


Keys = dict[str, RSAPublicKey]


class KeySet:
    """The keys that one URL publishes. One for each process; nothing is fetched before first use."""

    def __init__(self, url: str, tenant: str, clock: Clock, *, time_limit: float = 5.0) -> None:
        self._url = url
        self._tenant = tenant
        self._clock = clock
        self._client = HttpClient(
            call_timeout=time_limit, connect_timeout=time_limit, max_connections=1
        )
        self._keys: Keys = {}
        self._renew_at = -math.inf
        self._fetch_again_at = -math.inf
        self._fetching: asyncio.Task[None] | None = None
        self._fault: CloudError | None = None  # of the last fetch

    async def key(self, key_id: str) -> RSAPublicKey | CloudError | None:
        """Return the key of this id; None if the tenant has none; CloudError if the keys can't be fetched now."""
        if key_id not in self._keys or self._clock.monotonic() >= self._renew_at:
            await self._renew()
        return self._keys.get(key_id) or self._fault

    async def aclose(self) -> None:
        """Close the connection; a fetch in progress is cancelled."""
        if self._fetching is not None:
            self._fetching.cancel()
        await self._client.aclose()

    async def _renew(self) -> None:
        """Fetch the keys, or wait for the fetch in progress; do nothing if the last one was just now."""
        if self._fetching is None:
            if self._clock.monotonic() < self._fetch_again_at:
                return
            self._fetching = asyncio.create_task(self._fetch())
        # Shielded, because a caller that is cancelled must not take the keys from the others.
        await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        try:
            answer = await self._client.send("GET", self._url, {"accept": "application/json"})
            found = _usable(answer.body, self._tenant) if isinstance(answer, Answer) else {}
            status = answer.status if isinstance(answer, Answer) else None
            self._take(found if status == 200 else {}, status)
        finally:
            self._fetching = None

    def _take(self, found: Keys, status: int | None) -> None:
        now = self._clock.monotonic()
        if found:
            self._keys, self._fault = found, None
            self._renew_at, self._fetch_again_at = now + RENEW_AFTER, now + PAUSE
            return
        why = "no answer" if status is None else f"HTTP {status} without a usable key"
        self._fault = CloudError(
            code=Code.GATEWAY_UNAVAILABLE,
            message="The keys that verify tokens can't be fetched now. Try again.",
            target="ENTRA_TENANT_ID",
        )
        self._fetch_again_at = now + (PAUSE if self._keys else PAUSE_WITHOUT_KEYS)
        held = len(self._keys)
        log_line.write(logging.WARNING, "token_keys_unavailable", reason=why, held=held)


def _usable(body: bytes, tenant: str) -> Keys:
    """Read a key set in RFC 7517's JSON, without entries that are not signing keys of this tenant."""
    try:
        listed = strict_json.parse(body).get("keys")
    except strict_json.Unreadable:
        return {}
    pairs = ((one["kid"], _key(one)) for one in _entries(listed) if _is_tenants(one, tenant))
    return {key_id: key for key_id, key in pairs if key is not None}


def _entries(listed: object) -> list[dict[str, Any]]:
    entries = listed if isinstance(listed, list) else []
    return [one for one in entries if isinstance(one, dict) and isinstance(one.get("kid"), str)]


def _is_tenants(entry: dict[str, Any], tenant: str) -> bool:
    """Return whether a key is the tenant's: some documents also contain those of personal accounts.

    https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-signing-key-issuer
    """
    issuer = str(entry.get("issuer", tenant)).lower()
    return tenant in issuer or "{tenantid}" in issuer


def _key(entry: dict[str, Any]) -> RSAPublicKey | None:
    if entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
        return None
    public = {name: entry.get(name) for name in ("kty", "n", "e")}
    try:
        key = RSAAlgorithm.from_jwk(public)
    except (jwt.InvalidKeyError, AttributeError, LookupError, TypeError, ValueError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= MIN_BITS else None
