"""Which values may be kept, and what stands in the place of the others.

What names are secret is in `names`, what a secret looks like in `patterns`, and how it is found again in what
others say of it in `search`. Whatever can't be read (nested too deeply, a number with too many digits) is hidden,
since nothing can be said of what is in it.

All of it yields: it takes longer for a large value, and holds the event loop at no time for more than some milliseconds.
"""

import asyncio
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Self

from pydantic import JsonValue

from shared.kernel.cloud_error import CloudError
from shared.kernel.strict_json import MAX_DEPTH
from shared.kernel.work import Work
from shared.redaction import patterns
from shared.redaction.names import is_secret
from shared.redaction.patterns import MARK, PIECE
from shared.redaction.search import SHORTEST, Search

WITHHELD: Final = "(withheld: there is too much here to cut every secret out)"

#: The name of a field that names the value beside it: {"name": "apiKey", "value": …}, in any case.
LABELS: Final = ("name", "key")
#: Words before a credential: the error may quote the credential alone.
SCHEMES: Final = ("bearer", "basic", "token", "apikey", "sharedkey", "sharedaccesssignature")

# About a second's work: as much as an error's 21 texts and 57,000 secrets take, ten times over.
_MOST_WORK: Final = 40_000_000
_UNITS_OF_A_VALUE: Final = 32
_UNITS_OF_A_NUMBER: Final = 4
_LONGEST_NAME: Final = 1_024
_JSON_BEGINS: Final = ("{", "[", '"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A value without its secrets, and the texts that must appear nowhere else."""

    value: JsonValue
    secrets: frozenset[str]
    changed: bool  #: also true where what was hidden is too short to be among the secrets


async def redact(value: JsonValue, work: Work | None = None) -> Redacted:
    """Put a mark in the place of every value that is secret by its name or its look.

    Values within objects, arrays and JSON inside strings are found too; what isn't secret stays as it is.

    Args:
        value: any JSON value.
        work: counts what is done, for a caller that has several values and a bound for all of them. It is the
            caller's to ask between two values whether the bound is exceeded: each value is redacted completely.
    """
    work = work or Work()
    walk = _Walk(work)
    kept = await walk.value(value, 0)
    secrets = await _secrets(walk.hidden, work)
    return Redacted(value=kept, secrets=secrets, changed=bool(walk.hidden))


def withheld(value: JsonValue) -> JsonValue:
    """Give what stands in the place of a value that nobody looked through.

    It is of the same kind: Synapse's SDK fails on a list of which one run has a text in the place of an object.
    """
    match value:
        case dict():
            return {"(withheld)": WITHHELD}
        case list():
            return [WITHHELD]
        case _:
            return WITHHELD


def without_looks(error: CloudError) -> CloudError:
    """Cut what looks like a secret out of an error of the gateway's own, which quotes names alone."""
    return error.model_copy(
        update={
            "message": patterns.cut(error.message),
            "target": patterns.cut_optional(error.target),
            "details": tuple(map(without_looks, error.details)),
        }
    )


class Cutter:
    """Cuts the same secrets out of any number of texts."""

    def __init__(self, search: Search, work: Work) -> None:
        self._search = search
        self._work = work

    @classmethod
    async def of(cls, secrets: Collection[str], work: Work | None = None) -> Self:
        """Cut these secrets. Beyond the bound of the work, texts are withheld."""
        work = work or Work(_MOST_WORK)
        return cls(await Search.of(secrets, work), work)

    async def cut(self, text: str) -> str:
        """Put a mark in the place of the secrets, however they are spelled, and of all that looks like one."""
        found = await self._search.spans(text, self._work)
        found += await _look(text, self._work)
        return WITHHELD if self._work.is_exceeded and text else patterns.mark(text, found)

    async def cut_error(self, error: CloudError) -> CloudError:
        """Cut an error's texts; its code is for programs, and stays."""
        return error.model_copy(
            update={
                "message": await self.cut(error.message),
                "target": None if error.target is None else await self.cut(error.target),
                "details": tuple([await self.cut_error(detail) for detail in error.details]),
            }
        )


async def cut(text: str, secrets: Collection[str]) -> str:
    """Cut secrets out of a text."""
    return await (await Cutter.of(secrets)).cut(text)


async def cut_error(error: CloudError, secrets: Collection[str]) -> CloudError:
    """Cut secrets out of what an error says."""
    return await (await Cutter.of(secrets)).cut_error(error)


class _Walk:
    """One walk through a value."""

    def __init__(self, work: Work) -> None:
        self.hidden: list[JsonValue] = []
        self._work = work

    async def value(self, value: JsonValue, depth: int) -> JsonValue:
        match value:
            case str() if len(value) <= PIECE and not _may_be_json(value):
                # Most values: without another coroutine for each.
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
        # Also where it was JSON: of a field that is written twice, only one was seen.
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
        if value != MARK:  # else it was hidden before
            self.hidden.append(value)
        return MARK


def cut_name(name: str) -> str:
    """Cut what looks like a secret out of a field's name. A name too long to be one is content, and is hidden."""
    return patterns.cut(name) if len(name) <= _LONGEST_NAME else MARK


def _labels_a_secret(fields: dict[str, JsonValue]) -> bool:
    lower = {name.lower(): value for name, value in fields.items() if len(name) <= len("value")}
    if "value" not in lower:
        return False
    labels = (lower.get(label) for label in LABELS)
    kind = lower.get("type")
    # Synapse writes secrets of its own as {"type": "SecureString", "value": …}.
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
    """Read JSON inside a string; None if it is none. Raises ValueError or RecursionError if it is too much."""
    if not _may_be_json(text):
        return None
    await work.done(len(text) // 4)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


async def _secrets(hidden: list[JsonValue], work: Work) -> frozenset[str]:
    """Take apart what was hidden: every text in it that could turn up in an error."""
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
                pass  # "true" and "null" tell nothing, and stand in many sentences
            case number:
                found.add(json.dumps(number))
    return frozenset(text for text in found if len(text) >= SHORTEST)


async def _parts(text: str, work: Work) -> list[str]:
    """Give the parts of a hidden text that are secret by themselves."""
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
