"""cloud_error: any error body → CloudError."""

import json
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from shared.kernel import cloud_error
from shared.kernel.cloud_error import (
    MAX_CODE,
    MAX_DETAILS,
    MAX_LEVELS,
    MAX_MESSAGE,
    MAX_TARGET,
    CloudError,
)

NAMES = st.sampled_from(
    [
        "error",
        "code",
        "message",
        "target",
        "details",
        "value",
        "Message",
        "innererror",
        "errors",
        "odata.error",
        "title",
        "detail",
        "error_description",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES | st.text(), inner),
    max_leaves=30,
)


def read(content: Any, http_status: int = 400) -> CloudError:
    return cloud_error.read(json.dumps(content).encode(), http_status=http_status)


def test_nested_body_is_the_documented_one() -> None:
    """`{"error": {…}}`, as recorded for the cancel of an unknown run."""
    inner = {
        "code": "ReferencedPipelineRunNotFound",
        "message": "Referenced pipeline run id someGuid does not exist.",
        "target": "pipelinerun",
        "details": None,
    }

    assert read({"error": inner}) == CloudError(
        code="ReferencedPipelineRunNotFound",
        message="Referenced pipeline run id someGuid does not exist.",
        target="pipelinerun",
    )


def test_flat_body_is_read() -> None:
    """`{"code", "message"}`, as recorded for a pipeline that is not there."""
    message = "The Pipeline pipeline was not found in (subscription=s resourceGroup=r workspace=w)"

    error = read({"code": "PipelineNotFound", "message": message}, 404)

    assert error == CloudError(code="PipelineNotFound", message=message)


def test_flat_body_with_nulls_tells_the_engines_own_error() -> None:
    """The pair inside BadRequest's message is taken apart; Synapse's SDK fails on this body."""
    body = {
        "code": "BadRequest",
        "message": "ErrorCode=InvalidTemplate, ErrorMessage=Unable to parse expression '_c1'",
        "target": "pipeline/pipeline1/runid/1",
        "details": None,
        "error": None,
    }

    assert read(body) == CloudError(
        code="InvalidTemplate",
        message="Unable to parse expression '_c1'",
        target="pipeline/pipeline1/runid/1",
    )


def test_pair_is_taken_apart_over_several_lines() -> None:
    """An expression quoted in the message may have line breaks."""
    error = read({"code": "BadRequest", "message": "ErrorCode=X,\nErrorMessage=one\ntwo, three"})

    assert (error.code, error.message) == ("X", "one\ntwo, three")


def test_pair_within_other_text_stays() -> None:
    """Only a message that is nothing but the pair is taken apart: no word is lost."""
    message = "Failed: ErrorCode=X, ErrorMessage=Y"

    assert read({"code": "BadRequest", "message": message}).message == message


def test_pair_without_a_message_keeps_its_code() -> None:
    error = read({"code": "BadRequest", "message": "ErrorCode=InvalidTemplate, ErrorMessage="})

    assert error.code == "InvalidTemplate"
    assert error.message == "Synapse answered HTTP 400 without a message."


def test_details_are_unwrapped_from_their_own_error() -> None:
    """By the specification each detail is a CloudError, so it has an "error" of its own."""
    details = [{"error": {"code": "A", "message": "a"}}, {"code": "B", "message": "b"}]

    error = read({"error": {"code": "C", "message": "c", "details": details}})

    assert error.details == (CloudError(code="A", message="a"), CloudError(code="B", message="b"))


def test_inner_errors_are_details() -> None:
    """`innererror` says more than the error around it: Microsoft's REST guidelines, and OData with its own fields."""
    inner = {"code": "PasswordTooShort", "message": "Eight at least.", "innererror": {"code": "X"}}
    odata = {"message": "Not null.", "type": "System.ArgumentNullException", "stacktrace": "at …"}

    of_rest = read({"error": {"code": "C", "message": "c", "innererror": inner}})
    of_odata = read({"code": "C", "message": "c", "details": [{"code": "D"}], "innerError": odata})

    (detail,) = of_rest.details
    assert (detail.code, detail.message) == ("PasswordTooShort", "Eight at least.")
    assert [each.code for each in detail.details] == ["X"]
    assert [each.code for each in of_odata.details] == ["D", "UnreadableResponse"]
    assert of_odata.details[1].message == "Not null."


