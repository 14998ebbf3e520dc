"""A call in Synapse's own wire format → a request, or every fault at once."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from shared.api import synapse_request
from shared.api.synapse_request import read_request_id
from shared.kernel.cloud_error import CloudError
from shared.kernel.guid import read_any_form
from shared.runs.request import HTTP_LIMIT, Rejection, RunRequest
from tests.unit.builders import a_request

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
VERSION = {"api-version": "2020-12-01"}
REFERENCE = {"referencePipelineRunId": "r-1"}


def read_call(**changes: Any) -> RunRequest | Rejection:
    whole: dict[str, Any] = {
        "pipeline_name": "copy orders",
        "query": VERSION,
        "client_request_id": GUID,
        "body": b'{"day": 1}',
    }
    return synapse_request.read(**(whole | changes), call_id="call-1")


def read_flag(query: dict[str, str]) -> bool | CloudError | None:
    return synapse_request.boolean(query, "isRecursive")


def targets(asked: RunRequest | Rejection) -> list[str | None]:
    assert isinstance(asked, Rejection)
    return [fault.target for fault in asked.error.details]


def test_a_call_is_a_request_for_the_default_workspace() -> None:
    asked = read_call()

    assert asked == a_request(pipelineName="copy orders", requestId=GUID, parameters={"day": 1})


@pytest.mark.parametrize("body", [b"", b" ", b"null", b" null\n"])
def test_no_body_is_no_parameters(body: bytes) -> None:
    asked = read_call(body=body)

    assert isinstance(asked, RunRequest)
    assert asked.parameters is None


def test_a_body_whose_numbers_grow_beyond_what_a_record_holds_is_too_large() -> None:
    """1e15 becomes 1000000000000000.0."""
    body = b'{"list": [' + b"1e15," * 100_000 + b"1]}"

    asked = read_call(body=body)

    assert isinstance(asked, Rejection)
    assert (asked.error.code, asked.request_id) == ("RequestTooLarge", GUID)


@pytest.mark.parametrize("body", [b"", b"null", b"{}"])
def test_a_recovery_has_no_parameters(body: bytes) -> None:
    query = VERSION | REFERENCE | {"isRecovery": "false", "startActivityName": "Copy A"}

    asked = read_call(query=query, body=body)

    assert isinstance(asked, RunRequest)
    assert asked.reference_pipeline_run_id == "r-1"
    assert (asked.is_recovery, asked.start_activity_name) == (False, "Copy A")
    assert asked.parameters is None


def test_without_an_id_it_is_the_call_s() -> None:
    asked = read_call(client_request_id=None)

    assert asked.request_id == "call-1"


@pytest.mark.parametrize(
    ("given", "request_id"),
    [
        (GUID, GUID),
        (GUID.upper(), GUID),
        (GUID.replace("-", ""), GUID),
        (f"{{{GUID}}}", GUID),
        (f"({GUID})", GUID),
        (f" {GUID} ", GUID),
        ("dag.task:2026-11-24", "dag.task:2026-11-24"),
        (None, None),
        ("", None),
        (" ", None),
    ],
)
def test_a_client_request_id_is_a_request_id(given: str | None, request_id: str | None) -> None:
    assert read_request_id(given) == request_id


@pytest.mark.parametrize(
    "given",
    [
        *("a b", f"{GUID},{GUID}", "a/b", "é", "x" * 201, "msg-1", "evt-1", ".", ".."),
        # No space of HTTP's, and none that a header of the answer could hold: RFC 9110, section 5.6.3.
        *(f"{GUID}\xa0", "\u3000a", "a\x0b", "\x1fa", "\u2003"),
    ],
)
def test_other_ids_are_faults(given: str) -> None:
    asked = read_call(client_request_id=given)

    assert targets(asked) == ["$.headers.x-ms-client-request-id"]
    assert asked.request_id == "call-1"
    assert not isinstance(read_request_id(given), str)


@pytest.mark.parametrize(
    "text", ["", "..", f"{GUID}/cancel", "../" + GUID, "1" * 31, "_" * 32, "é" * 32]
)
def test_what_is_no_guid_is_none(text: str) -> None:
    assert read_any_form(text) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"query": {}}, ["$.query.api-version"]),
        ({"query": {"api-version": "2018-06-01"}}, ["$.query.api-version"]),
        ({"query": VERSION | {"isRecovery": "yes"}}, ["$.query.isRecovery"]),
        ({"query": VERSION | {"isRecovery": "true"}}, ["$.isRecovery"]),
        ({"query": VERSION | {"startActivityName": "A"}}, ["$.startActivityName"]),
        ({"query": VERSION | REFERENCE}, ["$.parameters"]),
        ({"pipeline_name": "a/b"}, ["$.pipelineName"]),
        ({"pipeline_name": ""}, ["$.pipelineName"]),
        ({"pipeline_name": "a%2Fb", "query": {}}, ["$.query.api-version", "$.pipelineName"]),
    ],
    ids=str,
)
def test_every_fault_is_told(changes: dict[str, Any], expected: list[str]) -> None:
    asked = read_call(**changes)

    assert targets(asked) == expected
    assert asked.pipeline_name == (None if "pipeline_name" in changes else "copy orders")


def test_what_two_fields_say_together_is_told_beside_what_one_says() -> None:
    asked = read_call(pipeline_name="a/b", query=VERSION | {"isRecovery": "true"})

    assert targets(asked) == ["$.pipelineName", "$.isRecovery"]


def test_a_false_recovery_without_a_reference_says_nothing() -> None:
    asked = read_call(query=VERSION | {"isRecovery": "False"})

    assert isinstance(asked, RunRequest)
    assert asked.is_recovery is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", "InvalidJson"),
        (b"{", "InvalidJson"),
        (b"\xff", "InvalidJson"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "InvalidJson"),
        (b" " * (HTTP_LIMIT + 1) + b"{}", "RequestTooLarge"),
    ],
)
def test_a_body_that_can_t_be_read_is_told_by_its_size_and_hash_alone(
    body: bytes, code: str
) -> None:
    asked = read_call(body=body)

    assert isinstance(asked, Rejection)
    assert asked.error.code == code
    assert asked.request_id == GUID
    assert asked.content is not None
    assert asked.content.length == len(body)


@pytest.mark.parametrize(
    ("given", "value"), [(None, None), ("true", True), ("False", False), (" TRUE ", True)]
)
def test_is_recursive_is_read_as_net_reads_it(given: str | None, value: bool | None) -> None:
    assert read_flag({} if given is None else {"isRecursive": given}) is value


def test_another_is_recursive_is_a_fault() -> None:
    fault = read_flag({"isRecursive": "1"})

    assert isinstance(fault, CloudError)
    assert fault.target == "$.query.isRecursive"


@given(
    name=st.text(),
    query=st.dictionaries(
        st.sampled_from(
            ["api-version", "isRecovery", "referencePipelineRunId", "startActivityName"]
        ),
        st.text(max_size=20) | st.just("2020-12-01"),
    ),
    request_id=st.none() | st.text(),
    body=st.binary() | st.sampled_from([b"{}", b'{"a": 1}', b"null"]),
)
def test_reading_is_total(
    name: str, query: dict[str, str], request_id: str | None, body: bytes
) -> None:
    asked = read_call(pipeline_name=name, query=query, client_request_id=request_id, body=body)

    assert isinstance(asked, RunRequest | Rejection)
