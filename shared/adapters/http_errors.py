"""Decides whether a request without an answer was sent.

The cause decides, never httpx's class: httpx-aiohttp 0.2.0 reports aiohttp's ServerDisconnectedError, a
cut after sending, as httpx.ConnectTimeout (its AIOHTTP_EXC_MAP names the base class). Only what aiohttp
3.14 raises in or before `connector.connect()` proves that nothing was sent; otherwise it counts as sent.

Import this module late: httpx and aiohttp take 0.2 s.
"""

from collections.abc import Iterator
from typing import Final

import aiohttp
import httpx
from aiohttp import client_exceptions

from shared.kernel.cloud_error import CloudError, Code
from shared.synapse.reply import Lost

# aiohttp/connector.py raises these while it connects (name, socket, TLS, proxy), aiohttp/client.py
# ConnectionTimeoutError around `connector.connect()` (place in the pool included), and the rest
# before there is a connection.
_BEFORE_SENDING: Final[tuple[type[BaseException], ...]] = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ClientConnectorDNSError,
    aiohttp.ClientConnectorSSLError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ClientSSLError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.InvalidUrlClientError,
    aiohttp.NonHttpUrlClientError,
    aiohttp.ServerFingerprintMismatch,
    client_exceptions.UnixClientConnectorError,
)

_PERHAPS_AFTER: Final[tuple[type[BaseException], ...]] = (
    aiohttp.ClientConnectionError,
    aiohttp.ClientConnectionResetError,
    aiohttp.ClientError,
    aiohttp.ClientOSError,
    aiohttp.ClientPayloadError,
    aiohttp.ClientResponseError,
    aiohttp.ContentTypeError,
    aiohttp.InvalidUrlRedirectClientError,
    aiohttp.NonHttpUrlRedirectClientError,
    aiohttp.RedirectClientError,
    aiohttp.ServerConnectionError,
    aiohttp.ServerDisconnectedError,
    aiohttp.ServerTimeoutError,
    aiohttp.SocketTimeoutError,
    aiohttp.TooManyRedirects,
    aiohttp.WSMessageTypeError,
    aiohttp.WSServerHandshakeError,
    client_exceptions.UploadAbortedError,
    # Without a cause from aiohttp, httpx's own classes prove nothing.
    httpx.CloseError,
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.CookieConflict,
    httpx.DecodingError,
    httpx.HTTPError,
    httpx.HTTPStatusError,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
    httpx.NetworkError,
    httpx.PoolTimeout,
    httpx.ProtocolError,
    httpx.ProxyError,
    httpx.ReadError,
    httpx.ReadTimeout,
    httpx.RemoteProtocolError,
    httpx.RequestError,
    httpx.RequestNotRead,
    httpx.ResponseNotRead,
    httpx.StreamClosed,
    httpx.StreamConsumed,
    httpx.StreamError,
    httpx.TimeoutException,
    httpx.TooManyRedirects,
    httpx.TransportError,
    httpx.UnsupportedProtocol,
    httpx.WriteError,
    httpx.WriteTimeout,
)

#: Every exception of both libraries, and whether the request may have left when it is raised.
MAY_HAVE_LEFT: Final[dict[type[BaseException], bool]] = dict.fromkeys(
    _BEFORE_SENDING, False
) | dict.fromkeys(_PERHAPS_AFTER, True)


def may_have_left(error: BaseException) -> bool:
    """Return whether a request that failed with this error may have reached the server."""
    return MAY_HAVE_LEFT[_kind(_cause(error))]


def lost(error: Exception, service: str = "Synapse") -> Lost:
    """Return what a failure of the call means for the request."""
    cause = _cause(error)
    if not may_have_left(error):
        message = (
            f"{service} could not be reached: {cause} [{type(cause).__name__}]. Nothing was sent."
        )
        return Lost(
            sent=False, error=CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message[:1024])
        )
    # Only the class: the text of an unexpected error may quote anything.
    message = f"The request was sent and no answer came [{type(cause).__name__}]."
    return Lost(sent=True, error=CloudError(code=Code.OUTCOME_UNKNOWN, message=message))


def _cause(error: BaseException) -> BaseException:
    """Return aiohttp's exception that led to this one, or this one itself."""
    return next((link for link in _chain(error) if isinstance(link, aiohttp.ClientError)), error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__


def _kind(error: BaseException) -> type[BaseException]:
    """Return an exception's row; one without a row counts as aiohttp's ClientError, which may be after sending."""
    return next(
        (kind for kind in type(error).__mro__ if kind in MAY_HAVE_LEFT), aiohttp.ClientError
    )
