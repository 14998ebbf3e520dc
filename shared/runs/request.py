"""Reads any bytes as a run request, one of the gateway's own messages, or every error at once."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    WithJsonSchema,
)

from shared.kernel import strict_json, timestamp, validation
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.validation import fault
from shared.runs.delivery import Delivery

HTTP_LIMIT: Final = 512 * 1024
KEPT_LIMIT: Final = 768 * 1024  # of a request as its record keeps it: an entity holds 1 MiB
QUEUE_LIMIT: Final = 64 * 1024
# For notBefore: a record keeps its request's secrets until then.
MAX_AHEAD: Final = timedelta(days=30)
MAX_PARAMETERS: Final = 50  # per pipeline: azure-docs, includes/synapse-analytics-limits.md
RESERVED_PREFIXES: Final = ("msg-", "evt-")
DOTS: Final = (".", "..")  # RFC 3986, section 5.2.4: a URL loses them

# The specification's own pattern: azure-rest-api-specs, Microsoft.Synapse/stable/2020-12-01/pipelines.json.
PIPELINE_NAME: Final = r"^[A-Za-z0-9_][^<>*#.%&:\\+?/]*$"
REQUEST_ID: Final = r"^[A-Za-z0-9._~:@+=-]{1,200}$"
# The beginning of an id that a sender may not use: see `unfit_id`.
UNFIT_ID: Final = r"msg-|evt-|\.{1,2}$"
#: W3C Trace Context, 3.2.
TRACEPARENT: Final = "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

_BEYOND: Final = "Value should be a date-time within the years 1 to 9999 in UTC"


def _read_time(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        msg = "Value should be an RFC 3339 date-time with an offset, such as 2026-11-24T08:30:00Z"
        raise ValueError(msg)
    try:
        return timestamp.read(value)
    except OverflowError as error:
        raise ValueError(_BEYOND) from error


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(_BEYOND) from error


Time = Annotated[
    datetime,
    BeforeValidator(_read_time),
    AfterValidator(_to_utc),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Text = Annotated[str, Field(min_length=1, max_length=260)]


def _offer_request_id(schema: dict[str, Any]) -> None:
    # Senders may omit it or send null: `decode` fills it in, so it is never missing in the model.
    schema["required"].remove("requestId")
    own = schema["properties"]["requestId"]
    named = {name: own.pop(name) for name in ("type", "pattern")}
    own["anyOf"] = [named | {"not": {"pattern": f"^({UNFIT_ID})"}}, {"type": "null"}]


class RunRequest(BaseModel):
    """One request for one pipeline run, as senders write it (camelCase JSON)."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", json_schema_extra=_offer_request_id
    )

    pipeline_name: str = Field(
        alias="pipelineName", min_length=1, max_length=260, pattern=PIPELINE_NAME
    )
    request_id: str = Field(
        alias="requestId", pattern=REQUEST_ID, description="The idempotency key."
    )
    workspace: Text | None = None
    parameters: dict[str, JsonValue] | None = Field(default=None, max_length=MAX_PARAMETERS)
    reference_pipeline_run_id: Text | None = Field(default=None, alias="referencePipelineRunId")
    is_recovery: bool | None = Field(default=None, alias="isRecovery")
    start_activity_name: Text | None = Field(default=None, alias="startActivityName")
    not_before: Time | None = Field(
        default=None, alias="notBefore", description="At most 30 days ahead."
    )
    expires_at: Time | None = Field(default=None, alias="expiresAt")
    follow: bool | None = Field(
        default=None,
        description="Whether the run's end is reported; absent: as gateway.json and FOLLOW_RUNS say.",
    )
    correlation_id: str | None = Field(alias="correlationId", default=None, max_length=200)
    traceparent: str | None = Field(default=None, pattern=f"^{TRACEPARENT}$")
    tracestate: str | None = Field(default=None, max_length=512)

    def to_json(self) -> bytes:
        """Return the request as its record keeps it: UTF-8 JSON without absent fields."""
        # Not by model_dump: the parameters are JSON already, and it would copy them value by value.
        fields = {
            field.alias or name: value
            for name, field in type(self).model_fields.items()
            if (value := getattr(self, name)) is not None
        }
        text = json.dumps(
            fields, default=datetime.isoformat, ensure_ascii=False, separators=(",", ":")
        )
        return text.encode()


