"""Any bytes become a request, one of our own messages, or every fault at once."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from shared.runs.delivery import Delivery, Source
from shared.runs.request import (
    HTTP_LIMIT,
    MAX_AHEAD,
    QUEUE_LIMIT,
    Follow,
    Rejection,
    Resume,
    RunRequest,
    decode,
    too_far_ahead,
)
from tests.examples import examples
from tests.unit.builders import a_request

VALID: dict[str, Any] = {
    "pipelineName": "copy orders",
    "requestId": "order-17",
    "workspace": "sales",
    "parameters": {"day": "2026-11-24", "limits": [1, 2.5, None, True, {"deep": "ü"}]},
    "notBefore": "2026-11-24T09:30:00+01:00",
    "expiresAt": "2026-11-25T08:30:00Z",
    "correlationId": "c-1",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": "a=b",
}


def read(body: bytes, given_id: str | None = None) -> RunRequest | Resume | Follow | Rejection:
    return decode(body, default_id="msg-7", limit=QUEUE_LIMIT, given_id=given_id)


def read_fields(**changes: Any) -> RunRequest | Resume | Follow | Rejection:
    fields = {k: v for k, v in (VALID | changes).items() if v is not ...}
    return read(json.dumps(fields).encode())


def faults(outcome: RunRequest | Resume | Follow | Rejection) -> set[str | None]:
    assert isinstance(outcome, Rejection)
    return {fault.target for fault in outcome.error.details}


def test_a_valid_request_is_read() -> None:
    """Times come in UTC, and parameters as they were sent."""
    request = read_fields()

    assert isinstance(request, RunRequest)
    assert request.parameters == VALID["parameters"]
    assert request.not_before == datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def test_what_a_record_keeps_reads_back_the_same() -> None:
    request = read_fields()
    assert isinstance(request, RunRequest)

    assert read(request.to_json()) == request


@pytest.mark.parametrize(
    "wrap", [bytes, base64.b64encode, base64.encodebytes, lambda b: b" \n" + b]
)
def test_plain_and_base64_are_the_same_request(wrap: Any) -> None:
    assert read(wrap(json.dumps(VALID).encode())) == read_fields()


def test_a_byte_order_mark_is_skipped() -> None:
    assert read(b"\xef\xbb\xbf" + json.dumps(VALID).encode()) == read_fields()


def test_a_request_without_an_id_gets_the_default() -> None:
    request = read_fields(requestId=...)

    assert isinstance(request, RunRequest)
    assert request.request_id == "msg-7"


def test_a_given_id_takes_the_place_of_the_default() -> None:
    request = read(b'{"pipelineName": "p"}', given_id="key-1")

    assert isinstance(request, RunRequest)
    assert request.request_id == "key-1"


def test_a_given_id_must_agree_with_the_named_one() -> None:
    outcome = read(b'{"pipelineName": "p", "requestId": "a"}', given_id="b")

    assert faults(outcome) == {"$.requestId"}


def test_null_fields_count_as_absent() -> None:
    assert read(b'{"pipelineName": "p", "workspace": null, "parameters": null}') == read(
        b'{"pipelineName": "p"}'
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pipelineName", ...),
        ("pipelineName", ""),
        ("pipelineName", "a/b"),
        ("pipelineName", "a?b"),
        ("pipelineName", "-a"),
        ("pipelineName", "x" * 261),
        ("pipelineName", 7),
        ("pipelineName", None),
        ("requestId", "a b"),
        ("requestId", "a/b"),
        ("requestId", "x" * 201),
        ("requestId", "a\n"),
        ("requestId", 5),
        ("requestId", "msg-1"),
        ("requestId", "evt-rule-1"),
        ("requestId", "."),
        ("requestId", ".."),
        ("workspace", ""),
        ("workspace", 1),
        ("parameters", [1]),
        ("parameters", "x"),
        ("parameters", {str(n): n for n in range(51)}),
        ("isRecovery", True),
        ("startActivityName", "Copy"),
        ("notBefore", "2026-11-24"),
        ("notBefore", "2026-11-24T08:30:00"),
        ("notBefore", 1764000000),
        ("notBefore", "2026-13-24T08:30:00Z"),
        ("expiresAt", "0001-01-01T00:00:00+14:00"),
        ("expiresAt", "2026-11-24T08:00:00Z"),
        ("correlationId", "x" * 201),
        ("traceparent", "00-xyz"),
        ("pipelinename", "typo"),
        ("parameter", {}),
        ("pipeline_name", "copy"),
        ("correlation_id", "c"),
    ],
)
def test_one_broken_field_is_one_fault_at_its_path(field: str, value: Any) -> None:
    assert faults(read_fields(**{field: value})) == {f"$.{field}"}


def test_a_leap_second_is_the_next_second() -> None:
    request = read_fields(notBefore="2026-12-31t23:59:60z", expiresAt=...)

    assert isinstance(request, RunRequest)
    assert request.not_before == datetime(2027, 1, 1, tzinfo=UTC)
    assert faults(read_fields(notBefore="9999-12-31T23:59:60Z", expiresAt=...)) == {"$.notBefore"}


NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize("ahead", [timedelta(days=-400), timedelta(0), MAX_AHEAD])
def test_a_time_up_to_thirty_days_ahead_is_near_enough(ahead: timedelta) -> None:
    assert too_far_ahead(a_request(notBefore=(NOW + ahead).isoformat()), NOW) is None
    assert too_far_ahead(a_request(), NOW) is None


@pytest.mark.parametrize("text", ["2026-12-24T08:30:01Z", "9999-12-31T23:59:59Z"])
def test_a_time_further_ahead_is_refused(text: str) -> None:
    """Its record would keep the request's secrets for as long."""
    error = too_far_ahead(a_request(notBefore=text), NOW)

    assert error is not None
    assert error.code == "InvalidRequest"
    (detail,) = error.details
    assert (detail.target, detail.message) == (
        "$.notBefore",
        "The time should be at most 30 days ahead.",
    )


