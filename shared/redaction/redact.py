"""Redaction of JSON values, and of the texts that may quote them.

`names` lists the names of secrets, `patterns` their forms, and `search` finds them again in other texts. A value that
can't be read (nested too deeply, a number with too many digits) is hidden as a whole.

Everything here yields to the event loop: a large value takes longer, but blocks it for a few milliseconds at most.
"""

import asyncio
import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

from pydantic import JsonValue

from shared.kernel.cloud_error import CloudError
from shared.kernel.strict_json import MAX_DEPTH
from shared.kernel.work import Work
from shared.redaction import patterns
from shared.redaction.names import is_secret
from shared.redaction.patterns import MARK, PIECE
from shared.redaction.search import SHORTEST, Search

WITHHELD: Final = "(withheld: too large to remove every secret)"

#: Fields that name the value beside them: {"name": "apiKey", "value": …}, in any case.
LABELS: Final = ("name", "key")
#: Words before a credential; an error may quote the credential alone.
SCHEMES: Final = ("bearer", "basic", "token", "apikey", "sharedkey", "sharedaccesssignature")

# About a second's work: ten times what an error's 21 texts and 57,000 secrets take.
_MOST_WORK: Final = 40_000_000
_UNITS_OF_A_VALUE: Final = 32
_UNITS_OF_A_NUMBER: Final = 4
_LONGEST_NAME: Final = 1_024
_JSON_BEGINS: Final = ("{", "[", '"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A value without its secrets, and the secret texts, which must not appear anywhere else."""

    value: JsonValue
    secrets: frozenset[str]
    changed: bool  #: whether anything was hidden, even if too short to be among the secrets


async def redact(value: JsonValue, work: Work | None = None) -> Redacted:
    """Replace every value that is secret by its name or its form by a mark.

    Values within objects, arrays and JSON inside strings are found too; all others stay unchanged. The value is always
    redacted completely: a caller with one bound on its `work` for several values checks it between two of them.
    """
    work = work or Work()
    walk = _Walk(work)
    kept = await walk.value(value, 0)
    secrets = await _secrets(walk.hidden, work)
    return Redacted(value=kept, secrets=secrets, changed=bool(walk.hidden))


def withheld(value: JsonValue) -> JsonValue:
    """Return the replacement for a value that was not searched.

    It has the same JSON type: Synapse's SDK fails on a list in which a run has a text instead of an object.
    """
    match value:
        case dict():
            return {"(withheld)": WITHHELD}
        case list():
            return [WITHHELD]
        case _:
            return WITHHELD


def without_looks(error: CloudError) -> CloudError:
    """Cut what looks like a secret out of one of the gateway's own errors, which quote names but no values."""
    return error.model_copy(
        update={
            "message": patterns.cut(error.message),
            "target": patterns.cut_optional(error.target),
            "details": tuple(map(without_looks, error.details)),
        }
    )


class Cutter:
    """Cuts a fixed set of secrets out of any number of texts."""

    def __init__(self, search: Search, work: Work) -> None:
        self._search = search
        self._work = work

    @classmethod
    async def of(cls, secrets: Collection[str], work: Work | None = None) -> Self:
        """Return a cutter for these secrets. Beyond the bound of `work`, it withholds whole texts."""
        work = work or Work(_MOST_WORK)
        return cls(await Search.of(secrets, work), work)

    async def cut(self, text: str) -> str:
        """Replace the secrets, in any spelling, and everything that looks like one by a mark."""
        found = await self._search.spans(text, self._work)
        found += await _look(text, self._work)
        return WITHHELD if self._work.is_exceeded and text else patterns.mark(text, found)

    async def cut_error(self, error: CloudError) -> CloudError:
        """Cut the texts of an error; its code, which programs read, stays."""
        return error.model_copy(
            update={
                "message": await self.cut(error.message),
                "target": None if error.target is None else await self.cut(error.target),
                "details": tuple([await self.cut_error(detail) for detail in error.details]),
            }
        )


async def cut_error(error: CloudError, secrets: Collection[str]) -> CloudError:
    """Cut secrets out of the texts of an error."""
    return await (await Cutter.of(secrets)).cut_error(error)


class _Walk:
    """One walk through a value."""

    def __init__(self, work: Work) -> None:
        self.hidden: list[JsonValue] = []
        self._work = work

    async def value(self, value: JsonValue, depth: int) -> JsonValue:
        match value:
            case str() if len(value) <= PIECE and not _may_be_json(value):
                # The common case, without a further coroutine.
                if self._work.is_due(_UNITS_OF_A_VALUE + 2 * len(value)):
                    await asyncio.sleep(0)
                return self._hide(value) if any(patterns.spans(value)) else value
            case str():
                return await self._text(value, depth)
            case dict() | list() if depth >= MAX_DEPTH:
                return self._hide(value)
            case dict():
                return await self._object(value, depth)
            case list():
                return [await self.value(item, depth + 1) for item in value]
            case _:
                if self._work.is_due(_UNITS_OF_A_NUMBER):
                    await asyncio.sleep(0)
                return value

    async def _object(self, fields: dict[str, JsonValue], depth: int) -> dict[str, JsonValue]:
        kept: dict[str, JsonValue] = {}
        labelled = _labels_a_secret(fields)
        for name, value in fields.items():
            if self._work.is_due(_UNITS_OF_A_VALUE + min(len(name), _LONGEST_NAME)):
                await asyncio.sleep(0)
            safe_name = cut_name(name)
            if safe_name != name:
                self.hidden.append(name)
            if safe_name == MARK or is_secret(name) or (labelled and name.lower() == "value"):
                kept[safe_name] = self._hide(value)
            else:
                kept[safe_name] = await self.value(value, depth + 1)
        return kept

    async def _text(self, text: str, depth: int) -> JsonValue:
        try:
            inner = await _read_json(text, self._work)
            if inner is not None:
                text = await self._inner(text, inner, depth)
        except (ValueError, RecursionError):
            return self._hide(text)
        # JSON texts too: of a field that occurs twice, only the last one was parsed.
        return self._hide(text) if await _look(text, self._work) else text

    async def _inner(self, text: str, inner: JsonValue, depth: int) -> str:
        if depth >= MAX_DEPTH:
            raise RecursionError
        before = len(self.hidden)
        kept = await self.value(inner, depth + 1)
        if len(self.hidden) == before:
            return text
        written = json.dumps(kept, ensure_ascii=text.isascii(), separators=(",", ":"))
        await self._work.done(len(written) // 4)
        written.encode()  # half a surrogate pair, once unescaped, can't be stored
        return written

    def _hide(self, value: JsonValue) -> JsonValue:
        if value != MARK:  # otherwise it is already hidden
            self.hidden.append(value)
        return MARK


# The rows of a table all have the same names.
_cut_again: Final = lru_cache(maxsize=1_024)(patterns.cut)


def cut_name(name: str) -> str:
    """Cut what looks like a secret out of a field's name. A name of more than 1,024 characters is hidden."""
    return _cut_again(name) if len(name) <= _LONGEST_NAME else MARK


def _labels_a_secret(fields: dict[str, JsonValue]) -> bool:
    if "value" not in map(str.lower, fields):
        return False
    lower = {name.lower(): value for name, value in fields.items() if len(name) <= len("value")}
    labels = (lower.get(label) for label in LABELS)
    kind = lower.get("type")
    # Synapse writes its own secrets as {"type": "SecureString", "value": …}.
    return (isinstance(kind, str) and kind.lower() == "securestring") or any(
        isinstance(label, str) and is_secret(label) for label in labels
    )


async def _look(text: str, work: Work) -> list[tuple[int, int]]:
    """Find every stretch of a text that looks like a secret, piece by piece."""
    found: list[tuple[int, int]] = []
    for start in range(0, len(text), PIECE):
        if work.is_due(2 * min(len(text), PIECE)):
            await asyncio.sleep(0)
        found += patterns.spans(text, start, start + PIECE)
    return found


def _may_be_json(text: str) -> bool:
    return text.lstrip().startswith(_JSON_BEGINS)


async def _read_json(text: str, work: Work) -> Any:
    """Read JSON inside a string; None if it is not JSON. Raises ValueError or RecursionError beyond Python's limits."""
    if not _may_be_json(text):
        return None
    await work.done(len(text) // 4)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


async def _secrets(hidden: list[JsonValue], work: Work) -> frozenset[str]:
    """Return every text within the hidden values that could appear in an error."""
    found: set[str] = set()
    left = list(hidden)
    while left:
        if work.is_due(_UNITS_OF_A_VALUE):
            await asyncio.sleep(0)
        match left.pop():
            case str() as text:
                found.update([text, text.strip()])
                found.update(await _parts(text, work))
                left += await _inner_values(text, work)
            case dict() as fields:
                left += fields.keys()
                left += fields.values()
            case list() as items:
                left += items
            case bool() | None:
                pass  # "true" and "null" reveal nothing, and occur in many sentences
            case number:
                found.add(json.dumps(number))
    return frozenset(text for text in found if len(text) >= SHORTEST)


async def _parts(text: str, work: Work) -> list[str]:
    """Return the parts of a hidden text that are secret by themselves."""
    parts = [text[start:end] for start, end in await _look(text, work)]
    scheme, _, credentials = text.strip().partition(" ")
    if scheme.lower() in SCHEMES:
        parts.append(credentials.strip())
    lines = text.splitlines()
    if len(lines) > 1:
        parts += [line.strip() for line in lines]
        await work.done(16 * len(lines))
    return parts


async def _inner_values(text: str, work: Work) -> list[JsonValue]:
    try:
        inner = await _read_json(text, work)
    except (ValueError, RecursionError):
        return []
    return [] if inner is None else [inner]
