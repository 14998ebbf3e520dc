"""What a record keeps of its request, and what may be told of it."""

import json
import traceback
from dataclasses import replace

import pytest

from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import RecordUnreadable
from shared.runs.payload import close, read, safe
from shared.runs.record import Record, Status
from shared.runs.request import HTTP_LIMIT, KEPT_LIMIT, RunRequest
from tests.unit.builders import a_record, a_request


def final(request: RunRequest | None = None) -> Record:
    return a_record(request, status=Status.STARTED)


async def test_a_request_without_secrets_is_kept_as_it_is() -> None:
    record = final()

    assert await close(record) is record


async def test_an_open_request_keeps_its_secrets() -> None:
    """It is still to be sent."""
    record = a_record(a_request(parameters={"password": "hunter22"}))

    assert await close(record) is record


async def test_a_closed_request_has_no_secret() -> None:
    closed = await close(final(a_request(parameters={"day": 1, "password": "hunter22"})))

    assert closed.redacted
    assert read(closed).parameters == {"day": 1, "password": "***"}


async def test_a_closed_request_fits_its_entity_however_its_numbers_grow() -> None:
    """JSON within a string is written anew, and 1e15 becomes 1000000000000000.0."""
    text = json.dumps([{"password": "hunter22"}])[:-1] + ",1e15" * ((HTTP_LIMIT - 200) // 5) + "]"

    closed = await close(final(a_request(parameters={"day": 1, "text": text})))

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


@pytest.mark.parametrize("name", ["startActivityName", "correlationId", "tracestate"])
async def test_what_looks_like_a_secret_in_a_free_text_is_not_kept(name: str) -> None:
    request = a_request(
        **{name: "a=b;AccountKey=hunter22"}, referencePipelineRunId="r", parameters={}
    )

    closed = await close(final(request))

    assert json.loads(closed.request) == json.loads(request.to_json()) | {
        name: "a=b;AccountKey=***"
    }
    assert not closed.redacted  # no parameter has to be brought again


async def test_a_closed_request_is_written_as_every_request() -> None:
    request = a_request(parameters={"password": "hunter22", "n": [1, 2.5, "ü"]}, correlationId="c")

    closed = await close(final(request))

    assert closed.request == read(closed).to_json()


@pytest.mark.parametrize(
    "edited", [b"", b"[]", b"{", b'{"parameters": []}', b'{"parameters": {}, "correlationId": 1}']
)
async def test_a_request_that_was_edited_is_neither_closed_nor_told(edited: bytes) -> None:
    record = replace(final(), request=edited)

    with pytest.raises(RecordUnreadable):
        await close(record)
    with pytest.raises(RecordUnreadable):
        await safe(CloudError(code="Bad", message="m"), record)


async def test_an_error_is_told_without_the_secrets_of_its_request() -> None:
    record = a_record(a_request(parameters={"password": "hunter22"}))

    told = await safe(CloudError(code="Bad", message="no HUNTER22"), record)

    assert told == CloudError(code="Bad", message="no ***")
