"""All rules that match an event make a request of it each, or tell why they don't."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import JsonValue

from shared.config import gateway_json
from shared.config.gateway_json import GatewayConfig
from shared.config.rule import Rule
from shared.events import event as events
from shared.events.event import Event
from shared.events.rule_engine import Matched, Unmatched, explain, match, request_id
from shared.kernel.cloud_error import CloudError
from shared.runs.request import HTTP_LIMIT, REQUEST_ID, RunRequest

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)  # half an hour after the event
SUBJECT = "/blobServices/default/containers/incoming/blobs/2026/11/orders 1.csv"
URL = "https://a.blob.core.windows.net/incoming/2026/11/orders%201.csv"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ENVELOPE: dict[str, Any] = {
    "topic": "/subscriptions/s/resourceGroups/R/providers/Microsoft.Storage/storageAccounts/a",
    "subject": SUBJECT,
    "eventType": "Microsoft.Storage.BlobCreated",
    "eventTime": "2026-11-24T08:00:00.1234567Z",
    "id": "e-1",
    "data": {"api": "PutBlob", "url": URL, "size": 5, "empty": "", "none": None, "tags": ["x"], "ok": False, "zero": 0},
}  # fmt: skip


def an_event(**changes: Any) -> Event:
    event = events.read({k: v for k, v in (ENVELOPE | changes).items() if v is not ...})
    assert isinstance(event, Event), event
    return event


def a_rule(**changes: Any) -> Rule:
    fields: dict[str, Any] = {"name": "blob", "pipelineName": "copy"}
    return Rule.model_validate_json(json.dumps(fields | changes))


def make(rule: Rule, event: Event | None = None) -> RunRequest | CloudError:
    (matched,) = match([rule], event or an_event(), NOW)
    return matched.outcome


def parameters(rule: Rule) -> dict[str, JsonValue] | None:
    request = make(rule)
    assert isinstance(request, RunRequest), request
    return request.parameters


def test_the_rule_of_this_repository_maps_a_created_blob() -> None:
    config = gateway_json.read((Path(__file__).parents[3] / "gateway.json").read_bytes())
    assert isinstance(config, GatewayConfig)

    (matched,) = match(config.rules, an_event(), NOW)

    assert isinstance(matched.outcome, RunRequest)
    assert matched.principal == "rule:blob-created"
    assert matched.outcome.pipeline_name == "copyBlob"
    assert matched.outcome.parameters == {
        "url": URL,
        "container": "incoming",
        "folder": "2026/11",
        "fileName": "orders 1.csv",
        "format": "csv",
    }


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"sources": ["nothing", "*/storageAccounts/a"]},
        {"sources": ["/SUBSCRIPTIONS/?/*"]},  # Azure's resource ids are compared without case
        {"includedEventTypes": ["Microsoft.Storage.BlobDeleted", "Microsoft.Storage.BlobCreated"]},
        {"subjectBeginsWith": "/blobservices/DEFAULT", "subjectEndsWith": ".CSV"},
        {"subjectBeginsWith": "/blobServices", "subjectEndsWith": ".csv", "isSubjectCaseSensitive": True},
        {"when": "data.api == 'PutBlob'"},
        {"when": "eventType == type && topic == source"},
        {"when": "data.tags"},
        {"when": "data.zero"},  # 0 is true in JMESPath
    ],
)  # fmt: skip
def test_a_rule_matches(filters: dict[str, Any]) -> None:
    assert isinstance(make(a_rule(**filters)), RunRequest)


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        ({"sources": ["*/storageAccounts/b", "a"]}, "The source matches none of sources."),
        ({"includedEventTypes": ["microsoft.storage.blobcreated"]}, "The type is not among includedEventTypes."),
        ({"subjectBeginsWith": "blobServices"}, "The subject does not begin with subjectBeginsWith."),
        ({"subjectBeginsWith": "/blobservices", "isSubjectCaseSensitive": True}, "The subject does not begin with subjectBeginsWith."),
        ({"subjectEndsWith": ".parquet"}, "The subject does not end with subjectEndsWith."),
        ({"subjectEndsWith": ".CSV", "isSubjectCaseSensitive": True}, "The subject does not end with subjectEndsWith."),
        *(({"when": when}, "The condition in when is not met.") for when in (
            "data.api == 'x'", "data.missing", "data.empty", "data.ok", "data.none", "`[]`", "`{}`",
        )),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_match_tells_why(filters: dict[str, Any], reason: str) -> None:
    rule = a_rule(**filters)

    assert explain([rule], an_event(), NOW) == (Unmatched(rule="blob", reason=reason),)
    assert match([rule], an_event(), NOW) == ()


def test_an_event_without_a_subject_has_an_empty_one() -> None:
    event = an_event(subject=...)

    assert match([a_rule()], event, NOW)
    assert not match([a_rule(subjectBeginsWith="/")], event, NOW)


def test_a_condition_that_cannot_be_judged_is_an_error_and_not_passed_over() -> None:
    error = make(a_rule(when="starts_with(data.missing, 'a')"))

    assert error == CloudError(
        code="InvalidRequest",
        message="Rule blob makes no request of this event: 1 fault.",
        details=(
            CloudError(
                code="InvalidRequest",
                message="The function starts_with() takes string, not null.",
                target="$.rules[0].when",
            ),
        ),
    )


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ({"value": 5}, 5),
        ({"value": None}, None),
        ({"value": "data.url"}, "data.url"),
        ({"expression": "data.url"}, URL),
        ({"expression": "data.size"}, 5),
        ({"expression": "data.ok"}, False),
        ({"expression": "data.zero"}, 0),
        ({"expression": "data.tags"}, ["x"]),
        ({"expression": "data.missing", "default": "d"}, "d"),
        ({"expression": "data.empty", "default": 5}, 5),
        ({"expression": "data.none", "default": None}, None),
        ({"expression": "basename(data.missing)", "default": "d"}, "d"),
        ({"expression": "data.size", "default": 7}, 5),
    ],
)
def test_a_parameter_takes_its_value_with_its_type(parameter: Any, value: JsonValue) -> None:
    found = parameters(a_rule(parameters={"p": parameter}))

    assert found == {"p": value}
    assert type(found["p"]) is type(value)


@pytest.mark.parametrize(
    ("expression", "declared", "found"),
    [
        ("data.url", "string", True),
        ("data.size", "string", False),
        ("data.size", "int", True),
        ("data.size", "float", True),
        ("data.url", "int", False),
        ("data.ok", "bool", True),
        ("data.ok", "int", False),
        ("data.zero", "bool", False),
        ("data.tags", "array", True),
        ("data.tags", "string", False),
        ("data", "object", True),
        ("data", "string", False),
    ],
)
def test_a_parameter_is_of_its_declared_type_or_no_request_is_made(
    expression: str, declared: str, found: bool
) -> None:
    outcome = make(a_rule(parameters={"p": {"expression": expression, "type": declared}}))

    if found:
        assert isinstance(outcome, RunRequest)
    else:
        assert isinstance(outcome, CloudError)
        (fault,) = outcome.details
        assert fault.target == "$.rules[0].parameters.p"
        assert fault.message.startswith("The expression finds something other than a")


def test_nothing_is_no_fault_of_the_type() -> None:
    """Whether the parameter is left out is said by required, whatever its type is."""
    rule = a_rule(parameters={"p": {"expression": "data.none", "type": "int", "required": False}})

    assert parameters(rule) is None


HAPPENED = datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "since"),
    [
        ("2026-11-24T08:00:00.1234567Z", HAPPENED),
        ("2026-11-24T07:30:00Z", datetime(2026, 11, 24, 7, 30, tzinfo=UTC)),
        ("2026-11-24T09:00:00Z", NOW),  # the publisher's clock is ahead
        ("9999-12-31T23:59:59Z", NOW),
        ("yesterday", NOW),
        (..., NOW),
    ],
)
def test_settling_and_staleness_count_from_the_event_or_from_its_arrival(
    time: Any, since: datetime
) -> None:
    request = make(a_rule(notBeforeSeconds=60, expiresAfterSeconds=3600), an_event(eventTime=time))

    assert isinstance(request, RunRequest)
    assert request.not_before == since + timedelta(minutes=1)
    assert request.expires_at == since + timedelta(hours=1)


@pytest.mark.parametrize("expression", ["data.missing", "data.none", "data.empty"])
def test_a_parameter_that_is_not_required_is_left_out(expression: str) -> None:
    left_out = {"expression": expression, "required": False}

    assert parameters(a_rule(parameters={"p": left_out})) is None
    assert parameters(a_rule(parameters={"p": left_out, "q": {"value": 1}})) == {"q": 1}


def test_every_parameter_without_a_value_is_told_with_its_path() -> None:
    rule = a_rule(
        parameters={
            "good": {"expression": "data.url"},
            "missing": {"expression": "data.missing"},
            "the empty": {"expression": "data.empty"},
            "wrong": {"expression": "basename(data.size)"},
        }
    )

    _, matched = explain([a_rule(name="other", when="`false`"), rule], an_event(), NOW)

    assert isinstance(matched, Matched)
    error = matched.outcome
    assert isinstance(error, CloudError)
    nothing = "The expression finds nothing in this event, and the parameter is required."
    assert error.message == "Rule blob makes no request of this event: 3 faults."
    assert [(fault.target, fault.message) for fault in error.details] == [
        ("$.rules[1].parameters.missing", nothing),
        ('$.rules[1].parameters["the empty"]', nothing),
        ("$.rules[1].parameters.wrong", "The function basename() takes string or null, not number."),
    ]  # fmt: skip


def test_all_matching_rules_fire_each_with_a_request_of_its_own() -> None:
    matched = match(
        [a_rule(name="a"), a_rule(name="b", when="`false`"), a_rule(name="c")], an_event(), NOW
    )

    assert [one.rule for one in matched] == ["a", "c"]
    assert len({one.request_id for one in matched}) == 2


def test_a_request_names_its_workspace_event_and_trace() -> None:
    event = an_event(traceparent=TRACEPARENT, tracestate="a=b")
    request = make(a_rule(workspace="sales"), event)

    assert request == RunRequest.model_validate(
        {
            "pipelineName": "copy",
            "requestId": request_id("blob", event),
            "workspace": "sales",
            "correlationId": "e-1",
            "traceparent": TRACEPARENT,
            "tracestate": "a=b",
        }
    )


def test_an_id_too_long_for_a_correlation_is_left_out() -> None:
    request = make(a_rule(), an_event(id="x" * 201))

    assert isinstance(request, RunRequest)
    assert request.correlation_id is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("blob", an_event()), ("blob", an_event(id="e-2"))),
        (("blob", an_event()), ("blob", an_event(topic="t"))),
        (("blob", an_event()), ("bulk", an_event())),
        (("blob", an_event(topic="a", id="bc")), ("blob", an_event(topic="ab", id="c"))),
    ],
    ids=["id", "source", "rule", "the border between source and id"],
)
def test_another_rule_source_or_id_makes_another_request(
    one: tuple[str, Event], other: tuple[str, Event]
) -> None:
    assert request_id(*one) != request_id(*other)


def test_a_redelivery_makes_the_same_request() -> None:
    """Whatever else is in the envelope."""
    assert request_id("blob", an_event()) == request_id("blob", an_event(eventTime=..., data=5))


def test_the_longest_name_makes_an_id_that_fits() -> None:
    request = make(a_rule(name="A" + "-" * 62), an_event(id="x" * 400))

    assert isinstance(request, RunRequest)
    assert re.fullmatch(REQUEST_ID, request.request_id)


def test_a_request_that_is_too_large_is_an_error() -> None:
    event = an_event(data="x" * HTTP_LIMIT)
    error = make(a_rule(parameters={"all": {"expression": "data"}}), event)

    assert isinstance(error, CloudError)
    assert error.code == "RequestTooLarge"


def test_parameters_too_deep_to_be_sent_are_an_error() -> None:
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    error = make(a_rule(parameters={"all": {"expression": "data"}}), an_event(data=deep))

    assert isinstance(error, CloudError)
    assert error.details[0].target == "$.parameters"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["url", "a", "b"]), inner),
    max_leaves=10,
)
EXPRESSIONS = st.sampled_from(
    ["data", "data.url", "data.*.a", "data[0]", "@", "split(data.url, '/')[0]", "basename(data)", "data.url > data.a",
     "contains(data, 'a')", "max_by(data, &a)", "sort_by(data, &url)[0]", "join('', data)", "sum(data)",
     "to_number(data.url)", "merge(data, data.a)", "length(data)", "to_string(@)", "url_decode(data.a)"]
)  # fmt: skip


@given(JSON_VALUES, EXPRESSIONS, EXPRESSIONS, st.text())
def test_any_event_gives_a_verdict(data: Any, when: str, expression: str, subject: str) -> None:
    """A request that can be stored, an error with its reasons, or why the rule doesn't match."""
    rules = [a_rule(when=when), a_rule(parameters={"p": {"expression": expression}})]

    for verdict in explain(rules, an_event(data=data, subject=subject), NOW):
        if isinstance(verdict, Unmatched):
            assert verdict.reason
        elif isinstance(verdict.outcome, CloudError):
            assert verdict.outcome.details
        else:
            json.loads(verdict.outcome.to_json())
