"""Which failures prove that nothing was sent: the table over every exception of aiohttp."""

from typing import Final

import aiohttp
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
)


def exceptions_of(module: object) -> set[type[BaseException]]:
    return {
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseException)
    }


def test_table_has_every_exception_of_aiohttp() -> None:
    """A class that a new version brings must be judged here before it is used."""
    foreign = {
        kind
        for kind in exceptions_of(client_exceptions) | exceptions_of(aiohttp)
        if kind.__module__ == "aiohttp.client_exceptions"
    }

    assert foreign
    assert foreign <= {*BEFORE_SENDING, *PERHAPS_AFTER}


@pytest.mark.parametrize("kind", [*BEFORE_SENDING, *PERHAPS_AFTER], ids=str)
def test_only_these_prove_that_nothing_was_sent(kind: type[BaseException]) -> None:
    error = kind.__new__(kind)  # only its class counts

    assert may_have_left(error) is (kind in PERHAPS_AFTER)


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (CONNECTOR_ERROR, False),
        (aiohttp.ConnectionTimeoutError(), False),
        (aiohttp.ServerDisconnectedError(), True),
        (aiohttp.ClientOSError(104, "reset"), True),
        (aiohttp.SocketTimeoutError(), True),
        (aiohttp.ServerTimeoutError(), True),
        (TimeoutError(), True),
        (OSError(111, "refused"), True),
        (RuntimeError("Session is closed"), True),
        (aiohttp.InvalidUrlRedirectClientError("http://["), True),
        (aiohttp.ClientResponseError(None, ()), True),  # type: ignore[arg-type]  # only its class counts
    ],
)
def test_class_decides(error: BaseException, left: bool) -> None:
    assert may_have_left(error) is left


def test_newer_class_counts_as_its_base() -> None:
    class Newer(aiohttp.ClientConnectorError):
        pass

    class NewerStill(aiohttp.ClientError):
        pass

    assert may_have_left(Newer(KEY, OSError(111, "m"))) is False
    assert may_have_left(NewerStill()) is True


def test_what_is_reported_names_the_class() -> None:
    """Where nothing was sent its text helps; in doubt the class alone, as the text may quote anything."""
    assert lost(CONNECTOR_ERROR).error.message == (
        "Synapse could not be reached: Cannot connect to host h:443 ssl:default "
        "[Connect call failed] [ClientConnectorError]. Nothing was sent."
    )
    assert lost(ValueError("planted-token")).error.message == (
        "The request was sent and no answer came [ValueError]."
    )
