"""What a list asks for, and its tokens."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given, strategies as st

from shared.kernel.cloud_error import CloudError
from shared.runs.audit_query import ListQuery, Wanted, read_query

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
POSITION = f"{251_000_000_000_000_000}-{'0a' * 8}"


def everybody(_: object) -> bool:
    return True


def query(**values: str) -> ListQuery:
    read = read_query(urlencode(values))
    assert isinstance(read, ListQuery), read
    return read


def wanted(read: ListQuery) -> Wanted:
    asked = read.wanted(NOW, everybody)
    assert isinstance(asked, Wanted), asked
    return asked


def test_nothing_asked_for_is_the_newest_fifty() -> None:
    """Up to an hour ahead, for hosts whose clocks differ."""
    asked = wanted(query())

    assert (asked.top, asked.since, asked.after) == (50, None, None)
    assert asked.until == NOW + timedelta(hours=1)


def test_an_end_is_never_far_ahead() -> None:
    asked = wanted(query(until="9999-12-31T23:59:59Z", since="0001-01-01T00:00:00Z"))

    assert asked.until == NOW + timedelta(hours=1)
    assert asked.since == datetime(1, 1, 1, tzinfo=UTC)


def test_a_token_leads_to_its_position() -> None:
    filters = {"status": "Failed", "workspace": "default"}
    token = query(**filters).token(POSITION)

    assert wanted(query(**filters, continuationToken=token)).after == POSITION


def test_a_token_of_the_version_before_still_leads_on() -> None:
    """It knew no filter by outcome."""
    token = "MjUxMDAwMDAwMDAwMDAwMDAwLTBhMGEwYTBhMGEwYTBhMGE5ODY4OTg1YThjNTA0NGI2"

    assert wanted(query(status="Failed", continuationToken=token)).after == POSITION


@pytest.mark.parametrize(
    "position",
    ["9" * 18 + "-" + "0" * 16, "x" * 35, POSITION + "\n", "' or 1 eq 1 or RowKey gt 'xxxx"],
)
def test_a_token_of_no_position_is_refused(position: str) -> None:
    """Though its digest fits: nothing but a position reaches the table."""
    token = query().token(position)

    read = read_query(urlencode({"continuationToken": token}))

    outcome = read.wanted(NOW, everybody) if isinstance(read, ListQuery) else read
    assert isinstance(outcome, CloudError)


def test_a_token_is_written_one_way_only() -> None:
    """Also where base64 has bits to spare."""
    token = query().token(POSITION)
    assert len(token) == 68

    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        other = token[:-1] + last
        if other != token:
            read = read_query(f"continuationToken={other}")
            assert isinstance(read, ListQuery)
            assert isinstance(read.wanted(NOW, everybody), CloudError)


@given(st.binary(min_size=51, max_size=51))
def test_no_other_bytes_are_a_token(content: bytes) -> None:
    token = base64.urlsafe_b64encode(content).decode()
    read = read_query(f"continuationToken={token}")

    assert isinstance(read, ListQuery)
    assert isinstance(read.wanted(NOW, everybody), CloudError)


@given(st.text())
def test_any_query_is_read_or_refused(text: str) -> None:
    assert isinstance(read_query(text), ListQuery | CloudError)


def test_a_status_that_is_none_is_answered_with_those_that_are() -> None:
    refusal = read_query("status=failed")

    assert isinstance(refusal, CloudError)
    assert "$.query.status: Value should be Started, Rejected or Failed." in refusal.message


def test_a_parameter_that_is_nearly_another_is_answered_with_it() -> None:
    refusal = read_query("pipelineNam=copy")

    assert isinstance(refusal, CloudError)
    assert "Did you mean pipelineName?" in refusal.message
