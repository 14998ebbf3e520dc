"""Reads a list of runs one at a time, so that other tasks run in between.

Synapse's answer to queryPipelineRuns may have many megabytes, and Python's parser reads a text in one piece: 10 MB take
0.4 s. A thread would not help, since the parser may hold the interpreter's lock for as long. Here it gets at most one
run at a time: first it finds where the run ends, then `strict_json` reads it, as strictly as any other text.
"""

import asyncio
import codecs
import json
import re
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Final

from pydantic import JsonValue

from shared.kernel import strict_json
from shared.kernel.strict_json import Unreadable
from shared.kernel.work import Work
from shared.redaction import redact as redaction

#: Maximum bytes of a run that is read whole: up to 48 ms of the event loop if it is all numbers, 6 ms if it is texts.
LONGEST_RUN: Final = 176 << 10
#: Maximum bytes of a field that is read of a longer run: ids, times, states.
LONGEST_FIELD: Final = 8 << 10

_DECODER: Final = json.JSONDecoder()
_BLANKS: Final = re.compile(rb"[ \t\r\n]*+")
# Bounded, so that a value of any length is skipped in pieces.
_OUTSIDE_A_STRING: Final = re.compile(rb'[^"{}\[\]]{0,8192}+')
_INSIDE_A_STRING: Final = re.compile(rb'(?:[^"\\]{1,1024}+|\\.){0,64}+', re.DOTALL)


class RunList:
    """The items of the list `value` of a JSON object, and the object's other fields.

    In a run longer than `LONGEST_RUN`, every field longer than `LONGEST_FIELD` is withheld; of the object's other
    fields, those longer than that are left out. Skipped values are checked only for closed brackets and quotes.
    """

    def __init__(self, body: bytes) -> None:
        self.fields: dict[str, JsonValue] = {}  #: complete once the last item has been read
        self._body = body
        self._at = len(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else 0

    async def __aiter__(self) -> AsyncGenerator[Any]:
        """Yield the items. Raises `Unreadable`, possibly after some items."""
        try:
            async for item in self._read():
                yield item
        except (ValueError, RecursionError):
            msg = "The answer is not a JSON object with a list of runs."
            raise Unreadable(msg) from None

    async def _read(self) -> AsyncGenerator[Any]:
        has_list = False
        for name in self._names():
            if name == "value":
                has_list = True
                for _ in self._items():
                    yield await self._item()
            else:
                await asyncio.sleep(0)
                found = self._next(LONGEST_FIELD)
                if found is None:
                    await self._pass_over()
                else:
                    self.fields[name] = _parse(found)
        if not has_list or _BLANKS.fullmatch(self._body, self._at) is None:
            raise ValueError

    def _names(self) -> Iterator[str]:
        """Yield an object's names; the caller reads each value before the next name. Their total length is bounded."""
        names: set[str] = set()
        length = 0
        sign = self._sign(b"{")
        while sign != b"}":
            name = self._name()
            length += len(name)
            if name in names or length > LONGEST_RUN:
                raise ValueError
            names.add(name)
            self._sign(b":")
            yield name
            sign = self._sign(b",}")

    def _items(self) -> Iterator[None]:
        """Yield at the beginning of each item of a list; the caller reads it before the next."""
        sign = self._sign(b"[")
        self._skip(_BLANKS)
        if self._body.startswith(b"]", self._at):
            sign = self._sign(b"]")
        while sign != b"]":
            yield
            sign = self._sign(b",]")

    async def _item(self) -> Any:
        await asyncio.sleep(0)  # the work on the previous item was a stretch
        found = self._next(LONGEST_FIELD) or self._next(LONGEST_RUN)
        if found is None:
            return await self._long_run()
        await asyncio.sleep(0)  # finding the end of this one was another
        return _parse(found)

    async def _long_run(self) -> dict[str, JsonValue]:
        run: dict[str, JsonValue] = {}
        left = LONGEST_RUN
        for name in self._names():
            found = self._next(LONGEST_FIELD)
            if found is None:
                run[name] = redaction.withheld(await self._pass_over())
            else:
                await asyncio.sleep(0)
                run[name] = _parse(found)
            left -= len(found or b"")
            if left < 0:
                raise ValueError
        return run

    def _name(self) -> str:
        found = self._next(LONGEST_FIELD)
        name = None if found is None else _parse(found)
        if not isinstance(name, str):
            raise ValueError  # noqa: TRY004 - the text is wrong, not a type
        return name

    def _next(self, longest: int) -> bytes | None:
        """Return the text of the next value and move past it; None if it is not shorter than `longest` bytes."""
        self._skip(_BLANKS)
        # A character cut by the end of the piece is left out.
        piece, _ = codecs.utf_8_decode(self._body[self._at : self._at + longest])
        try:
            _, end = _DECODER.raw_decode(piece)
        except json.JSONDecodeError:
            return None
        found = piece[:end].encode()
        if len(found) == longest:  # a number may continue after the piece
            return None
        self._at += len(found)
        return found

    async def _pass_over(self) -> JsonValue:
        """Move past the next value, and return an empty value of its type."""
        work, first = Work(), self._sign(b'{["')
        is_inside = first == b'"'
        depth = 0 if is_inside else 1
        while depth or is_inside:
            passed = self._skip(_INSIDE_A_STRING if is_inside else _OUTSIDE_A_STRING)
            await work.done(32 + passed // 64)
            match self._body[self._at : self._at + 1]:
                case b'"':
                    is_inside = not is_inside
                case b"{" | b"[" if not is_inside:
                    depth += 1
                case b"}" | b"]" if not is_inside:
                    depth -= 1
                case _ if passed:
                    continue  # the pattern matches a bounded piece at a time
                case _:
                    raise ValueError
            self._at += 1
        empty: dict[bytes, JsonValue] = {b"{": {}, b"[": [], b'"': ""}
        return empty[first]

    def _sign(self, signs: bytes) -> bytes:
        self._skip(_BLANKS)
        sign = self._body[self._at : self._at + 1]
        if not sign or sign not in signs:
            raise ValueError
        self._at += 1
        return sign

    def _skip(self, pattern: re.Pattern[bytes]) -> int:
        found = pattern.match(self._body, self._at)
        length = len(found[0]) if found else 0
        self._at += length
        return length


def _parse(text: bytes) -> Any:
    return strict_json.parse(b'{"":' + text + b"}")[""]