def test_an_error_of_odata_is_read() -> None:
    """Version 3 wraps its errors in `odata.error`."""
    inner = {"code": "ResourceNotFound", "message": {"lang": "en-US", "value": "It is not there."}}

    assert read({"odata.error": inner}) == CloudError(
        code="ResourceNotFound", message="It is not there."
    )


def test_problem_details_are_told() -> None:
    """RFC 9457 has no code; ASP.NET adds its `errors` by field."""
    problem = {
        "type": "about:blank",
        "title": "Bad.",
        "status": 400,
        "detail": "No day.",
        "traceId": "0",
    }
    invalid = {"title": "Bad.", "errors": {"$.day": ["Not a date.", "Too late."], "name": "None."}}

    assert read(problem) == CloudError(code="UnreadableResponse", message="Bad.: No day.")
    assert read({"title": "Bad."}).message == "Bad."
    assert read({"detail": "No day.", "code": "C"}) == CloudError(code="C", message="No day.")
    assert [(each.message, each.target) for each in read(invalid).details] == [
        ("Not a date.", "$.day"),
        ("Too late.", "$.day"),
        ("None.", "name"),
    ]


def test_an_error_of_oauth_is_read() -> None:
    """RFC 6749, section 5.2, as Entra's token endpoint answers."""
    error = read({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid secret."})

    assert error == CloudError(code="invalid_client", message="AADSTS7000215: Invalid secret.")


@pytest.mark.parametrize("body", [b"", b" \r\n", b"\xef\xbb\xbf"])
def test_an_empty_body_is_said_to_be_empty(body: bytes) -> None:
    error = cloud_error.read(body, http_status=404)

    assert error == CloudError(
        code="UnreadableResponse", message="Synapse answered HTTP 404 without a body."
    )


def test_details_of_any_kind_are_read_or_left_out() -> None:
    error = read({"code": "C", "message": "c", "details": ["text", 7, None, "", {}, [1]]})

    assert [detail.message for detail in error.details] == ["text", "7", "[1]"]
    assert {detail.code for detail in error.details} == {"UnreadableResponse"}


def test_details_that_are_one_object_are_one_detail() -> None:
    error = read({"code": "C", "message": "c", "details": {"code": "A", "message": "a"}})

    assert error.details == (CloudError(code="A", message="a"),)


def test_details_are_bounded_in_number_and_depth() -> None:
    inner: dict[str, Any] = {"code": "D", "message": "d"}
    for _ in range(20):
        inner = {"code": "D", "message": "d", "details": [inner]}
    inner["details"] *= MAX_DETAILS + 1

    levels, error = 0, read(inner)
    assert len(error.details) == MAX_DETAILS
    while error.details:
        levels, error = levels + 1, error.details[0]
    assert levels == MAX_LEVELS - 1


def test_error_within_errors_is_found() -> None:
    assert read({"error": {"error": {"code": "C", "message": "c"}}}).code == "C"


def test_error_wrapped_too_deep_is_unreadable() -> None:
    content: dict[str, Any] = {"code": "C", "message": "c"}
    for _ in range(MAX_LEVELS + 1):
        content = {"error": content}

    assert read(content).code == "UnreadableResponse"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (400, "400"),
        (1.5, "1.5"),
        (True, "true"),
        (["a", "ü"], '["a", "ü"]'),
        ({"lang": "en-us", "value": "spoken"}, "spoken"),
        ({"lang": "en-us"}, '{"lang": "en-us"}'),
    ],
)
def test_value_that_is_no_string_is_kept_as_text(value: Any, text: str) -> None:
    error = read({"code": value, "message": value, "target": value})

    assert (error.code, error.message, error.target) == (text, text, text)


