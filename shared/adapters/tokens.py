"""Bearer tokens of the app's identity, for Synapse, storage and an Event Grid topic, renewed before they expire."""

import asyncio
import base64
import json
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from shared.kernel import guid, log_line
from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Clock, Identity
from shared.synapse.reply import Answer, Lost

if TYPE_CHECKING:  # azure.core takes 0.1 s
    from azure.core.credentials import AccessToken

FRESH: Final = 60.0  # seconds; if a token this new is refused, another would be, too
RENEW_BEFORE_END: Final = 300.0  # azure-identity returns its cached token until then
PAUSE: Final = 30.0  # between tries to renew a token that is still good


class Credential(Protocol):
    """The part of azure-identity's asynchronous credentials that is used."""

    async def get_token(self, *scopes: str) -> "AccessToken":
        """Return a token, from the credential's own cache or from the identity service."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class Token:
    """One fetched token. Tokens with the same text are distinct: what counts is which fetch was refused."""

    text: str = field(repr=False)
    renew_at: float  #: on the monotonic clock
    ends_at: float  #: on the monotonic clock
    fetched_at: float  #: on the monotonic clock
    refused: bool = False


def identity(token: str) -> Identity:
    """Read whom a token was issued to: `oid`, and `appid` or (version 2.0) `azp`. Synapse verifies it, not this."""
    try:
        padded = token.split(".")[1] + "=="
        claims = json.loads(base64.urlsafe_b64decode(padded))
        ids = claims.get("oid"), claims.get("appid") or claims.get("azp")
    except (AttributeError, IndexError, ValueError):
        return Identity()
    return Identity(object_id=guid.read(ids[0]), client_id=guid.read(ids[1]))


class TokenSource:
    """The tokens of one identity for one scope: one fetch serves all calls until its token expires."""

    def __init__(
        self,
        scope: str,
        credential: Callable[[], Credential],
        clock: Clock,
        *,
        time_limit: float = 10.0,
    ) -> None:
        self._scope = scope
        self._new_credential = credential
        self._clock = clock
        self._time_limit = time_limit
        self._credential: Credential | None = None
        self._held: Token | None = None
        self._fetching: asyncio.Task[Token | CloudError] | None = None

    async def token(self) -> Token | CloudError:
        """Return a token; callers that arrive during a fetch wait for it."""
        held = self._held
        if held is not None and self._clock.monotonic() < held.renew_at:
            return held
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch(self._ask))
        # Shielded, because a caller that is cancelled must not take the token from the others.
        return await asyncio.shield(self._fetching)

    def at_hand(self) -> Token | None:
        """Return the held token if it has not expired, even if its renewal is due."""
        held = self._held
        return held if held is not None and self._clock.monotonic() < held.ends_at else None

    def is_fresh(self, token: Token) -> bool:
        """Return whether a token is so new that it need not be replaced if it is refused."""
        return self._clock.monotonic() - token.fetched_at < FRESH

    async def another(self) -> Token | CloudError:
        """Return a token that was not refused, from a new credential: the old one caches the refused token."""
        if self._fetching is not None:
            await asyncio.shield(self._fetching)
        if self._held is None or not self._held.refused:
            return await self.token()
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch(self._replace))
        outcome = await asyncio.shield(self._fetching)
        if isinstance(outcome, CloudError) or not outcome.refused:
            return outcome
        message = f"The token for {self._scope} was refused, and no other could be had."
        return CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message)

    async def authorized(self, send: Callable[[Token], Awaitable[Answer | Lost]]) -> Answer | Lost:
        """Make a call; if its token is refused, make it once more with another, unless the token is fresh.

        For calls that have no effect when they are answered 401. A missing right is answered so, too, at every call.
        """
        token = await self.token()
        if isinstance(token, CloudError):
            return Lost(sent=False, error=token)
        outcome = await send(token)
        if isinstance(outcome, Lost) or outcome.status != 401 or self.is_fresh(token):
            return outcome
        token.refused = True
        another = await self.another()
        if isinstance(another, CloudError):
            return Lost(sent=False, error=another)
        return await send(another)

    async def aclose(self) -> None:
        """Close the credential; a fetch in progress is cancelled."""
        if self._fetching is not None:
            self._fetching.cancel()
        old, self._credential = self._credential, None
        if old is not None:
            with suppress(Exception):  # it is not used again, so its errors do not matter
                await old.close()

    async def _fetch(self, ask: Callable[[], Awaitable[Token]]) -> Token | CloudError:
        try:
            async with asyncio.timeout(self._time_limit):
                self._held = await ask()
        except Exception as error:  # noqa: BLE001 - azure-identity raises more than AzureError
            return self._make_do(error)
        else:
            return self._held
        finally:
            self._fetching = None

    async def _replace(self) -> Token:
        """Ask a new credential; the old one and its token are kept until the new one has answered."""
        old, self._credential = self._credential, None
        useless = old
        try:
            return await self._ask()
        except BaseException:
            useless, self._credential = self._credential, old
            raise
        finally:
            if useless is not None:
                with suppress(Exception):
                    await useless.close()

    async def _ask(self) -> Token:
        if self._credential is None:
            self._credential = self._new_credential()
        fetched = await self._credential.get_token(self._scope)
        lifetime = fetched.expires_on - self._clock.now().timestamp()
        now = self._clock.monotonic()
        # Even a token with little time left is kept for a while, not fetched again for each call.
        pause = min(PAUSE, lifetime / 2)
        renew_at = now + max(lifetime - RENEW_BEFORE_END, pause)
        return Token(text=fetched.token, renew_at=renew_at, ends_at=now + lifetime, fetched_at=now)

    def _make_do(self, error: Exception) -> Token | CloudError:
        """Keep using a token whose renewal failed, as long as it is valid."""
        held, now = self._held, self._clock.monotonic()
        is_held = held is not None and held.ends_at > now
        failed = _no_token(self._scope, error, self._time_limit)
        level = logging.WARNING if is_held else logging.ERROR
        log_line.write(level, "token_unavailable", held=is_held, reason=failed.message)
        if held is None or not is_held:
            return failed
        held.renew_at = min(now + PAUSE, held.ends_at)
        return held


def _no_token(scope: str, error: Exception, time_limit: float) -> CloudError:
    """Return why there is no token, in our own words: the library's text may contain secrets."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "CredentialUnavailableError" in kinds:
        why = "this host offers no identity (AZURE_CLIENT_ID names a user-assigned one)"
    elif isinstance(error, TimeoutError):
        why = f"the identity service did not answer within {time_limit:g} s"
    elif "ClientAuthenticationError" in kinds:
        why = "the identity service refused it"
    else:
        why = "the identity service could not be asked"
    reason = re.search(r"AADSTS[0-9]{1,9}", str(error))
    name = f"{type(error).__name__}, {reason[0]}" if reason else type(error).__name__
    message = f"No token for {scope} could be had: {why} [{name}]. Nothing was sent."
    return CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message)
