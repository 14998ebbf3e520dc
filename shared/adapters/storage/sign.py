"""Signs calls with the account's key: Shared Key, as its two services define it.

learn, rest/api/storageservices/authorize-with-shared-key
"""

import hmac
from base64 import b64encode
from email.utils import format_datetime

from shared.adapters.storage.address import Service, SharedKey
from shared.adapters.storage.point import Request
from shared.ports import Clock


class Dates:
    """The time as a header has it; its text is made once a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._text = ""

    def now(self) -> str:
        """Return the time in the form of RFC 1123."""
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._text = second, format_datetime(self._clock.now(), usegmt=True)
        return self._text


def sign(by: SharedKey, request: Request, path: str, date: str) -> str:
    """Return the Authorization header of a call.

    Args:
        by: the account's key.
        request: the call.
        path: the whole path, exactly as it is sent.
        date: the call's x-ms-date.
    """
    text = (_table if request.service is Service.TABLE else _queue)(request, date)
    signature = hmac.digest(
        by.key, f"{text}/{by.account}{path}{_query(request)}".encode(), "sha256"
    )
    return f"SharedKey {by.account}:{b64encode(signature).decode()}"


def _table(request: Request, date: str) -> str:
    # Between the method and the type stands Content-MD5, which is not sent.
    return f"{request.method}\n\n{request.headers.get('Content-Type', '')}\n{date}\n"


def _queue(request: Request, date: str) -> str:
    # Not sent: before the length Content-Encoding and Content-Language, then Content-MD5, and after the type Date,
    # If-Modified-Since, If-Match, If-None-Match, If-Unmodified-Since and Range.
    length, kind = len(request.body) or "", request.headers.get("Content-Type", "")
    version = request.headers["x-ms-version"]
    return f"{request.method}\n\n\n{length}\n\n{kind}\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{version}\n"


def _query(request: Request) -> str:
    """Return a queue's parameters as they are signed; a table's are not."""
    if request.service is Service.TABLE:
        return ""
    return "".join(f"\n{name}:{request.query[name]}" for name in sorted(request.query))