def test_names_are_read_in_any_case() -> None:
    """ASP.NET's own errors begin their names with a capital."""
    error = read({"Message": "No HTTP resource was found."}, 404)

    assert error == CloudError(code="UnreadableResponse", message="No HTTP resource was found.")


def test_code_without_a_message_says_so() -> None:
    error = read({"error": {"code": "ServerBusy"}}, 503)

    assert error == CloudError(
        code="ServerBusy", message="Synapse answered HTTP 503 without a message."
    )


@pytest.mark.parametrize(
    "body",
    [b"", b" \n", b"null", b"[]", b"{}", b'{"error": null}', b'{"error": "x"}', b'{"error": {}}'],
)
def test_body_without_code_and_message_is_unreadable(body: bytes) -> None:
    error = cloud_error.read(body, http_status=502)

    assert error.code == "UnreadableResponse"
    assert "HTTP 502" in error.message


def test_page_is_told_by_its_text() -> None:
    """Of a proxy's HTML page only the words are kept."""
    page = (
        b"<html><head><style>p{color:red}</style><script>if(1<2){}</script>"
        b"<title>502 Bad\tGateway</title></head><body><h1>nginx</h1></body></html>"
    )

    error = cloud_error.read(page, http_status=502)

    assert error.code == "UnreadableResponse"
    assert error.message.endswith(": 502 Bad Gateway nginx")


def test_page_cut_in_its_style_shows_no_style() -> None:
    body = b"<h1>Oops</h1><style>" + b"p{color:red}" * 9999

    assert cloud_error.read(body, http_status=500).message.endswith(": Oops")


def test_body_that_is_not_utf_8_is_told_as_far_as_it_goes() -> None:
    error = cloud_error.read(b"\xff\xfeBad\x00 \x1b[31m", http_status=500)

    assert error.message.endswith(": \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}Bad   [31m")


def test_body_nested_too_deep_is_unreadable() -> None:
    for depth in (200, 100_000):
        body = b'{"error":' * depth + b"1" + b"}" * depth
        assert cloud_error.read(body, http_status=400).code == "UnreadableResponse"


def test_number_of_too_many_digits_is_unreadable() -> None:
    """Python itself refuses to read it."""
    body = b'{"code":' + b"9" * 5000 + b"}"

    assert cloud_error.read(body, http_status=400).code == "UnreadableResponse"


def test_huge_texts_are_cut() -> None:
    error = read({"code": "c" * 9999, "message": "m" * 99_999, "target": "t" * 9999})

    assert (len(error.code), len(error.message), len(error.target or "")) == (
        MAX_CODE,
        MAX_MESSAGE,
        MAX_TARGET,
    )
    assert error.message.endswith("…")


def test_control_characters_become_spaces() -> None:
    """A log line or a table's XML can't hold them; a line break is text."""
    assert read({"code": "C", "message": "a\x00b\x1bc\nd\te"}).message == "a b c\nd e"


def is_bounded(error: CloudError, levels: int = MAX_LEVELS) -> bool:
    return (
        0 < len(error.code) <= MAX_CODE
        and 0 < len(error.message) <= MAX_MESSAGE
        and len(error.target or "") <= MAX_TARGET
        and len(error.details) <= MAX_DETAILS
        and levels > 0
        and all(is_bounded(detail, levels - 1) for detail in error.details)
    )


@given(st.binary(), st.integers(0, 999))
@example(b'{"code":"\\ud800"}', 400)
@example(b"\xef\xbb\xbf{}", 400)
@example(b"<script" * 9000, 400)
@example(b"<" * 9000, 400)
def test_reading_is_total_over_bytes(body: bytes, http_status: int) -> None:
    error = cloud_error.read(body, http_status=http_status)

    assert is_bounded(error)
    error.model_dump_json().encode()


@given(JSON, st.integers(0, 999))
def test_reading_is_total_over_json(content: Any, http_status: int) -> None:
    error = read(content, http_status)

    assert is_bounded(error)
    assert CloudError.model_validate_json(error.model_dump_json()) == error
