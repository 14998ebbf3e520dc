"""Which failures prove that nothing was sent: the table over every exception of aiohttp and httpx."""

from typing import Final

import aiohttp
import httpx
import pytest
from aiohttp import client_exceptions
from aiohttp.client_reqrep import ConnectionKey

from shared.adapters.http_errors import lost, may_have_left

KEY = ConnectionKey("h", 443, True, True, None, None, None)
CONNECTOR_ERROR = aiohttp.ClientConnectorError(KEY, OSError(111, "Connect call failed"))

# What aiohttp 3.14.5 raises before a request leaves; read from its connector.py and client.py.
BEFORE_SENDING: Final[tuple[type[BaseException], ...]] = (
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
PERHAPS_AFTER: Final[tuple[type[BaseException], ...]] = (
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


def exceptions_of(module: object) -> set[type[BaseException]]:
    return {
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseException)
    }


def caused(error: BaseException, cause: BaseException) -> BaseException:
    """Raise from a cause, as httpx-aiohttp does."""
    error.__cause__ = cause
    return error


def test_table_has_every_exception_of_aiohttp() -> None:
    """A class that a new version brings must be judged here before it is used."""
    foreign = {
        kind
        for kind in exceptions_of(client_exceptions) | exceptions_of(aiohttp)
        if kind.__module__ == "aiohttp.client_exceptions"
    }

    assert foreign
    assert foreign <= {*BEFORE_SENDING, *PERHAPS_AFTER}


def test_table_has_every_exception_of_httpx() -> None:
    assert exceptions_of(httpx) <= {*BEFORE_SENDING, *PERHAPS_AFTER}


@pytest.mark.parametrize("kind", [*BEFORE_SENDING, *PERHAPS_AFTER], ids=str)
def test_only_these_prove_that_nothing_was_sent(kind: type[BaseException]) -> None:
    error = kind.__new__(kind)  # only its class counts

    assert may_have_left(error) is (kind in PERHAPS_AFTER)


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (CONNECTOR_ERROR, False),
        (caused(httpx.ConnectError("m"), CONNECTOR_ERROR), False),
        (caused(httpx.ConnectTimeout("m"), aiohttp.ConnectionTimeoutError()), False),
        # httpx-aiohttp gives both of these the class of a connection that never came to be.
        (caused(httpx.ConnectTimeout("m"), aiohttp.ServerDisconnectedError()), True),
        (caused(httpx.ConnectTimeout("m"), aiohttp.ClientOSError(104, "reset")), True),
        (caused(httpx.ReadTimeout("m"), aiohttp.SocketTimeoutError()), True),
        (caused(httpx.TimeoutException("m"), aiohttp.ServerTimeoutError()), True),
        (httpx.ConnectError("without a cause"), True),
        (httpx.PoolTimeout("without a cause"), True),
        (TimeoutError(), True),
        (OSError(111, "refused"), True),
        (RuntimeError("Session is closed"), True),
        (aiohttp.InvalidUrlRedirectClientError("http://["), True),
        (aiohttp.ClientResponseError(None, ()), True),  # type: ignore[arg-type]  # only its class counts
    ],
)
def test_cause_decides(error: BaseException, left: bool) -> None:
    assert may_have_left(error) is left


def test_cause_is_found_however_deep() -> None:
    error = caused(RuntimeError(), caused(httpx.ConnectError("m"), CONNECTOR_ERROR))

    assert may_have_left(error) is False


def test_newer_class_counts_as_its_base() -> None:
    class Newer(aiohttp.ClientConnectorError):
        pass

    class NewerStill(aiohttp.ClientError):
        pass

    assert may_have_left(Newer(KEY, OSError(111, "m"))) is False
    assert may_have_left(NewerStill()) is True


def test_what_is_reported_names_the_cause() -> None:
    """Where nothing was sent its text helps; in doubt the class alone, as the text may quote anything."""
    assert lost(CONNECTOR_ERROR).error.message == (
        "Synapse could not be reached: Cannot connect to host h:443 ssl:default "
        "[Connect call failed] [ClientConnectorError]. Nothing was sent."
    )
    assert lost(ValueError("planted-token")).error.message == (
        "The request was sent and no answer came [ValueError]."
    )