class Resume(BaseModel):
    """The gateway's own message: resume a recorded request, and answer `delivery`."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)

    resume: str = Field(pattern=REQUEST_ID)
    delivery: Delivery | None = None
    #: the caller, for the audit only: it grants nothing
    principal: str | None = Field(default=None, max_length=400)
    #: how often it has returned from the poison queue
    rounds: int = Field(default=0, ge=0)
    #: of that delivery's request, if not yet compared with the record's
    fingerprint: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    #: the traceparent of the visit that put it on the queue, if it was traced
    deferred_by: str | None = Field(default=None, alias="deferredBy", max_length=55)

    def to_json(self) -> str:
        """Return the message as it is enqueued."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


class Follow(BaseModel):
    """The gateway's own message: look at the open runs of a workspace. Its endpoint is in the chain's row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    follow: str = Field(pattern=r"^[0-9a-f]{64}$")  #: the workspace's key
    token: str = Field(min_length=1, max_length=100)

    def to_json(self) -> str:
        """Return the message as it is enqueued."""
        return self.model_dump_json()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The size in bytes and the SHA-256 in hex of a message that can't be read."""

    length: int
    sha256: str

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Measure a message."""
        return cls(length=len(body), sha256=hashlib.sha256(body).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A request that is not accepted: every fault, and the fields that could be read nevertheless."""

    error: CloudError
    request_id: str | None
    pipeline_name: str | None = None
    workspace: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    content: Content | None = None  #: of a message that could not be read
    may_run: bool = False  #: whether a run of it may exist nevertheless


def refuse(request: RunRequest, error: CloudError) -> Rejection:
    """Return the rejection of a readable request."""
    return Rejection(
        error=error,
        request_id=request.request_id,
        pipeline_name=request.pipeline_name,
        workspace=request.workspace,
        correlation_id=request.correlation_id,
        traceparent=request.traceparent,
    )


def with_ids(delivery: Delivery, request: RunRequest | Rejection) -> Delivery:
    """Return a delivery with the ids that its request carries."""
    return delivery.about(request.correlation_id, request.traceparent)


def decode(
    body: bytes, *, default_id: str, limit: int, given_id: str | None = None
) -> RunRequest | Resume | Follow | Rejection:
    """Read a request or one of the gateway's own messages from its bytes.

    Args:
        body: UTF-8 JSON, or base64 of it. A JSON object starts with `{`, which is not a base64 character, so the two
            can't be confused.
        default_id: the request's id if it names none.
        limit: the maximum size of a request in bytes.
        given_id: an id from outside the body (`Idempotency-Key`), with which the body's must agree.
    """
    content = Content.of(body)
    fallback = given_id or default_id
    value = read_object(body, limit=limit, may_be_base64=True)
    if isinstance(value, CloudError):
        return Rejection(error=value, request_id=fallback, content=content)
    if "resume" in value:
        return _read_own(Resume, value, fallback, content)
    if "token" in value and isinstance(value.get("follow"), str):  # in a request it is a bool
        return _read_own(Follow, value, fallback, content)
    return read_fields(value, fallback, content, given_id=given_id)


def read_object(
    body: bytes, *, limit: int = HTTP_LIMIT, may_be_base64: bool = False
) -> dict[str, Any] | CloudError:
    """Read a body of at most `limit` bytes as one JSON object, or return why it is none."""
    if len(body) > limit:
        return _too_large(f"The request has {len(body)} bytes; {limit} are allowed here.")
    try:
        return strict_json.parse(unwrap(body) if may_be_base64 else body)
    except strict_json.Unreadable as reason:
        return CloudError(code=Code.INVALID_JSON, message=str(reason))


def too_far_ahead(request: RunRequest, now: datetime) -> CloudError | None:
    """Return why a request's notBefore is refused at this time; None if it is acceptable."""
    if request.not_before is None or request.not_before - now <= MAX_AHEAD:
        return None
    text = f"The time should be at most {MAX_AHEAD.days} days ahead."
    return validation.invalid([fault("$.notBefore", text)])


