"""Finds known secrets in a text in any spelling: escaped, in another case, in base64."""

import asyncio
import base64
from collections.abc import Collection, Iterator
from typing import Final, Self

from shared.kernel.cloud_error import CUT, as_quoted
from shared.kernel.work import Work
from shared.redaction import plain_text

#: A shorter text occurs in every sentence, and cutting it out would reveal it.
SHORTEST: Final = 4
# A secret encoded within a longer text shares its first and last base64 characters with its surroundings.
_SHORTEST_WITHIN: Final = 8
_UNITS_OF_A_SECRET: Final = 64
_PIECE: Final = 1_024
_URL_SAFE: Final = str.maketrans("+/", "-_")


class _Needles:
    """A set of texts to find: at each position one lookup by the first characters, then one for each length."""

    def __init__(self) -> None:
        self._every: set[str] = set()
        self._lengths: dict[str, set[int]] = {}  # by the first characters
        self._beginnings: set[str] = set()  # of 4, 8, 16 … characters

    def add(self, needle: str) -> None:
        """Add a text to find, unless it is too short or a mark."""
        if len(needle) < SHORTEST or not needle.strip("* ") or needle in self._every:
            return
        self._every.add(needle)
        self._lengths.setdefault(needle[:SHORTEST], set()).add(len(needle))
        length = SHORTEST
        while length <= len(needle):
            self._beginnings.add(needle[:length])
            length *= 2

    async def spans(self, text: str, work: Work) -> list[tuple[int, int]]:
        """Return the longest match at each position, as (start, end); matches may overlap."""
        found: list[tuple[int, int]] = []
        lengths = self._lengths
        for at in range(len(text) - SHORTEST + 1):
            here = lengths.get(text[at : at + SHORTEST])
            if here is not None:
                end = await self._longest(text, at, here, work)
                if end:
                    found.append((at, end))
            elif at % _PIECE == _PIECE - 1:
                await work.done(_PIECE)
            if work.is_exceeded:
                break
        return found

    async def _longest(self, text: str, at: int, lengths: set[int], work: Work) -> int:
        for length in sorted(lengths, reverse=True):
            await work.done(4 + length // 16)
            if text[at : at + length] in self._every:
                return at + length
        return 0

    async def beginning(self, text: str, work: Work) -> int:
        """Return where the end of a text may be the beginning of a needle; -1 if nowhere."""
        lengths = self._lengths
        for at in range(len(text) - SHORTEST + 1):
            if at % _PIECE == _PIECE - 1:
                await work.done(_PIECE)
            if text[at : at + SHORTEST] in lengths:
                left = len(text) - at
                longest = SHORTEST << ((left // SHORTEST).bit_length() - 1)
                if text[at : at + longest] in self._beginnings:
                    return at
        return -1


class Search:
    """Finds a fixed set of secrets in any number of texts."""

    def __init__(self) -> None:
        self._exact = _Needles()
        self._plain = _Needles()

    @classmethod
    async def of(cls, secrets: Collection[str], work: Work) -> Self:
        """Return a search for these secrets."""
        search = cls()
        for secret in secrets:
            if work.is_exceeded:
                break
            if work.is_due(_UNITS_OF_A_SECRET + 2 * len(secret)):
                await asyncio.sleep(0)
            search._exact.add(secret)
            for form in _in_base64(secret):
                search._exact.add(form)
            if secret.isascii() and secret.isalnum():
                search._plain.add(secret.lower())
            else:
                for form in {secret, *as_quoted(secret)}:
                    search._plain.add((await plain_text.read(form, work)).text.strip())
        return search

    async def spans(self, text: str, work: Work) -> list[tuple[int, int]]:
        """Return every stretch that is a secret, or the beginning of one at the end of a text that was cut."""
        plain = await plain_text.read(text, work)
        found = await self._exact.spans(text, work)
        found += [plain.span(*span) for span in await self._plain.spans(plain.text, work)]
        if text.endswith(CUT):
            found += await self._cut_off(text[: -len(CUT)], work)
        return found

    async def _cut_off(self, text: str, work: Work) -> list[tuple[int, int]]:
        plain = await plain_text.read(plain_text.without_half_escape(text), work)
        exact = await self._exact.beginning(text, work)
        at = await self._plain.beginning(plain.text, work)
        found = [exact] if exact >= 0 else []
        found += [plain.starts[at]] if at >= 0 else []
        return [(start, len(text)) for start in found]


def _in_base64(secret: str) -> Iterator[str]:
    data = secret.encode(errors="surrogatepass")
    yield from _both_alphabets(base64.b64encode(data).decode().rstrip("="))
    for skipped in range(3):
        # Without its incomplete last group, the form is also found within a longer encoded text.
        form = base64.b64encode(data[skipped : len(data) - (len(data) - skipped) % 3]).decode()
        if len(form) >= (_SHORTEST_WITHIN if skipped else SHORTEST):
            yield from _both_alphabets(form)


def _both_alphabets(form: str) -> tuple[str, ...]:
    return (form, form.translate(_URL_SAFE)) if "+" in form or "/" in form else (form,)
