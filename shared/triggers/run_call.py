"""Reads the headers and body of `POST /api/runs` as one request, or every error at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import azure.functions as func

from shared.api import headers
from shared.api.headers import Preference
from shared.kernel import validation
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.query import present
from shared.runs.request import (
    HTTP_LIMIT,
    Content,
    Follow,
    Rejection,
    Resume,
    RunRequest,
    decode,
    refuse,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCall:
    """A request and its caller's preferences."""

    request: RunRequest
    preference: Preference
    until_outcome: bool = False  #: whether the caller waits for the end of the run


def read(request: func.HttpRequest, call_id: str) -> RunCall | Rejection:
    """Read a call; `call_id` is the request's id if the call has none."""
    body = request.get_body()
    media = headers.media_fault(request.headers)
    if media is not None:
        return Rejection(error=media, request_id=call_id, content=Content.of(body))
    key = headers.idempotency_key(request.headers)
    preference = headers.preference(request.headers)
    given_id = None if isinstance(key, CloudError) else key
    asked = decode(body, default_id=call_id, limit=HTTP_LIMIT, given_id=given_id)
    until = _until(request.params)
    wrong = [each for each in (key, preference, until) if isinstance(each, CloudError)]
    if isinstance(asked, Resume | Follow):
        asked = _foreign(asked, call_id)
    if isinstance(asked, Rejection):
        return _with_faults(asked, wrong)
    if until is True and asked.follow is False:
        wrong.append(validation.fault("$.follow", "until=outcome needs a run that is followed."))
    if isinstance(preference, CloudError) or wrong:
        return refuse(asked, validation.invalid(wrong))
    update: dict[str, object] = {
        "traceparent": asked.traceparent or headers.traceparent(request.headers)
    }
    if until is True:
        update["follow"] = True
    return RunCall(
        request=asked.model_copy(update=update), preference=preference, until_outcome=until is True
    )


def _until(query: Mapping[str, str]) -> bool | CloudError:
    """Return whether the caller waits for the outcome of the run."""
    given = dict(present(query.items(), ("until",))).get("until")
    if given in {None, "outcome"}:
        return given is not None
    return validation.fault("$.query.until", "The value should be outcome.")


def _foreign(message: Resume | Follow, call_id: str) -> Rejection:
    text = "The field is reserved for the gateway's own queue messages."
    field, named = ("resume", message.resume) if isinstance(message, Resume) else ("token", call_id)
    return Rejection(
        error=validation.invalid([validation.fault(f"$.{field}", text)]), request_id=named
    )


def _with_faults(rejection: Rejection, wrong: list[CloudError]) -> Rejection:
    """Report the errors of the headers with those of the body."""
    error = rejection.error
    if not wrong:
        return rejection
    if error.code == Code.INVALID_REQUEST:
        return replace(rejection, error=validation.invalid([*wrong, *error.details]))
    return replace(rejection, error=error.model_copy(update={"details": tuple(wrong)}))
