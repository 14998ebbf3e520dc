"""What a record keeps of its request, and what may be told of it."""

import json
import traceback
from dataclasses import replace

import pytest

from shared.errors import RecordUnreadable
from shared.run_request import HTTP_LIMIT, KEPT_LIMIT
from shared.stored_request import close, read
from tests.unit.builders import a_record, a_request


def test_a_request_without_secrets_is_kept_as_it_is() -> None:
    record = a_record()

    assert close(record) is record


def test_a_closed_request_has_no_secret() -> None:
    closed = close(a_record(a_request(parameters={"day": 1, "password": "hunter22"})))

    assert closed.redacted
    assert read(closed).parameters == {"day": 1, "password": "***"}


def test_a_closed_request_fits_its_entity_however_its_numbers_grow() -> None:
    """JSON within a string is written anew, and 1e15 becomes 1000000000000000.0."""
    text = json.dumps([{"password": "hunter22"}])[:-1] + ",1e15" * ((HTTP_LIMIT - 200) // 5) + "]"

    closed = close(a_record(a_request(parameters={"day": 1, "text": text})))

    assert closed.redacted
    assert len(closed.request) <= KEPT_LIMIT
    assert read(closed).parameters == {"day": "***", "text": "***"}


def test_a_request_that_was_edited_is_unreadable() -> None:
    with pytest.raises(RecordUnreadable):
        read(replace(a_record(), request=b"{}"))


@pytest.mark.parametrize("edited", [b'{"parameter": {"password": "hunter22"}}', b'{"hunter22"'])
def test_what_is_unreadable_is_quoted_nowhere(edited: bytes) -> None:
    """The platform logs an exception that leaves the app, with those that led to it."""
    with pytest.raises(RecordUnreadable) as caught:
        read(replace(a_record(), request=edited))

    assert "hunter22" not in "".join(traceback.format_exception(caught.value))
