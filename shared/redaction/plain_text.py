r"""A text in plain form: without JSON, URL and HTML escapes, nested ones too, in lower case, with single spaces.

Secrets and the texts that may quote them are compared in this form, since an error may quote a value in any spelling:
`p&ss`, `P&SS`, `p\u0026ss`, `p%2526ss` and `p&amp;ss` are all read as `p&ss`.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from shared.kernel.work import Work

MAX_PASSES: Final = 6  # of escapes of different kinds within one another
_PIECE: Final = 2_048

_ESCAPE: Final = re.compile(
    r"""
    (?P<pair> \\+ud[89ab][0-9a-f]{2} \\+ud[c-f][0-9a-f]{2})
    | \\+ (?: u(?P<unicode>[0-9a-f]{4}) | (?P<blank>[nrtbf]) )?
    | (?P<percent> %(?:25)*[0-9a-f]{2} (?:%(?:25)*[89ab][0-9a-f]){0,3} )
    | &(?:amp;)* (?P<entity> \#[0-9]{1,7} | \#x[0-9a-f]{1,6} | [a-z][a-z0-9]{1,30} );
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: The beginning of an escape within which a text was cut.
_HALF_ESCAPE: Final = re.compile(
    r"(?:\\+(?:u[0-9a-fA-F]{0,3})?|%(?:25)*[0-9a-fA-F]?|&[#\w;]{0,40})\Z"
)
# A text without a match is plain except for its case: no escape, and no blank but single spaces.
_TO_READ: Final = re.compile(r"[^ -~]|[\\%&+]|  ")


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text in plain form, with the start and end of each of its characters in the original."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the stretch of the original that corresponds to this stretch of `text`."""
        return self.starts[start], self.ends[end - 1]


async def read(text: str, work: Work) -> PlainText:
    """Return the plain form of a text."""
    plain = PlainText(text, range(len(text)), range(1, len(text) + 1))
    await work.done(len(text) // 16)
    if not _TO_READ.search(text):
        return PlainText(text.lower(), plain.starts, plain.ends)
    for _ in range(MAX_PASSES):
        if not _ESCAPE.search(plain.text):
            break
        plain = await _unescape(plain, work)
    return await _fold(plain, work)


def without_half_escape(text: str) -> str:
    """Return a text that was cut, without an incomplete escape at its end."""
    return (
        _HALF_ESCAPE.sub("", text[-80:])
        if len(text) <= 80
        else text[:-80] + _HALF_ESCAPE.sub("", text[-80:])
    )


async def _unescape(plain: PlainText, work: Work) -> PlainText:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for match in _ESCAPE.finditer(plain.text):
        begin, end = match.span()
        meant = _meaning(match)
        parts += [plain.text[at:begin], meant]
        starts += plain.starts[at:begin]
        starts += [plain.starts[begin]] * len(meant)
        ends += plain.ends[at:begin]
        ends += [plain.ends[end - 1]] * len(meant)
        await work.done(4 + begin - at)
        at = end
    starts += plain.starts[at:]
    ends += plain.ends[at:]
    return PlainText("".join([*parts, plain.text[at:]]), starts, ends)


def _meaning(escape: re.Match[str]) -> str:
    match escape.lastgroup:
        case "pair":
            high, low = re.findall(r"u([0-9a-f]{4})", escape[0], re.IGNORECASE)
            return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
        case "unicode":
            return chr(int(escape["unicode"], 16))
        case "blank":
            return " "
        case "percent":
            return unquote(re.sub("%(?:25)+(?=[0-9a-fA-F]{2})", "%", escape[0]), errors="replace")
        case "entity":
            name = f"&{escape['entity']};"
            meant = html.unescape(name)
            return html.unescape(name.lower()) if meant == name else meant
        case _:
            return ""  # backslashes before any other escaped character


async def _fold(plain: PlainText, work: Work) -> PlainText:
    """Put everything in lower case, and replace each run of blanks and unprintable characters by one space."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    blank = False
    for at, sign in enumerate(plain.text):
        was_blank, blank = blank, sign in " +" or not sign.isprintable()
        if not (blank and was_blank):
            folded = " " if blank else sign.casefold()
            parts.append(folded)
            starts += [plain.starts[at]] * len(folded)
            ends += [plain.ends[at]] * len(folded)
        else:
            ends[-1] = plain.ends[at]
        if at % _PIECE == _PIECE - 1:
            await work.done(_PIECE * 2)
    await work.done(len(plain.text) % _PIECE * 2)
    return PlainText("".join(parts), starts, ends)
