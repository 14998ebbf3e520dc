"""What the bodies of `/rerun` and `/resolve` ask for: any bytes are read, or every fault is told."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from shared.gateway.operation_request import Recovery, Rerun, Resolve, read_rerun, read_resolve
from shared.kernel.cloud_error import CloudError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from(["generation", "parameters", "recovery", "startActivityName", "runId"])


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


@given(st.binary() | st.dictionaries(NAMES | st.text(), VALUES).map(lambda one: body(**one)))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    assert isinstance(read_rerun(content, None), Rerun | CloudError)
    assert isinstance(read_rerun(content, 2), Rerun | CloudError)
    assert isinstance(read_resolve(content), Resolve | CloudError)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"generation": 7}'])
def test_the_header_names_the_generation_as_well(content: bytes) -> None:
    assert read_rerun(content, 7) == Rerun(generation=7)


def test_a_recovery_is_read() -> None:
    read = read_rerun(body(generation=2, recovery={"startActivityName": "Copy"}), None)

    assert read == Rerun(generation=2, recovery=Recovery(start_activity_name="Copy"))


def test_every_fault_is_told_at_once() -> None:
    told = read_rerun(body(generation=3, parameters={}, recovery={}, typo=1), 2)

    assert isinstance(told, CloudError)
    assert [each.target for each in told.details] == ["$.typo", "$.generation", "$.parameters"]


def test_no_run_is_said_and_not_left_out() -> None:
    assert read_resolve(b'{"runId": null}') == Resolve(run_id=None)
    assert isinstance(read_resolve(b"{}"), CloudError)
