"""Identifies the caller of an HTTP route.

Where the app itself looks at tokens, the platform lets everybody through to it: every route but the open ones asks
here first. Headers that the platform's own sign-in would set (`x-ms-client-principal…`) are never read: without that
sign-in in front, anybody can send them.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable

import azure.functions as func

from shared.auth import bearer, token_claims
from shared.auth.bearer import Reason
from shared.auth.token_claims import Expected
from shared.kernel import log_line
from shared.kernel.cloud_error import CloudError
from shared.ports import Clock, Tokens
from shared.runs.caller import KEY, Caller

Identify = Callable[[func.HttpRequest], Awaitable[Caller | CloudError]]


class KeyHolders:
    """Knows every caller as `key`: whoever comes this far has brought one to the platform."""

    async def __call__(self, request: func.HttpRequest) -> Caller | CloudError:  # noqa: ARG002 - nothing in it counts
        """Tell who calls."""
        return KEY


class TokenBearers:
    """Knows a caller by an access token.

    A stranger leaves one log line and a count, by reason, of this process: no result and no audit entry, so that
    nobody can fill either from outside.
    """

    def __init__(self, tokens: Tokens, wanted: Expected, clock: Clock) -> None:
        self._tokens = tokens
        self._wanted = wanted
        self._clock = clock
        self.refused: Counter[Reason] = Counter()

    async def __call__(self, request: func.HttpRequest) -> Caller | CloudError:
        """Tell who calls; `Unauthenticated` for a stranger, `GatewayUnavailable` where nobody can tell now."""
        outcome = await self._judge(request)
        if not isinstance(outcome, Reason):
            return outcome
        self.refused[outcome] += 1
        count = self.refused[outcome]
        log_line.write(logging.WARNING, "unauthenticated", reason=outcome, count=count)
        return bearer.unauthenticated(outcome)

    async def _judge(self, request: func.HttpRequest) -> Caller | Reason | CloudError:
        token = bearer.read(request.headers)
        if isinstance(token, Reason):
            return token
        claims = await self._tokens.claims(token)
        if isinstance(claims, Reason | CloudError):
            return claims
        return token_claims.read(claims, self._wanted, self._clock.now().timestamp())