def test_a_field_has_one_name_only() -> None:
    assert faults(read(b'{"pipeline_name": "copy"}')) == {"$.pipelineName", "$.pipeline_name"}


def test_a_recovery_is_read() -> None:
    request = read_fields(
        parameters=..., referencePipelineRunId="r-1", isRecovery=True, startActivityName="Copy"
    )

    assert isinstance(request, RunRequest)
    assert request.is_recovery is True


def test_parameters_beside_a_recovery_are_a_fault() -> None:
    """Synapse would ignore them, and the sender would not know."""
    assert faults(read_fields(referencePipelineRunId="r-1")) == {"$.parameters"}


def test_empty_parameters_beside_a_recovery_are_none() -> None:
    assert isinstance(read_fields(referencePipelineRunId="r-1", parameters={}), RunRequest)


def test_an_empty_reference_is_a_fault() -> None:
    """An empty object or text there is answered ReferencedPipelineRunNotValid (azure-docs #38179)."""
    assert faults(read_fields(parameters=..., referencePipelineRunId="")) == {
        "$.referencePipelineRunId"
    }


def test_every_fault_is_told_at_once_and_none_quotes_a_value() -> None:
    outcome = read_fields(
        pipelineName="s3cret/1", workspace=5, isRecovery="s3cret", expiresAt="s3cret", more="s3cret"
    )

    assert faults(outcome) == {
        "$.pipelineName",
        "$.workspace",
        "$.isRecovery",
        "$.expiresAt",
        "$.more",
    }
    assert isinstance(outcome, Rejection)
    assert "s3cret" not in outcome.error.model_dump_json()


def test_a_rejection_keeps_what_could_be_told() -> None:
    outcome = read_fields(pipelineName="a/b", workspace=5)

    assert isinstance(outcome, Rejection)
    assert (outcome.request_id, outcome.correlation_id) == ("order-17", "c-1")
    assert (outcome.pipeline_name, outcome.workspace) == (None, None)


def test_a_rejection_without_a_readable_id_has_the_default() -> None:
    outcome = read_fields(requestId="a b")

    assert isinstance(outcome, Rejection)
    assert outcome.request_id == "msg-7"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Not JSON at line 1"),
        (b"hello, world", "neither a JSON object nor base64"),
        (b"{", "Not JSON at line 1"),
        (b"[1]", "JSON, but not an object"),
        (base64.b64encode(b"[1]"), "not an object"),
        (b'{"pipelineName": "\xff"}', "not UTF-8"),
        (b'{"pipelineName": "\\ud800"}', "surrogate"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"1" * 5000 + b"}", "too many digits"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a":' + b"[" * 101 + b"]" * 101 + b"}", "deeper than 100"),
        (b'{"a":' + b"[" * 30000 + b"]" * 30000 + b"}", "deeper than 100"),
    ],
    ids=range(13),
)
def test_what_is_not_json_says_why(body: bytes, message: str) -> None:
    outcome = read(body)

    assert isinstance(outcome, Rejection)
    assert outcome.error.code == "InvalidJson"
    assert message in outcome.error.message
    assert outcome.content is not None
    assert outcome.content.length == len(body)


