"""Identifies the caller of an HTTP route.

With `HTTP_AUTH=entra` the platform lets every call through, so each route that is not open asks here first. Headers
that the platform's own sign-in would set (`x-ms-client-principal…`) are never read: without that sign-in in front, any
caller can send them.
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


async def key_holder(request: func.HttpRequest) -> Caller:  # noqa: ARG001 - nothing in it counts
    """Identify every caller as `key`: the platform has already checked its function key."""
    return KEY


class TokenBearers:
    """Identifies a caller by its access token.

    A refused call leaves one log line, and a count by reason in this process. It leaves no result and no audit entry,
    so that neither can be filled from outside.
    """

    def __init__(self, tokens: Tokens, wanted: Expected, clock: Clock) -> None:
        self._tokens = tokens
        self._wanted = wanted
        self._clock = clock
        self.refused: Counter[Reason] = Counter()

    async def __call__(self, request: func.HttpRequest) -> Caller | CloudError:
        """Return the caller; `Unauthenticated` for an invalid token, `GatewayUnavailable` if it can't be checked now."""
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
