"""Finds the rules that match an event, and the run request that each makes of it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue

from shared.config import expression, parameter_type
from shared.config.diagnostics import json_path
from shared.config.expression import Unusable
from shared.config.rule import Parameter, Rule
from shared.events.event import Event
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.glob import fits
from shared.kernel.validation import counted, fault
from shared.runs.request import HTTP_LIMIT, RunRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A rule that applies to an event, and its request or the error that says why there is none."""

    rule: str
    request_id: str
    pipeline_name: str
    workspace: str | None
    outcome: RunRequest | CloudError

    @property
    def principal(self) -> str:
        """The principal that asks for this run, as `access` names it."""
        return f"rule:{self.rule}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """A rule that doesn't apply to an event, and the first reason."""

    rule: str
    reason: str


class _Unfit(ValueError):
    """An expression found nothing for a required parameter, or a value of the wrong type."""


def match(rules: Sequence[Rule], event: Event, now: datetime) -> tuple[Matched, ...]:
    """Make the requests of all rules that apply to an event; each starts a run of its own."""
    return tuple(verdict for verdict in explain(rules, event, now) if isinstance(verdict, Matched))


def explain(rules: Sequence[Rule], event: Event, now: datetime) -> tuple[Matched | Unmatched, ...]:
    """Apply every rule, in order, to an event that arrives now; return what each makes of it."""
    document = event.document
    # A publisher's clock may be ahead of ours, and the time is optional.
    happened = now if event.time is None else min(event.time, now)
    return tuple(_judge(index, rule, event, document, happened) for index, rule in enumerate(rules))


def request_id(rule: str, event: Event) -> str:
    """Derive the idempotency key of a rule and an event: an event is known by its source and id."""
    identity = json.dumps([event.source, event.id]).encode()
    return f"evt-{rule}-{hashlib.sha256(identity).hexdigest()[:40]}"


def _judge(
    index: int, rule: Rule, event: Event, document: dict[str, JsonValue], happened: datetime
) -> Matched | Unmatched:
    try:
        reason = _filtered(rule, event) or _undesired(rule, document)
        if reason:
            return Unmatched(rule=rule.name, reason=reason)
        outcome = _make(index, rule, event, document, happened)
    except Unusable as error:
        # Whether the rule applies can't be known; that is an error, not a rule that doesn't match.
        outcome = _refusal(rule, [fault(json_path(("rules", index, "when")), str(error))])
    return Matched(
        rule=rule.name,
        request_id=request_id(rule.name, event),
        pipeline_name=rule.pipeline_name,
        workspace=rule.workspace,
        outcome=outcome,
    )


def _filtered(rule: Rule, event: Event) -> str | None:
    """Apply Event Grid's own filters."""
    if rule.sources is not None and not any(
        fits(event.source, pattern, ignore_case=True) for pattern in rule.sources
    ):
        return "The source matches none of sources."
    if rule.included_event_types is not None and event.type not in rule.included_event_types:
        return "The type is not among includedEventTypes."
    subject, begin, end = event.subject or "", rule.subject_begins_with, rule.subject_ends_with
    if not rule.is_subject_case_sensitive:
        subject, begin, end = subject.casefold(), begin.casefold(), end.casefold()
    if not subject.startswith(begin):
        return "The subject does not begin with subjectBeginsWith."
    if not subject.endswith(end):
        return "The subject does not end with subjectEndsWith."
    return None


def _undesired(rule: Rule, document: dict[str, JsonValue]) -> str | None:
    if rule.when is None:
        return None
    found = expression.evaluate(rule.when, document)
    # What JMESPath counts as false; unlike in Python, 0 is true.
    unmet = found is None or found is False or found in ("", [], {})
    return "The condition in when is not met." if unmet else None


def _make(
    index: int, rule: Rule, event: Event, document: dict[str, JsonValue], happened: datetime
) -> RunRequest | CloudError:
    parameters: dict[str, JsonValue] = {}
    faults: list[CloudError] = []
    for name, parameter in rule.parameters.items():
        try:
            parameters |= _find(name, parameter, document)
        except (Unusable, _Unfit) as error:
            faults.append(fault(json_path(("rules", index, "parameters", name)), str(error)))
    return _refusal(rule, faults) if faults else _request(rule, event, parameters, happened)


def _find(name: str, parameter: Parameter, document: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the parameter with its value, or nothing if it is left out."""
    if parameter.expression is None:
        return {name: parameter.value}
    found = expression.evaluate(parameter.expression, document)
    if found not in (None, ""):
        if not parameter_type.fits(found, parameter.type):
            msg = f"The expression finds something other than {parameter_type.article(parameter.type)}."
            raise _Unfit(msg)
        return {name: found}
    if parameter.has_default:
        return {name: parameter.default}
    if parameter.required:
        msg = "The expression finds nothing in this event, and the parameter is required."
        raise _Unfit(msg)
    return {}


def _request(
    rule: Rule, event: Event, parameters: dict[str, JsonValue], happened: datetime
) -> RunRequest | CloudError:
    fields: dict[str, Any] = {
        "pipelineName": rule.pipeline_name,
        "requestId": request_id(rule.name, event),
        "workspace": rule.workspace,
        "parameters": parameters or None,
        "follow": rule.follow,
        "notBefore": _after(happened, rule.not_before_seconds),
        "expiresAt": _after(happened, rule.expires_after_seconds),
        "correlationId": event.correlation_id,
        "traceparent": event.traceparent,
        "tracestate": event.tracestate if event.traceparent else None,
    }
    try:
        request = RunRequest.model_validate(fields)
        size = len(request.to_json())
    except (ValueError, RecursionError):
        return _refusal(rule, [fault("$.parameters", "The parameters can't be sent as JSON.")])
    if size > HTTP_LIMIT:
        message = f"Rule {rule.name} makes a request of {size} bytes; {HTTP_LIMIT} are allowed."
        return CloudError(code=Code.REQUEST_TOO_LARGE, message=message)
    return request


def _after(happened: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else happened + timedelta(seconds=seconds)


def _refusal(rule: Rule, faults: list[CloudError]) -> CloudError:
    return counted(f"Rule {rule.name} makes no request of this event:", faults)
