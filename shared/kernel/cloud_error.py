"""Errors in the one shape that callers see: Azure's CloudError body.

`read` accepts any error body. Synapse documents one shape and answers with several; the recorded ones are

    {"error": {"code": …, "message": …, "target": …, "details": null}}    cancel of an unknown run
    {"code": "PipelineNotFound", "message": …}                            azure-cli test_pipeline.yaml
    {"code": "BadRequest", "message": "ErrorCode=InvalidTemplate, ErrorMessage=…", "target": …,
     "details": null, "error": null}                                      kromerm/adfdataflowdocs #11

Proxies and gateways in front of it answer with shapes of their own: problem details (RFC 9457), OAuth's errors
(RFC 6749), OData's, HTML pages, or nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from shared.kernel import strict_json

MAX_CODE: Final = 128
MAX_TARGET: Final = 1024
MAX_MESSAGE: Final = 4096
MAX_EXCERPT: Final = 200
MAX_DETAILS: Final = 20  # of one error
MAX_LEVELS: Final = 4  # of errors within errors

CUT: Final = "…"  #: ends a text that was cut

_HALF: Final = re.compile(r"(<[^<>]*)?\ufffd*$")
# The markup of a page, with its scripts and styles, says nothing about the error.
_MARKUP: Final = re.compile(
    r"<(script|style)\b.*?(?:</\1\s*>|$)|<[^<>]*>", re.DOTALL | re.IGNORECASE
)
# The engine's own error inside the web front end's BadRequest.
_PAIR: Final = re.compile(
    r"\s*ErrorCode\s*=\s*([A-Za-z0-9_.-]{1,128})\s*,\s*ErrorMessage\s*=\s*(.*)", re.DOTALL
)


class Code(StrEnum):
    """The gateway's own error codes. Those of Synapse and of the storage service are passed on as text."""

    INVALID_JSON = "InvalidJson"
    INVALID_REQUEST = "InvalidRequest"
    REQUEST_TOO_LARGE = "RequestTooLarge"
    UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaType"
    UNKNOWN_WORKSPACE = "UnknownWorkspace"
    UNAUTHENTICATED = "Unauthenticated"
    NOT_PERMITTED = "NotPermitted"
    NOT_FOUND = "NotFound"
    INVALID_STATE = "InvalidState"
    REQUEST_ID_CONFLICT = "RequestIdConflict"
    REQUEST_EXPIRED = "RequestExpired"
    REQUEST_CANCELLED = "RequestCancelled"
    THROTTLED = "Throttled"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    DELIVERY_EXHAUSTED = "DeliveryExhausted"
    GATEWAY_UNAVAILABLE = "GatewayUnavailable"
    UNREADABLE_RESPONSE = "UnreadableResponse"  #: Synapse's answer has no code to pass on
    INVALID_SETTING = "InvalidSetting"  #: of an app setting, in the readiness report
    INVALID_CONFIGURATION = "InvalidConfiguration"  #: of gateway.json, in the readiness report
    RUN_FAILED = "RunFailed"  #: of an outcome
    RUN_CANCELLED = "RunCancelled"  #: of an outcome
    RUN_LOST = "RunLost"  #: of an outcome: Synapse knows no such run
    RUN_SEEN = "RunSeen"  #: a detail of OutcomeUnknown: a run that may be the request's


