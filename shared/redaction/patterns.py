r"""Stretches of a text that look like a secret, under any name.

Every pattern is bounded or uses possessive quantifiers, which never backtrack, so that no text, however crafted,
takes more than linear time.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from shared.redaction.names import is_secret

MARK: Final = "***"

#: A long text is searched in pieces of so many characters; other tasks run between them.
PIECE: Final = 4_096
# A secret is recognized by its first so many characters; its value may go on.
_REACH: Final = 1_024

# An equals sign, also percent-encoded (once or more often) or as some JSON writers escape it.
_EQUALS: Final = r"(?:=|%(?:25){0,3}+3[Dd]|\\u003[Dd])"
# The beginning of a name: not after a letter or digit, unless they encode a `?`, `&` or `;`.
_BEGIN: Final = r"(?:(?<![A-Za-z0-9])|(?<=26)|(?<=3[BbFf]))"
_HAS_EQUALS: Final = ("=", "3D", "3d")

#: Names in a connection string (storage, Service Bus, Event Hubs, Cosmos DB, SQL, App Configuration) or a form
#: whose values are secret; a space stands for a space, an underscore or nothing.
CONNECTION_NAMES: Final = (
    "account key", "shared access key", "shared access signature", "access key", "access_token", "api key",
    "client secret", "secret", "password", "passwd", "pwd",
)  # fmt: skip

#: Names that are secret in a URL's query only, in addition to those that are secret everywhere.
QUERY_NAMES: Final = ("code",)

#: Schemes of an Authorization header; the credentials follow.
SCHEMES: Final = ("bearer", "basic")


@dataclass(frozen=True, slots=True)
class Shape:
    """A pattern whose last group is the secret. A text without any of its signs has no match."""

    pattern: re.Pattern[str]
    signs: tuple[str, ...]
    holds: Callable[[re.Match[str]], bool]  #: a further condition that the pattern can't express

    def may_be_in(self, text: str) -> bool:
        """Return whether a text has one of the signs. A plain loop: it runs for every shape and text."""
        for sign in self.signs:  # noqa: SIM110 - any() takes twice as long
            if sign in text:
                return True
        return False


def _shape(
    pattern: str, *signs: str, holds: Callable[[re.Match[str]], bool] = lambda _: True
) -> Shape:
    return Shape(re.compile(pattern), signs, holds)


SHAPES: Final[Mapping[str, Shape]] = {
    # The signature of a shared access signature (SAS), or of a Logic Apps trigger's URL.
    "signature": _shape(_BEGIN + r"[Ss][Ii][Gg]" + _EQUALS + r"([\w%+/=.~\\-]++)", *_HAS_EQUALS),
    "connection string": _shape(
        rf"{_BEGIN}(?i:{'|'.join(CONNECTION_NAMES).replace(' ', '[ _]?')})"
        rf"[ ]{{0,8}}+{_EQUALS}[ ]{{0,8}}+"
        r"""("[^"\r\n]*+"|'[^'\r\n]*+'|[^;"'\r\n]*+)""",
        *_HAS_EQUALS,
    ),
    # The password in `https://user:password@host`.
    "user in a URL": _shape(r"://[^\s/:@]{0,256}+:([^\s/@]{1,256}+)@", "://"),
    # Without a digit it is ordinary prose: "Bearer authentication is required".
    "authorization": _shape(
        rf"(?i:{'|'.join(SCHEMES)})(?:[ +]|%20){{1,8}}+(?=[A-Za-z._~+/-]{{0,64}}+[0-9])([\w.~+/=-]{{16,}}+)",
        *(form for scheme in SCHEMES for form in (scheme, scheme.title(), scheme.upper())),
    ),
    # RFC 7468, section 10, and what OpenSSH and PGP write; newlines may be escaped.
    "private key": _shape(
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----((?:[^-]++|-(?!----END ))*+)",
        "PRIVATE KEY",
    ),
    # learn.microsoft.com/purview/sit-defn-azure-storage-account-key and its neighbours: 64 and 32 bytes in base64.
    "storage key": _shape(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==", "=="),
    "service bus key": _shape(
        r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{33}(?:AIoT|\+(?:ASb|AEh|ARm))[A-P][A-Za-z0-9+/]{5}=",
        "AIoT", "+ASb", "+AEh", "+ARm",
    ),
    "functions key": _shape(r"(?<![\w-])[\w-]{44}AzFu[\w-]{5}[AQgw]==", "AzFu"),
    "entra secret": _shape(r"(?<![\w~.-])[\w~.-]{3}[0-9]Q~[\w~.-]{31,34}+", "Q~"),
    # docs.github.com/authentication: about authentication to GitHub, "GitHub's token formats"
    "github token": _shape(r"gh[pousr]_[A-Za-z0-9]{20,}+", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    "github fine-grained token": _shape(r"github_pat_\w{20,}+", "github_pat_"),
    "gitlab token": _shape(r"glpat-[\w-]{20,}+", "glpat-"),
    "slack token": _shape(r"xox[a-z]-[A-Za-z0-9-]{10,}+", "xox"),
    "slack app token": _shape(r"xapp-[A-Za-z0-9-]{10,}+", "xapp-"),
    "aws access key": _shape(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])", "AKIA", "ASIA"),
    "google api key": _shape(r"AIza[\w-]{35}", "AIza"),
    "stripe key": _shape(r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}+", "k_live_", "k_test_"),
    "databricks token": _shape(r"(?<![A-Za-z0-9])dapi[0-9a-f]{32}", "dapi"),
    "npm token": _shape(r"npm_[A-Za-z0-9]{36}", "npm_"),
    "pypi token": _shape(r"pypi-[\w-]{50,}+", "pypi-"),
    # A JSON Web Token: `{"` in base64url, then at least two more parts, which may be empty (RFC 7515, 7516).
    "token": _shape(
        r"(eyJ[A-Za-z0-9_-]{9,}+(?P<rest>(?:\.[A-Za-z0-9_-]*+)*+))", "eyJ",
        holds=lambda token: token["rest"].count(".") >= 2,
    ),
    "query of a URL": _shape(
        r"(?:[?&;]|%(?:25){0,3}+(?:3[FfBb]|26)|\\u0026)(?P<name>[A-Za-z][\w.~-]{0,80}+)"
        + _EQUALS + r"""([^&;#\s"'<>,)\]}]++)""",
        *_HAS_EQUALS,
        holds=lambda query: is_secret(query["name"]) or query["name"].lower() in QUERY_NAMES,
    ),
    # A quoted name and its colon, also where the quotes are escaped: JSON in an error text, or cut short.
    "field": _shape(
        r"""["'](?P<name>[A-Za-z][\w .-]{0,80}+)\\{0,8}+["']\s{0,8}+:\s{0,8}+"""
        r"""(?=\\{0,8}+["']((?:[^"'\r\n\\]++|\\(?!["']))*+)|([^\s,}\]"'\\]++))""",
        '"', "'",
        holds=lambda field: is_secret(field["name"]),
    ),
}  # fmt: skip

