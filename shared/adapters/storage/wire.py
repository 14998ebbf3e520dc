"""Sends the requests of `point` on one session, and sends them again where the service did not answer.

Each may be sent again, even if it may have been carried out: an insert of what is there already is `Exists`, and a
write under a condition that the first one ended is `Changed` or `Missing`; a record's lease owner and an audit
entry's key show whose it is. A result or a message of our own may come twice.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from shared.adapters.storage.address import Endpoint, Sas, Service, SharedKey
from shared.adapters.storage.answers import Answer, error, error_code
from shared.adapters.storage.call import reach
from shared.adapters.storage.facts import (
    CONNECT_TIMEOUT,
    DEADLINE,
    READ_TIMEOUT,
    RETRIES,
    NotCreated,
)
from shared.adapters.storage.point import Request
from shared.adapters.storage.sign import Dates, sign
from shared.adapters.tokens import Token, TokenSource
from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import StorageUnavailable
from shared.ports import Clock

# Less than the shortest idle time that servers commonly grant (5 s: Node.js, so Azurite): a request on a connection
# that the server has just closed is lost, and it is unknown whether it was read.
KEEP_ALIVE: Final = 4.0
# Bytes of an answer that are read, at least. An entity has 1 MiB (learn, storage/tables/scalability-targets), and its
# JSON at most three times as much: of each UTF-16 unit an escape of six characters.
LONGEST: Final = 4 * 1024 * 1024

# The service is busy, or something on the way gave up (learn, rest/api/storageservices/common-rest-api-error-codes).
_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
_FIRST_WAIT: Final = 0.5  # seconds, at most; doubled for each further one


def open_session(*, use_proxy_settings: bool) -> aiohttp.ClientSession:
    """Return a session for the calls of one account."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
        # The type is signed, and a call without a body has none; no answer is to be compressed.
        skip_auto_headers=("Content-Type", "Accept-Encoding"),
        auto_decompress=False,  # Azure's libraries do it themselves
        timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT, sock_read=READ_TIMEOUT),
        trust_env=use_proxy_settings,
    )
    # aiohttp repeats a GET, PUT or DELETE whose connection broke, unseen and with no pause. Its own test client
    # switches that off in the same way (aiohttp/test_utils.py); a test counts what arrives.
    session._retry_connection = False  # noqa: SLF001 - there is no public switch
    return session


class Wire:
    """The way to one account's services."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoints: Mapping[Service, Endpoint],
        tokens: TokenSource | None,
        clock: Clock,
    ) -> None:
        self._session = session
        self._endpoints = endpoints
        self._tokens = tokens
        self._clock = clock
        self._dates = Dates(clock)

    async def send(
        self, what: str, request: Request, *, create: Callable[[], Awaitable[None]] | None = None
    ) -> Answer:
        """Send a request until it is answered; only a success is returned.

        Args:
            what: what is called, for an error's text.
            request: the request.
            create: makes the table or the queue if it does not exist; the request is sent again then.

        Raises:
            Missing, Exists, Changed, NotCreated: the service's answer is such a fact.
            StorageRefused: it answered 401 or 403.
            StorageUnavailable: anything else.
        """
        try:
            return await self._send(what, request)
        except NotCreated:
            if create is None:
                raise
        await create()
        return await self._send(what, request)

    async def _send(self, what: str, request: Request) -> Answer:
        answer = await reach(what, lambda: self._answered(request))
        failed = error(what, answer)
        if failed is not None:
            raise failed
        return answer

    async def _answered(self, request: Request) -> Answer:
        most = _FIRST_WAIT
        for _ in range(RETRIES):
            wait = self._clock.jitter() * most
            try:
                answer = await self._authorised(request)
            except (aiohttp.ClientError, OSError):
                await self._clock.pause(wait)
            else:
                asked = _asked_for(answer)
                if answer.status not in _AGAIN or asked >= DEADLINE:
                    return answer
                await self._clock.pause(asked + wait)
            most *= 2
        return await self._authorised(request)

    async def _authorised(self, request: Request) -> Answer:
        """Send a request once; with another token once more, if the first is refused and is not fresh."""
        if self._tokens is None:
            return await self._exchange(request)
        token = await self._tokens.token()
        if isinstance(token, CloudError):
            raise StorageUnavailable(token.message)
        answer = await self._exchange(request, token)
        if _refuses_token(answer) and not self._tokens.is_fresh(token):
            token.refused = True
            # Whatever a challenge names is not asked: the token is the identity's own.
            other = await self._tokens.another()
            if isinstance(other, Token):
                return await self._exchange(request, other)
        return answer

    async def _exchange(self, request: Request, token: Token | None = None) -> Answer:
        """Send a request once, dated and signed anew."""
        endpoint = self._endpoints[request.service]
        path, date = endpoint.path + request.path, self._dates.now()
        headers = {**request.headers, "x-ms-date": date}
        query = [f"{name}={quote(value, safe='')}" for name, value in request.query.items()]
        match endpoint.credential:
            case SharedKey() as key:
                headers["Authorization"] = sign(key, request, path, date)
            case Sas(query=signature):
                query.append(signature)
            case None:
                pass
        if token is not None:
            headers["Authorization"] = f"Bearer {token.text}"
        target = f"{endpoint.origin}{path}?{'&'.join(query)}" if query else endpoint.origin + path
        async with self._session.request(
            request.method,
            URL(target, encoded=True),  # as it was signed
            headers=headers,
            data=request.body or None,
            allow_redirects=False,
        ) as response:
            return Answer(
                status=response.status, headers=response.headers, body=await _read(response)
            )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read a body; a longer one than any of the service's is cut, and its connection is closed."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= LONGEST:
            break
    return bytes(body)


def _refuses_token(answer: Answer) -> bool:
    # With 403 in versions before challenges; a role that is missing has another code.
    return answer.status == 401 or (
        answer.status == 403
        and error_code(answer) in {"AuthenticationFailed", "InvalidAuthenticationInfo"}
    )


def _asked_for(answer: Answer) -> float:
    """Return the seconds that the service asks to wait."""
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdigit() else 0.0
