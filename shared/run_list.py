"""The runs of a list, read one at a time, so that others work between two of them.

Synapse's answer to queryPipelineRuns may have many megabytes, and Python's parser reads a text in one piece: 10 MB take
0.4 s. Here it only finds where each run ends; `json_object` reads it, as strictly as everything.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic import JsonValue

from shared import json_object
from shared.json_object import Unreadable

_DECODER: Final = json.JSONDecoder()
_BLANKS: Final = re.compile(r"[ \t\r\n]*")


class RunList:
    """The items of the list `value` of a JSON object, and beside it the object's other fields."""

    def __init__(self, body: bytes) -> None:
        self.fields: dict[str, JsonValue] = {}  #: complete when the last item was read
        self._body = body
        self._text = ""

    def __iter__(self) -> Iterator[Any]:
        """Read the items. Raises `Unreadable`, maybe behind some that could be read."""
        try:
            self._text = self._body.decode("utf-8-sig")
            yield from self._object()
        except (ValueError, RecursionError):
            msg = "The answer is no JSON object with a list of runs."
            raise Unreadable(msg) from None

    def _object(self) -> Iterator[Any]:
        names: set[str] = set()
        sign, at = self._sign(0, "{")
        while sign != "}":
            name, at = self._value(at)
            if not isinstance(name, str) or name in names:
                raise ValueError
            names.add(name)
            _, at = self._sign(at, ":")
            if name == "value":
                at = yield from self._list(at)
            else:
                self.fields[name], at = self._value(at)
            sign, at = self._sign(at, ",}")
        if "value" not in names or _BLANKS.fullmatch(self._text, at) is None:
            raise ValueError

    def _list(self, at: int) -> Any:
        sign, at = self._sign(at, "[")
        if self._text.startswith("]", self._skip(at)):
            return self._skip(at) + 1
        while sign != "]":
            item, at = self._value(at)
            yield item
            sign, at = self._sign(at, ",]")
        return at

    def _value(self, at: int) -> tuple[Any, int]:
        start = self._skip(at)
        _, end = _DECODER.raw_decode(self._text, start)
        field = f'{{"":{self._text[start:end]}}}'
        return json_object.parse(field.encode())[""], end

    def _sign(self, at: int, signs: str) -> tuple[str, int]:
        at = self._skip(at)
        sign = self._text[at : at + 1]
        if not sign or sign not in signs:
            raise ValueError
        return sign, at + 1

    def _skip(self, at: int) -> int:
        blanks = _BLANKS.match(self._text, at)
        return blanks.end() if blanks else at
