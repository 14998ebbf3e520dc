"""Tickets: each opens one outcome to a caller without other credentials.

A ticket names a request, a generation, the number of the key that signed it and the time at which it expires, and carries
an HMAC of all that. Pollers of a `Location` often send no credential, so the address itself has to be one. Base64url of:

    version  key   expires  generation  requestId   HMAC-SHA256, cut
    1 byte   2     4        4           1 to 200    16 bytes

Half of a digest is the least that RFC 2104 (section 5) accepts; it keeps an address short.
"""

import base64
import hmac
import re
import struct
from dataclasses import dataclass
from typing import Final

from shared.runs.request import REQUEST_ID

#: Seconds that a ticket counts: a Web activity of Data Factory polls for up to seven days.
LIFETIME: Final = 8 * 24 * 3600
#: Seconds after which another key signs.
PERIOD: Final = 30 * 24 * 3600

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BHII")
_MAC: Final = 16
_LONGEST: Final = _HEAD.size + 200 + _MAC
_TEXT: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{_LONGEST * 4 // 3 + 1}}}")
_REQUEST_ID: Final = re.compile(REQUEST_ID.strip("^$"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a ticket says."""

    request_id: str
    generation: int
    key: int  #: the number of the key that signs it
    expires: int  #: seconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A ticket as it was sent: what it says is not to be believed before `is_genuine`."""

    ticket: Ticket
    content: bytes
    mac: bytes

    def is_genuine(self, secret: bytes) -> bool:
        """Return whether this secret signed the ticket."""
        return hmac.compare_digest(self.mac, _sign(self.content, secret))


def issue(request_id: str, generation: int, now: float) -> Ticket:
    """Return a ticket that begins now, in seconds since 1970."""
    key = int(now) // PERIOD
    return Ticket(
        request_id=request_id, generation=generation, key=key, expires=int(now) + LIFETIME
    )


def is_current(ticket: Ticket, now: float) -> bool:
    """Return whether a ticket has not expired, and its key may still sign or did so lately."""
    # A host whose clock is ahead may use the next key already.
    return now < ticket.expires and abs(ticket.key - int(now) // PERIOD) <= 1


def encode(ticket: Ticket, secret: bytes) -> str:
    """Write and sign a ticket."""
    head = _HEAD.pack(_VERSION, ticket.key, ticket.expires, ticket.generation)
    content = head + ticket.request_id.encode("ascii")
    return _text(content + _sign(content, secret))


def decode(text: str) -> Signed | None:
    """Read any text as a ticket; None if it is none."""
    if not _TEXT.fullmatch(text) or len(text) % 4 == 1:
        return None
    sent = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    content, mac = sent[:-_MAC], sent[-_MAC:]
    # Base64 leaves unused bits at the end: only the form that `encode` writes is accepted.
    if len(content) <= _HEAD.size or _text(sent) != text:
        return None
    version, key, expires, generation = _HEAD.unpack_from(content)
    request_id = content[_HEAD.size :].decode("latin-1")
    if version != _VERSION or not generation or not _REQUEST_ID.fullmatch(request_id):
        return None
    ticket = Ticket(request_id=request_id, generation=generation, key=key, expires=expires)
    return Signed(ticket=ticket, content=content, mac=mac)


def _sign(content: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, content, "sha256")[:_MAC]


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
