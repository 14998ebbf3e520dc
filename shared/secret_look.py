r"""Which stretches of a text look like a secret, whatever they are called?

Every pattern takes a run of characters once and never gives it back (possessive quantifiers), or is
bounded, so that no text, however it was made, takes more than linear time.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from shared.secret_name import is_secret

MARK: Final = "***"

#: A JSON Web Token: `{"` in base64url, then at least two more parts, which may be empty (RFC 7515, 7516).
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]{9,}+((?:\.[A-Za-z0-9_-]*+)*+)")

# An equals sign, also percent-encoded (once or more often) or as some JSON writers escape it.
_EQUALS: Final = r"(?:=|%(?:25){0,3}+3[Dd]|\\u003[Dd])"
# A name begins here: behind no letter or digit, or behind an encoded `?`, `&` or `;`.
_BEGIN: Final = r"(?:(?<![A-Za-z0-9])|(?<=26)|(?<=3[BbFf]))"

#: The signature of a shared access signature (SAS), or of a Logic Apps trigger's URL.
_SIGNATURE: Final = re.compile(_BEGIN + r"[Ss][Ii][Gg]" + _EQUALS + r"([\w%+/=.~\\-]++)")

#: The secret of a connection string: storage, Service Bus, Event Hubs, Cosmos DB, SQL, App Configuration.
_CONNECTION: Final = re.compile(
    _BEGIN
    + r"(?i:account[ _]?key|shared[ _]?access[ _]?(?:key|signature)|access[ _]?key|access_token"
    + r"|api[ _]?key|client[ _]?secret|secret|password|passwd|pwd)"
    + rf"[ ]{{0,8}}+{_EQUALS}[ ]{{0,8}}+"
    + r"""("[^"\r\n]*+"|'[^'\r\n]*+'|[^;"'\r\n]*+)"""
)

#: The password in `https://user:password@host`.
_USER: Final = re.compile(r"://[^\s/:@]{0,256}+:([^\s/@]{1,256}+)@")

# A quoted name and its colon, also where the quotes are escaped: JSON in an error text, or cut short.
_FIELD: Final = re.compile(r"""["']([A-Za-z][\w .-]{0,80}+)\\{0,8}+["']\s{0,8}+:\s{0,8}+""")
_VALUE: Final = re.compile(r"""\\{0,8}+["']((?:[^"'\r\n\\]++|\\(?!["']))*+)|([^\s,}\]"'\\]++)""")

# No pattern finds anything in a text without one of these: most values are done here.
_SIGNS: Final = ("=", ":", "%", "eyJ", "\\u")


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Find every stretch that looks like a secret; they may overlap, and come in no order."""
    if not any(sign in text for sign in _SIGNS):
        return
    tokens = (match.span() for match in _JWT.finditer(text) if match[1].count(".") >= 2)
    values = (
        match.span(1)
        for pattern in (_SIGNATURE, _CONNECTION, _USER)
        for match in pattern.finditer(text)
    )
    for start, end in chain(tokens, values, _fields(text)):
        if text[start:end].strip("*\"' \\"):  # else it is empty, or was cut before
            yield start, end


def cut(text: str) -> str:
    """Put a mark in the place of every stretch that looks like a secret."""
    kept, at = [], 0
    for start, end in sorted(spans(text)):
        if start >= at:
            kept += [text[at:start], MARK]
        at = max(at, end)
    return "".join([*kept, text[at:]])


def _fields(text: str) -> Iterator[tuple[int, int]]:
    for field in _FIELD.finditer(text):
        if is_secret(field[1]) and (value := _VALUE.match(text, field.end())):
            yield value.span(value.lastindex or 0)
