"""An identity service in memory, and credentials that cache as azure-identity's do."""

import asyncio
from typing import override

from azure.core.credentials import AccessToken

from shared.adapters.tokens import Credential, TokenSource
from tests.fakes.clock import FakeClock

SCOPE = "https://dev.azuresynapse.net/.default"
HOUR = 3600.0


class Identity:
    """An identity service: it counts, and hands out what a test says."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.lifetime = HOUR
        self.failure: Exception | None = None
        self.delay = 0.0
        self.scopes: list[str] = []
        self.credentials: list[FakeCredential] = []

    def credential(self) -> "FakeCredential":
        self.credentials.append(FakeCredential(self))
        return self.credentials[-1]

    def source(self) -> TokenSource:
        return TokenSource(SCOPE, self.credential, self.clock, time_limit=0.05)


class FakeCredential(Credential):
    """Caches its token as azure-identity's do: a new one takes a new credential, or the token's end."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._cached: AccessToken | None = None
        self.closed = False

    @override
    async def get_token(self, *scopes: str) -> AccessToken:
        identity = self._identity
        now = identity.clock.now().timestamp()
        if self._cached is not None and self._cached.expires_on - now > 300:
            return self._cached
        identity.scopes.extend(scopes)
        await asyncio.sleep(identity.delay)
        if identity.failure is not None:
            raise identity.failure
        text = f"token-{len(identity.scopes)}"
        self._cached = AccessToken(text, int(now + identity.lifetime))
        return self._cached

    @override
    async def close(self) -> None:
        self.closed = True