class CloudError(BaseModel):
    """One error of the gateway or of Synapse: `{code, message, target, details[]}`.

    The field names are those of Synapse's CloudErrorBody (azure-rest-api-specs,
    synapse/data-plane/Microsoft.Synapse/stable/2020-12-01/artifacts.json).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: str
    target: str | None = Field(default=None, exclude_if=lambda value: value is None)
    details: tuple["CloudError", ...] = Field(default=(), exclude_if=lambda value: not value)


def read(body: bytes, *, http_status: int) -> CloudError:
    """Read any bytes as an error; a missing or unreadable part is replaced by a sentence that says so.

    A message `ErrorCode=X, ErrorMessage=Y` is split: X becomes the code, since the code beside the message
    (BadRequest) only repeats the HTTP status.
    """
    if not body.removeprefix(b"\xef\xbb\xbf").strip():
        message = f"Synapse answered HTTP {http_status} without a body."
        return CloudError(code=Code.UNREADABLE_RESPONSE, message=message)
    try:
        content = strict_json.parse(body)
    except strict_json.Unreadable:
        return unreadable(body, http_status=http_status)
    return _read(content, http_status, MAX_LEVELS) or unreadable(body, http_status=http_status)


def is_documented(body: bytes) -> bool:
    """Return whether a body is a CloudError as Synapse writes it: code and message as texts, flat or in `error`."""
    try:
        content = strict_json.parse(body)
    except strict_json.Unreadable:
        return False
    inner = content.get("error")
    fields = inner if isinstance(inner, dict) else content
    return all(isinstance(fields.get(name), str) and fields[name] for name in ("code", "message"))


def unreadable(body: bytes, *, http_status: int) -> CloudError:
    """Return the error for an answer in no known shape; its message quotes the beginning of the text."""
    start = body[:4096].decode(errors="replace").lstrip("\ufeff")
    if len(body) > 4096:
        # Half a character or half a tag at the end could hide the beginning of a secret from the search.
        start = _HALF.sub("", start) + CUT
    excerpt = clean(_plain(start), MAX_EXCERPT)
    message = f"Synapse answered HTTP {http_status} with a body that can't be understood"
    return CloudError(
        code=Code.UNREADABLE_RESPONSE, message=f"{message}: {excerpt}" if excerpt else f"{message}."
    )


def _read(content: Mapping[str, Any], http_status: int, levels: int) -> CloudError | None:
    """Read one error; None if it has neither code nor message."""
    fields = {name.lower(): value for name, value in content.items()}  # ASP.NET writes "Message"
    inner = fields.get("error") or fields.get("odata.error")
    if isinstance(inner, dict) and (found := _read(inner, http_status, levels - 1)):
        return found
    if levels < 1:
        return None
    code, message = _code(fields), _message(fields)
    if not code and not message:
        return None
    if pair := _PAIR.fullmatch(message):
        code, message = pair[1], pair[2]
    return CloudError(
        code=code or Code.UNREADABLE_RESPONSE,
        message=message or f"Synapse answered HTTP {http_status} without a message.",
        target=_text(fields.get("target"), MAX_TARGET) or None,
        details=_details(fields, http_status, levels - 1),
    )


def _code(fields: Mapping[str, Any]) -> str:
    oauth = fields.get("error") if "error_description" in fields else None
    return _text(fields.get("code") or oauth, MAX_CODE)


def _message(fields: Mapping[str, Any]) -> str:
    """Return the message, OAuth's description, or the title and detail of problem details."""
    problem = [
        text for name in ("title", "detail") if (text := _text(fields.get(name), MAX_MESSAGE))
    ]
    said = _text(fields.get("message"), MAX_MESSAGE)
    said = said or _text(fields.get("error_description"), MAX_MESSAGE)
    return said or clean(": ".join(problem), MAX_MESSAGE)


def _details(fields: Mapping[str, Any], http_status: int, levels: int) -> tuple[CloudError, ...]:
    """Read inner errors: by the specification each detail is wrapped in its own "error"."""
    items = [*_listed(fields.get("details")), fields.get("innererror"), *_by_field(fields)]
    errors = (_detail(item, http_status, levels) for item in items[:MAX_DETAILS])
    return tuple(error for error in errors if error)


def _by_field(fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the `errors` of ASP.NET's problem details, which are messages by field name."""
    errors = fields.get("errors")
    for name, messages in errors.items() if isinstance(errors, dict) else ():
        yield from ({"message": message, "target": name} for message in _listed(messages))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _detail(item: Any, http_status: int, levels: int) -> CloudError | None:
    if isinstance(item, dict):
        return _read(item, http_status, levels)
    message = _text(item, MAX_MESSAGE)
    if not message or levels < 1:
        return None
    return CloudError(code=Code.UNREADABLE_RESPONSE, message=message)


def _text(value: Any, longest: int) -> str:
    """Return any JSON value as clean text; an empty text for null."""
    match value:
        case None:
            return ""
        case str():
            return clean(value, longest)
        case {"value": str(text)}:  # OData: {"lang": "en-us", "value": "…"}
            return clean(text, longest)
        case _:
            return clean(json.dumps(value, ensure_ascii=False), longest)


def as_quoted(text: str) -> tuple[str, str]:
    """Return the forms that a text takes within a message, and within the excerpt of an unreadable body."""
    if text.isprintable() and " " not in text and "<" not in text:
        return text, text  # the common case, kept fast: there may be thousands of secrets to find
    return _printable(text), _printable(_plain(text))


def clean(text: str, longest: int) -> str:
    """Cut a text to `longest` characters, without the control characters that a log or a table can't hold."""
    short = text if len(text) <= longest else text[: longest - 1] + CUT
    return _printable(short).strip()


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)


def _plain(text: str) -> str:
    return " ".join(_MARKUP.sub(" ", text).split())
