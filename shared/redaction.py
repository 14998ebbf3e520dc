"""Which values may be kept, and what stands in their place?

What names are secret is in `secret_name`, what a secret looks like in `secret_look`. Whatever can't be
read (nested too deeply, a number with too many digits) is hidden, for nobody can tell what is in it.
"""

import base64
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from pydantic import JsonValue

from shared import secret_look
from shared.cloud_error import CUT, CloudError, as_told
from shared.json_object import MAX_DEPTH
from shared.secret_look import MARK
from shared.secret_name import is_secret

SHORTEST: Final = (
    4  #: a shorter text is found in every sentence, and to cut it would tell what it is
)
WITHHELD: Final = "(withheld: the request holds too many secrets to cut each out of this text)"

# Characters of text times texts to cut: about a second's work.
_MOST_WORK: Final = 2_000_000_000
# In an object as {"name": "apiKey", "value": …} the name of the value is beside it.
_LABELS: Final = ("name", "key")
_JSON_BEGINS: Final = ("{", "[", '"')
# System.Text.Json's default encoder escapes these for the sake of HTML.
_DOTNET_ESCAPES: Final = {ord(char): f"\\u{ord(char):04X}" for char in "&<>'+`"}
_URL_SAFE: Final = str.maketrans("+/", "-_")
_ESCAPED: Final = re.compile(r"%[0-9A-F]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A value without its secrets, and the texts that must appear nowhere else."""

    value: JsonValue
    secrets: frozenset[str]
    changed: bool  #: also true where what was hidden is too short to be among the secrets


def redact(value: JsonValue) -> Redacted:
    """Put a mark in the place of every value that is secret by its name or its look.

    Values within objects, arrays and JSON inside strings are found too; what isn't secret stays as it is.
    """
    hidden: list[JsonValue] = []
    kept = _redact(value, hidden, 0)
    secrets = frozenset(text for text in _texts(hidden) if len(text) >= SHORTEST)
    return Redacted(value=kept, secrets=secrets, changed=bool(hidden))


def cut(text: str, secrets: frozenset[str]) -> str:
    """Put a mark in the place of these secrets, however they are escaped, and of all that looks like one."""
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    if len(forms) * len(text) > _MOST_WORK:
        return WITHHELD
    for form in forms:  # the longest first, so that no secret is cut apart by a shorter one
        text = text.replace(form, MARK)
    return secret_look.cut(_cut_end(text, forms))


def _cut_end(text: str, forms: list[str]) -> str:
    """Of a text that was cut to size, mark its end where a secret begins there and is cut with it."""
    if not text.endswith(CUT):
        return text
    end = len(text) - len(CUT)
    begins = (_beginning(text, end, form) for form in forms)
    at = min((found for found in begins if found >= 0), default=end)
    return text if at == end else text[:at] + MARK + CUT


def _beginning(text: str, end: int, form: str) -> int:
    """Find where the rest of a text is the beginning of a secret; -1 if it is nowhere."""
    at = text.find(form[:SHORTEST], max(0, end - len(form)), end)
    while at >= 0 and not form.startswith(text[at:end]):
        at = text.find(form[:SHORTEST], at + 1, end)
    return at


def cut_error(error: CloudError, secrets: frozenset[str]) -> CloudError:
    """Cut secrets out of what an error tells people; its code is for programs, and stays."""
    return error.model_copy(
        update={
            "message": cut(error.message, secrets),
            "target": None if error.target is None else cut(error.target, secrets),
            "details": tuple(cut_error(detail, secrets) for detail in error.details),
        }
    )


def _redact(value: JsonValue, hidden: list[JsonValue], depth: int) -> JsonValue:
    match value:
        case str():
            return _redact_text(value, hidden, depth)
        case dict() | list() if depth >= MAX_DEPTH:
            return _hide(value, hidden)
        case dict():
            return _redact_object(value, hidden, depth)
        case list():
            return [_redact(item, hidden, depth + 1) for item in value]
        case _:
            return value


def _redact_object(
    fields: dict[str, JsonValue], hidden: list[JsonValue], depth: int
) -> dict[str, JsonValue]:
    kept: dict[str, JsonValue] = {}
    labelled = _labels_a_secret(fields)
    for name, value in fields.items():
        safe_name = secret_look.cut(name)
        if safe_name != name:
            hidden.append(name)
        if is_secret(name) or (labelled and name == "value"):
            kept[safe_name] = _hide(value, hidden)
        else:
            kept[safe_name] = _redact(value, hidden, depth + 1)
    return kept


def _labels_a_secret(fields: dict[str, JsonValue]) -> bool:
    if "value" not in fields:
        return False
    labels = (fields.get(label) for label in _LABELS)
    # Synapse writes secrets of its own as {"type": "SecureString", "value": …}.
    return fields.get("type") == "SecureString" or any(
        isinstance(label, str) and is_secret(label) for label in labels
    )


def _redact_text(text: str, hidden: list[JsonValue], depth: int) -> JsonValue:
    try:
        inner = _read_json(text)
        if inner is not None:
            text = _redact_inner(text, inner, hidden, depth)
    except (ValueError, RecursionError):
        return _hide(text, hidden)
    # Also where it was JSON: of a field that is written twice, only one was seen.
    return _hide(text, hidden) if any(secret_look.spans(text)) else text


def _redact_inner(text: str, inner: JsonValue, hidden: list[JsonValue], depth: int) -> str:
    if depth >= MAX_DEPTH:
        raise RecursionError
    before = len(hidden)
    kept = _redact(inner, hidden, depth + 1)
    if len(hidden) == before:
        return text
    written = json.dumps(kept, ensure_ascii=text.isascii(), separators=(",", ":"))
    written.encode()  # half a surrogate pair, once unescaped, can't be stored
    return written


def _read_json(text: str) -> Any:
    """Read JSON inside a string; None if it is none. Raises ValueError or RecursionError if it is too much."""
    if not text.lstrip().startswith(_JSON_BEGINS):
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def _hide(value: JsonValue, hidden: list[JsonValue]) -> JsonValue:
    if value != MARK:  # else it was hidden before
        hidden.append(value)
    return MARK


def _texts(hidden: list[JsonValue]) -> Iterator[str]:
    """Take apart what was hidden: every text in it that could turn up in an error."""
    left = list(hidden)
    while left:
        match left.pop():
            case str() as text:
                yield from (text, text.strip())
                yield from (text[start:end] for start, end in secret_look.spans(text))
                left += _inner(text)
            case dict() as fields:
                left += fields.values()
            case list() as items:
                left += items
            case bool() | None:
                pass  # "true" and "null" tell nothing, and stand in many sentences
            case number:
                yield json.dumps(number)


def _inner(text: str) -> list[JsonValue]:
    try:
        inner = _read_json(text)
    except (ValueError, RecursionError):
        return []
    return [] if inner is None else [inner]


def _forms(secret: str) -> Iterator[str]:
    """Spell a secret as it may stand in an error: plain, in JSON, in a URL, in HTML, in base64."""
    data = secret.encode(errors="surrogatepass")
    in_json = json.dumps(secret, ensure_ascii=False)[1:-1]
    in_url = quote(data, safe="")
    in_html = html.escape(secret)
    in_base64 = base64.b64encode(data).decode().rstrip("=")
    # Without its last, incomplete group it is found at the beginning of a longer text as well.
    within_base64 = base64.b64encode(data[: len(data) // 3 * 3]).decode()
    forms = (
        secret,
        unquote(secret),
        in_json,
        json.dumps(secret)[1:-1],
        in_json.translate(_DOTNET_ESCAPES),
        in_url,
        in_url.replace("%20", "+"),
        _ESCAPED.sub(lambda escaped: escaped[0].lower(), in_url),
        quote(data),
        in_html,
        in_html.replace("&#x27;", "&#39;"),
        html.escape(secret, quote=False),
        *(form.translate(to) for form in (in_base64, within_base64) for to in ({}, _URL_SAFE)),
    )
    told = (form for each in set(forms) for form in (each, *as_told(each)))
    return (form for form in told if len(form) >= SHORTEST and form.strip("*"))
