"""Reads the data of an event from its bytes, as JSON or text by its media type.

| media type                       | data                                                    |
|----------------------------------|---------------------------------------------------------|
| `…/json`, `…+json`, `text/…`     | decoded by its charset                                  |
| the same with an unknown charset | the bytes in base64, so that no event is lost           |
| none                             | JSON, if it is valid                                    |
| any other                        | none; an expression finds the bytes as `data_base64`    |
"""

import base64
import codecs
import json
import re
from typing import Final

from pydantic import JsonValue

from shared.kernel import strict_json
from shared.kernel.strict_json import Unreadable

_CHARSET: Final = re.compile(r';[ \t]*charset[ \t]*=[ \t]*"?([^;"]*)', re.IGNORECASE)
# IANA's names of charsets that Python decodes. Python also has codecs that are not charsets (punycode, in quadratic
# time), and it caches every name that it is asked for.
_KNOWN: Final = re.compile(
    r"utf-?8|utf-?(16|32)([-_]?[lb]e)?|(us-)?ascii|iso[-_]?8859-\d\d?|latin-?1|(windows-|cp)\d{3,4}"
    r"|koi8-[ru]|shift_jis|euc-(jp|kr)|gb(k|2312|18030)|big5",
    re.IGNORECASE | re.ASCII,
)


def read(content: bytes, media_type: JsonValue) -> JsonValue:
    """Read the data. Raises `Unreadable` if the bytes don't match the media type."""
    kind, _, parameters = media_type.partition(";") if isinstance(media_type, str) else ("", "", "")
    kind = kind.strip().lower()
    is_json = media_type is None or kind.endswith(("/json", "+json"))
    if not is_json and not kind.startswith("text/"):
        return None
    text = _decode(content, _charset(f";{parameters}"), is_json=is_json)
    if text is None:
        return base64.b64encode(content).decode()
    return strict_json.read(text) if is_json else text


def _charset(parameters: str) -> str | None:
    found = _CHARSET.search(parameters)
    return found[1].strip() or None if found else None


def _decode(content: bytes, charset: str | None, *, is_json: bool) -> str | None:
    """Decode the bytes; None if their charset is not known."""
    codec = _codec(charset) if charset else json.detect_encoding(content) if is_json else "utf-8"
    if codec is None:
        return None
    try:
        return content.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if charset is None and not is_json:
            return None
        msg = f"The content is not {(charset or 'utf-8').upper()} (byte {error.start})."
        raise Unreadable(msg) from error


def _codec(charset: str) -> str | None:
    try:
        return codecs.lookup(charset).name if _KNOWN.fullmatch(charset) else None
    except LookupError:
        return None
