"""Decides whether a request without an answer was sent.

The cause decides, never httpx's class: httpx-aiohttp 0.2.0 reports aiohttp's ServerDisconnectedError, a
cut after sending, as httpx.ConnectTimeout (its AIOHTTP_EXC_MAP names the base class). Only what aiohttp
3.14 raises in or before `connector.connect()` proves that nothing was sent; otherwise it counts as sent.

Import this module late: aiohttp takes 0.2 s.
"""

from collections.abc import Iterator
from typing import Final

import aiohttp

from shared.kernel.cloud_error import CloudError, Code
from shared.synapse.reply import Lost

# aiohttp/connector.py raises these while it connects (name, socket, TLS, proxy), aiohttp/client.py
# ConnectionTimeoutError around `connector.connect()` (place in the pool included), and the rest
# before there is a connection. A contract test judges every exception of both libraries.
_BEFORE_SENDING: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    aiohttp.ServerFingerprintMismatch,
)


def may_have_left(error: BaseException) -> bool:
    """Return whether a request that failed with this error may have reached the server."""
    cause = _cause(error)
    # A redirect's address may be invalid too, but came with an answer.
    is_redirect = isinstance(cause, aiohttp.RedirectClientError)
    return is_redirect or not isinstance(cause, _BEFORE_SENDING)


def lost(error: Exception, service: str = "Synapse") -> Lost:
    """Return what a failure of the call means for the request."""
    cause = _cause(error)
    kind = type(cause).__name__
    if not may_have_left(error):
        message = f"{service} could not be reached: {cause} [{kind}]. Nothing was sent."[:1024]
        return Lost(sent=False, error=CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message))
    # Only the class: the text of an unexpected error may quote anything.
    message = f"The request was sent and no answer came [{kind}]."
    return Lost(sent=True, error=CloudError(code=Code.OUTCOME_UNKNOWN, message=message))


def _cause(error: BaseException) -> BaseException:
    """Return aiohttp's exception that led to this one, or this one itself."""
    return next((link for link in _chain(error) if isinstance(link, aiohttp.ClientError)), error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__