def too_large_to_keep(request: RunRequest) -> CloudError | None:
    """Return why a request does not fit its record; None if it does.

    Numbers may grow when they are written again: 1e15 becomes 1000000000000000.0.
    """
    kept = len(request.to_json())
    if kept <= KEPT_LIMIT:
        return None
    return _too_large(f"The request needs {kept} bytes in storage; {KEPT_LIMIT} are allowed.")


def _too_large(message: str) -> CloudError:
    return CloudError(code=Code.REQUEST_TOO_LARGE, message=message)


def unwrap(body: bytes) -> bytes:
    """Return the JSON text of a content that may be base64. Raises `Unreadable`."""
    text = body.strip().removeprefix(b"\xef\xbb\xbf")
    if text.startswith((b"{", b"[")):  # an array is refused later, with a better message than here
        return text
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        msg = "The content is neither a JSON object nor base64 of one."
        raise strict_json.Unreadable(msg) from error


def _read_own[Message: BaseModel](
    kind: type[Message], value: dict[str, Any], fallback: str, content: Content
) -> Message | Rejection:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        wrong = validation.invalid(validation.of(error, kind))
        return Rejection(error=wrong, request_id=fallback, content=content)


def read_fields(
    value: dict[str, Any],
    fallback: str,
    content: Content,
    *,
    given_id: str | None = None,
    found: Sequence[CloudError] = (),
) -> RunRequest | Rejection:
    """Read a request from its fields, or every error at once.

    Args:
        value: the fields, named as in JSON.
        fallback: the request's id if the fields name none, or one that can't be used.
        content: what the fields were read from.
        given_id: an id that came beside the fields and must agree with theirs.
        found: errors that were found already.
    """
    named = value.get("requestId")
    faults = list(_cross_faults(value, given_id))
    request_id = fallback if named is None else named
    try:
        request = RunRequest.model_validate(value | {"requestId": request_id})
    except ValidationError as error:
        faults = [*found, *validation.of(error, RunRequest), *faults]
    else:
        faults = [*found, *faults]
        if request.not_before and request.expires_at and request.not_before >= request.expires_at:
            faults.append(fault("$.expiresAt", "The time should be after notBefore."))
        if not faults:
            outgrown = too_large_to_keep(request)
            return replace(refuse(request, outgrown), content=content) if outgrown else request
    readable = not any(fault.target == "$.requestId" for fault in faults)
    return Rejection(
        error=validation.invalid(faults),
        request_id=named if isinstance(named, str) and readable else fallback,
        pipeline_name=_salvage(value, "pipelineName", faults),
        workspace=_salvage(value, "workspace", faults),
        correlation_id=_salvage(value, "correlationId", faults),
        traceparent=_salvage(value, "traceparent", faults),
        content=content,
    )


def unfit_id(text: str) -> str | None:
    """Return why a sender may not use an id of the right form; None if it may."""
    if text.startswith(RESERVED_PREFIXES):
        return "The prefixes msg- and evt- are the gateway's own."
    if text in DOTS:
        return "The ids . and .. can't be used in a URL."
    return None


def is_of_event(request_id: str) -> bool:
    """Return whether an id derives from an event: whatever its rule has become, each delivery is of one event."""
    return request_id.startswith("evt-")  # no sender may use this prefix: see `unfit_id`


def _cross_faults(value: dict[str, Any], given_id: str | None) -> Iterator[CloudError]:
    """Yield the faults that concern several fields, to be reported together with those of single fields."""
    named = value.get("requestId")
    unfit = unfit_id(named) if isinstance(named, str) else None
    if unfit:
        yield fault("$.requestId", unfit)
    elif named is not None and given_id is not None and named != given_id:
        yield fault("$.requestId", "The value should agree with the Idempotency-Key header.")
    recovers = value.get("referencePipelineRunId") is not None
    if recovers and value.get("parameters"):
        text = "Synapse ignores parameters when referencePipelineRunId is given: omit one of them."
        yield fault("$.parameters", text)
    for name in ("isRecovery", "startActivityName"):
        if value.get(name) is not None and not recovers:
            yield fault(f"$.{name}", "The field requires referencePipelineRunId.")


def _salvage(value: dict[str, Any], name: str, faults: list[CloudError]) -> str | None:
    found = value.get(name)
    sound = isinstance(found, str) and not any(fault.target == f"$.{name}" for fault in faults)
    return found if sound else None
