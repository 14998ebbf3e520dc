"""What an answer of the service means: shared/adapters/storage/answers.py."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given, strategies as st
from multidict import CIMultiDict

from shared.adapters.storage import answers
from shared.adapters.storage.answers import Answer
from shared.adapters.storage.facts import Changed, Exists, Missing, NotCreated
from shared.kernel.errors import StorageRefused, StorageUnavailable
from shared.ports import Receipt

DATE = "Wed, 25 Nov 2026 21:23:41 GMT"


def an_answer(status: int, body: bytes | object = b"", **headers: str) -> Answer:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=CIMultiDict(named), body=text)


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (404, "ResourceNotFound", Missing),
        (404, "EntityNotFound", Missing),
        (404, "MessageNotFound", Missing),
        (404, "TableNotFound", NotCreated),
        (404, "QueueNotFound", NotCreated),
        (409, "EntityAlreadyExists", Exists),
        (412, "UpdateConditionNotSatisfied", Changed),
        (412, "ConditionNotMet", Changed),
        (400, "PopReceiptMismatch", Changed),
        (409, "TableBeingDeleted", StorageUnavailable),
        (404, "AccountNotFound", StorageUnavailable),
        (503, "ServerBusy", StorageUnavailable),
        (403, "AuthorizationPermissionMismatch", StorageRefused),
        (401, "InvalidAuthenticationInfo", StorageRefused),
        (403, "", StorageRefused),
        (304, "", StorageUnavailable),
    ],
)
def test_a_code_means_one_thing(status: int, code: str, meaning: type[Exception]) -> None:
    """The service's own code decides, not the status: 409 has many meanings."""
    error = {"odata.error": {"code": code, "message": {"value": "hunter2"}}}
    read = answers.error("table runs", an_answer(status, error))

    assert type(read) is meaning
    assert str(read) == f"table runs: {status} {code}".rstrip()


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_success_is_no_error(status: int) -> None:
    assert answers.error("it", an_answer(status, x_ms_error_code="EntityAlreadyExists")) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"odata.error":5}',
        b'{"odata.error":{"code":"<b>hunter2</b>"}}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_words_that_are_no_code_do_not_go_on(body: bytes) -> None:
    """As those of a proxy on the way."""
    assert str(answers.error("it", an_answer(502, body, x_ms_error_code="no code"))) == "it: 502"


@given(st.integers(100, 599), st.binary(), st.text())
@example(404, b"<code>" + "é".encode(), "é")
def test_any_answer_means_something(status: int, body: bytes, code: str) -> None:
    """One of our own errors, or a success."""
    found = answers.error("it", an_answer(status, body, x_ms_error_code=code))

    assert (found is None) is (200 <= status < 300)
    assert isinstance(found, StorageUnavailable | Missing | Exists | Changed | None)


@pytest.mark.parametrize(
    ("written", "date", "age"),
    [
        ("2026-11-25T21:23:39.9822653Z", DATE, 1.017735),
        ("2026-11-25T21:23:41Z", DATE, 0),
        ("2026-11-25T21:23:41.9Z", DATE, 0),
        ("2026-11-24T21:23:41Z", DATE, 86400),
        ("2026-11-24T21:23:41Z", DATE.replace("GMT", "-0000"), 86400),
    ],
)
def test_an_age_is_of_the_services_own_clock(written: str, date: str, age: float) -> None:
    """A write is never younger than its answer."""
    row = answers.row("it", an_answer(200, {"Timestamp": written, "a": 1}, Date=date, ETag="e"))

    assert row.age == pytest.approx(age)
    assert (row.values, row.etag) == ({"a": 1}, "e")


@pytest.mark.parametrize(
    "missing", [{"Date": ""}, {"Date": "now"}, {"Timestamp": ""}, {"Timestamp": 5}, {"ETag": ""}]
)
def test_an_entity_without_an_age_or_an_etag_is_none(missing: Mapping[str, object]) -> None:
    """A lease could not be judged by it."""
    whole = {"Timestamp": "2026-11-25T21:23:39Z", "Date": DATE, "ETag": "e"}
    given = {**whole, **missing}
    answer = an_answer(200, given, Date=str(given["Date"]), ETag=str(given["ETag"]))

    with pytest.raises(StorageUnavailable, match="the answer can't be read"):
        answers.row("it", answer)


@given(
    st.binary() | st.builds(lambda at: json.dumps({"Timestamp": at}).encode(), st.text()),
    st.text() | st.just(DATE) | st.datetimes().map(lambda at: f"{at:%a, %d %b %Y %H:%M:%S} +2359"),
)
@example(b'{"Timestamp":"0001-01-01T00:00:00+23:59"}', "Mon, 01 Jan 0001 00:00:00 +2359")
@example(b'{"Timestamp":"2026-11-25T21:23:39"}', DATE)
def test_any_answer_is_an_entity_or_none(body: bytes, date: str) -> None:
    try:
        row = answers.row("it", an_answer(200, body, Date=date, ETag="e"))
    except StorageUnavailable:
        return
    assert row.age >= 0


def test_a_receipt_is_read_out_of_the_list_of_one() -> None:
    body = (
        b"<QueueMessagesList><QueueMessage><MessageId>m-1</MessageId>"
        b"<PopReceipt>AgAAAAMAAAAAAAAAi/+hT2Be3AE=</PopReceipt></QueueMessage></QueueMessagesList>"
    )

    receipt = answers.receipt("it", an_answer(201, b"\xef\xbb\xbf" + body))

    assert receipt == Receipt(message_id="m-1", pop_receipt="AgAAAAMAAAAAAAAAi/+hT2Be3AE=")


@given(st.binary() | st.from_regex(rb"<MessageId>.*</MessageId><PopReceipt>.*</PopReceipt>"))
def test_any_answer_is_a_receipt_or_none(body: bytes) -> None:
    try:
        receipt = answers.receipt("it", an_answer(201, body))
    except StorageUnavailable:
        return
    assert receipt.message_id.isascii()
    assert receipt.pop_receipt.isascii()