# For most texts, one search for any sign of any shape is enough.
_ANY_SIGN: Final = re.compile(
    "|".join(sorted({re.escape(sign) for shape in SHAPES.values() for sign in shape.signs}))
)


def spans(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield every stretch that looks like a secret, as (start, end), in no order; stretches may overlap.

    A stretch begins at `start` or later and before `end` (None: the end of the text), and may go on beyond it.
    """
    end = len(text) if end is None else end
    if not _ANY_SIGN.search(text, start, end + _REACH):
        return
    piece = text[start : end + _REACH]
    for shape in SHAPES.values():
        if shape.may_be_in(piece):
            for match in _matches(shape, text, start, end):
                begin, stop = match.span(match.lastindex or 0)
                if text[begin:stop].strip("*\"' \\"):  # otherwise it is empty or already a mark
                    yield begin, stop


def cut(text: str) -> str:
    """Replace every stretch that looks like a secret by a mark."""
    found = list(spans(text))
    return mark(text, found) if found else text


def cut_optional(text: str | None) -> str | None:
    """Apply `cut` to a text that may be None."""
    return None if text is None else cut(text)


def mark(text: str, found: Iterable[tuple[int, int]]) -> str:
    """Replace these stretches by a mark; overlapping ones share one."""
    kept, at = [], 0
    for start, end in sorted(found):
        if start >= at:
            kept += [text[at:start], MARK]
        at = max(at, end)
    return "".join([*kept, text[at:]])


def _matches(shape: Shape, text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    """Find the matches that begin within a piece of a text; they may end beyond it."""
    reach = min(end + _REACH, len(text))
    for match in shape.pattern.finditer(text, start, reach):
        if match.start() >= end:
            return
        goes_on = match.end(match.lastindex or 0) == reach < len(text)
        found = (shape.pattern.match(text, match.start()) if goes_on else None) or match
        if shape.holds(found):
            yield found