def test_nesting_of_a_hundred_levels_is_read() -> None:
    body = b'{"pipelineName":"p","parameters":{"a":' + b"[" * 98 + b"]" * 98 + b"}}"

    assert isinstance(read(body), RunRequest)


def test_a_request_beyond_the_limit_is_not_parsed() -> None:
    outcome = read(b"{" * (QUEUE_LIMIT + 1))

    assert isinstance(outcome, Rejection)
    assert outcome.error.code == "RequestTooLarge"


def test_a_request_that_would_grow_beyond_its_record_is_rejected() -> None:
    numbers = b",".join([b"1e15"] * 100_000)
    body = b'{"pipelineName": "p", "requestId": "a", "parameters": {"n": [' + numbers + b"]}}"

    outcome = decode(body, default_id="x", limit=HTTP_LIMIT)

    assert isinstance(outcome, Rejection)
    assert (outcome.error.code, outcome.request_id) == ("RequestTooLarge", "a")
    assert outcome.content is not None


def test_our_own_message_is_read() -> None:
    owed = Delivery(id="m-1", source=Source.HTTP, correlation_id="c", duplicate=True)
    message = Resume(resume="order-17", delivery=owed, fingerprint="0" * 64)

    assert read(message.to_json().encode()) == message


@pytest.mark.parametrize(
    "extra", ['"resume": 5', '"resume": "a b"', '"resume": "a", "pipelineName": "p"']
)
def test_a_forged_message_is_rejected(extra: str) -> None:
    outcome = read(b"{" + extra.encode() + b"}")

    assert isinstance(outcome, Rejection)
    assert outcome.error.code == "InvalidRequest"


@settings(max_examples=examples(10_000))
@given(st.binary(max_size=300))
def test_ten_thousand_random_byte_strings_never_raise(body: bytes) -> None:
    outcome = read(body)

    assert isinstance(outcome, RunRequest | Resume | Follow) or outcome.error.code


def json_values(leaves: int) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=leaves,
    )


@settings(max_examples=examples(300))
@given(st.dictionaries(st.sampled_from([*VALID, "resume", "isRecovery", "x"]), json_values(20)))
def test_any_json_object_never_raises(fields: dict[str, Any]) -> None:
    outcome = read(json.dumps(fields).encode())

    if isinstance(outcome, RunRequest):
        assert read(outcome.to_json()) == outcome or outcome.request_id == "msg-7"


@settings(max_examples=examples(200))
@given(st.dictionaries(st.text(), json_values(4), max_size=50))
def test_parameters_pass_through_unchanged(parameters: dict[str, Any]) -> None:
    outcome = read(json.dumps({"pipelineName": "p", "parameters": parameters}).encode())

    if isinstance(outcome, RunRequest):
        assert outcome.parameters == parameters
    else:
        assert isinstance(outcome, Rejection)
        assert outcome.error.code in {"InvalidJson", "RequestTooLarge"}


KEY = "0" * 64


def test_the_message_of_a_chain_is_read() -> None:
    message = Follow(follow=KEY, token="t-1")

    assert read(message.to_json().encode()) == message


@pytest.mark.parametrize(
    "fields",
    [
        {"follow": "https://evil.example", "token": "t-1"},
        {"follow": KEY, "token": ""},
        {"follow": KEY, "token": 5},
        {"follow": KEY, "token": "t-1", "endpoint": "https://evil.example"},
    ],
)
def test_a_message_of_no_chain_is_refused(fields: dict[str, Any]) -> None:
    """The endpoint comes from the chain's row, never from a message."""
    assert isinstance(read(json.dumps(fields).encode()), Rejection)


@pytest.mark.parametrize("follow", [True, False])
def test_a_request_says_whether_it_is_followed(*, follow: bool) -> None:
    request = read_fields(follow=follow)

    assert isinstance(request, RunRequest)
    assert request.follow is follow
    assert json.loads(request.to_json())["follow"] is follow


def test_a_request_with_an_unknown_field_is_not_taken_for_another_message() -> None:
    outcome = read_fields(follow=True, token="x")

    assert isinstance(outcome, Rejection)
    assert set(faults(outcome)) == {"$.token"}
