"""Reads the headers of an HTTP call.

The platform's mapping ignores the case of names and lists them in lower case. It joins the values of a repeated header
with commas, so that one never looks like a single value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.validation import fault
from shared.runs.request import REQUEST_ID, TRACEPARENT, unfit_id

#: Azure's load balancer cuts a call at 230 s (learn, functions-scale); the response must be sent before that.
LONGEST_WAIT: Final = 200

# RFC 9110, section 5.6.
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"  # noqa: S105 - the name of a piece of grammar
_QUOTED: Final = r'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*+"'
_SPACE: Final = r"[ \t]*+"
_VALUE: Final = rf"{_TOKEN}(?:{_SPACE}={_SPACE}(?:{_TOKEN}|{_QUOTED})?)?"
# RFC 7240, section 2, with the empty elements that RFC 9110 allows in any list.
_PREFERENCE: Final = re.compile(
    rf"{_SPACE}(?:(?P<name>{_TOKEN})(?:{_SPACE}={_SPACE}(?P<value>{_TOKEN}|{_QUOTED})?)?"
    rf"(?:{_SPACE};{_SPACE}(?:{_VALUE})?)*)?{_SPACE}(?:,|\Z)"
)
# RFC 8941, section 3.3.3: a string that holds a requestId needs no escapes.
_QUOTED_KEY: Final = re.compile(r'"([^"\\]*)"')
# The last part counts outcomes, which change how a request is shown, not the state that a rerun depends on.
_ENTITY_TAG: Final = re.compile(
    r'"(?P<tag>(?P<generation>[1-9][0-9]{0,9})-[0-9a-f]{16})(-[1-9][0-9]{0,9})?"'
)
# RFC 6839, section 3.1: a type with this suffix is JSON.
_JSON_BASED: Final = re.compile(r"application/[!#$&^_.0-9a-z-]+\+json")
# What an error may quote: a media type, a charset or a compression, and nothing that could be a secret.
_NAME: Final = re.compile(
    r'[a-z]+/[a-z0-9.+_-]{1,80}|charset="?[a-z0-9_-]{1,40}"?|[a-z]{1,20}', re.IGNORECASE
)
_UTF_8: Final = re.compile(rf'{_SPACE}charset="?utf-8"?{_SPACE}', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """The preferences of a caller (RFC 7240) that the gateway honours."""

    respond_async: bool = False
    wait: int | None = None  #: seconds

    @property
    def at_once(self) -> bool:
        """Whether to record the request and answer at once. With a wait, `respond-async` applies after it."""
        return self.respond_async and not self.wait

    def applied(self) -> dict[str, str]:
        """Return the Preference-Applied header, if any preference was honoured."""
        names = ("respond-async",) if self.respond_async else ()
        waits = () if self.wait is None else (f"wait={self.wait}",)
        text = ", ".join((*names, *waits))
        return {"Preference-Applied": text} if text else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The state of a record that `If-Match` names."""

    tag: str  #: without its quotes
    generation: int


def media_fault(headers: Mapping[str, str]) -> CloudError | None:
    """Return why a body of this type can't be read; None for JSON in UTF-8, and if no type is given."""
    kind, *parameters = headers.get("content-type", "").split(";")
    name = kind.strip().lower()
    is_json = name in {"", "application/json", "text/json"} or _JSON_BASED.fullmatch(name)
    charsets = [each.strip() for each in parameters if each.strip().lower().startswith("charset")]
    other = next((each for each in charsets if not _UTF_8.fullmatch(each)), None)
    if not is_json or other is not None:
        came = name if other is None or not is_json else other
        message = f"The content should be application/json in UTF-8, not {_shown(came)}."
        return _unsupported(message, "content-type")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        message = f"The content should not be compressed; its encoding is {_shown(encoding)}."
        return _unsupported(message, "content-encoding")
    return None


def _shown(came: str) -> str:
    """Return the value if it has the form of a name, else a placeholder."""
    return came.lower() if _NAME.fullmatch(came) else "something else"


def idempotency_key(headers: Mapping[str, str]) -> str | CloudError | None:
    """Read Idempotency-Key: a quoted string as in the IETF draft, or a bare value. None if absent."""
    given = headers.get("idempotency-key")
    if given is None:
        return None
    text = given.strip(" \t")
    quoted = _QUOTED_KEY.fullmatch(text)
    key = quoted[1] if quoted else text
    target = "$.headers.idempotency-key"
    if not re.fullmatch(REQUEST_ID.strip("^$"), key):
        return fault(target, "The value should be one requestId, quoted or bare.")
    unfit = unfit_id(key)
    return fault(target, unfit) if unfit else key


def preference(headers: Mapping[str, str]) -> Preference | CloudError:
    """Read Prefer. Unknown preferences are ignored, as RFC 7240 requires."""
    given = headers.get("prefer", "")
    named: dict[str, str] = {}
    at = 0
    while at < len(given):
        found = _PREFERENCE.match(given, at)
        if found is None:
            return _absurd("The value should be a list of preferences, as respond-async, wait=30.")
        at = found.end()
        if found["name"]:  # RFC 7240: the first of a repeated preference counts
            named.setdefault(found["name"].lower(), (found["value"] or "").strip('"'))
    wait, respond_async = named.get("wait"), named.get("respond-async")
    if wait is not None and not re.fullmatch(r"[0-9]{1,9}", wait):
        return _absurd("The preference wait should be a whole number of seconds.")
    if respond_async:
        return _absurd("The preference respond-async has no value.")
    return Preference(
        respond_async=respond_async is not None,
        wait=None if wait is None else min(int(wait), LONGEST_WAIT),
    )


def wait(headers: Mapping[str, str]) -> int | CloudError:
    """Read how many seconds a caller wants to wait for an answer."""
    given = preference(headers)
    return given if isinstance(given, CloudError) else given.wait or 0


def if_match(headers: Mapping[str, str]) -> Expected | CloudError | None:
    """Read If-Match: one ETag of this API. None if absent."""
    given = headers.get("if-match")
    if given is None:
        return None
    found = _ENTITY_TAG.fullmatch(given.strip(" \t"))
    if found is None:
        return fault("$.headers.if-match", "The value should be the one ETag of this request.")
    return Expected(tag=found["tag"], generation=int(found["generation"]))


def is_unchanged(headers: Mapping[str, str], tag: str) -> bool:
    """Return whether If-None-Match names this state, by the weak comparison that RFC 9110 requires for GET."""
    given = headers.get("if-none-match", "")
    tags = (each.strip(" \t").removeprefix("W/") for each in given.split(","))
    return given.strip(" \t") == "*" or tag in tags


def traceparent(headers: Mapping[str, str]) -> str | None:
    """Read the trace that a call continues; an invalid one is ignored (W3C Trace Context, 3.2.2.5)."""
    given = headers.get("traceparent", "")
    return given if re.fullmatch(TRACEPARENT, given) else None


def _absurd(message: str) -> CloudError:
    return fault("$.headers.prefer", message)


def _unsupported(message: str, header: str) -> CloudError:
    return CloudError(
        code=Code.UNSUPPORTED_MEDIA_TYPE, message=message, target=f"$.headers.{header}"
    )
