"""What the headers of a call ask for: any text is read, or refused as our own fault says."""

import pytest
from hypothesis import given, strategies as st

from shared.api import headers
from shared.api.headers import Expected, Preference
from shared.kernel.cloud_error import CloudError
from shared.runs.request import RESERVED_PREFIXES

TEXT = st.text() | st.text(alphabet='wait=,;" \t\\respond-async019*W/')


@given(TEXT)
def test_any_prefer_is_read_or_refused(text: str) -> None:
    read = headers.preference({"prefer": text})

    assert isinstance(read, CloudError) or 0 <= (read.wait or 0) <= headers.LONGEST_WAIT


@given(TEXT)
def test_any_key_is_read_or_refused(text: str) -> None:
    """What is read can stand in a URL, a header and a table."""
    read = headers.idempotency_key({"idempotency-key": text})

    if isinstance(read, str):
        assert read.isascii()
        assert read.isprintable()
        assert not read.startswith(RESERVED_PREFIXES)


@given(TEXT)
def test_any_etag_is_read_or_refused(text: str) -> None:
    assert isinstance(headers.if_match({"if-match": text}), Expected | CloudError)
    assert headers.is_unchanged({"if-none-match": text}, '"1-0"') in {True, False}


@given(TEXT)
def test_any_content_type_is_read_or_refused(text: str) -> None:
    for name in ("content-type", "content-encoding"):
        found = headers.media_fault({name: text})
        assert found is None or found.code == "UnsupportedMediaType"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("wait=3", Preference(wait=3)),
        ("WAIT = 3", Preference(wait=3)),
        ('wait="3"', Preference(wait=3)),
        ("wait=3; x=y, foo", Preference(wait=3)),
        ("wait=007", Preference(wait=7)),
        ("wait=200", Preference(wait=200)),
        ("wait=201", Preference(wait=200)),
        ("respond-async", Preference(respond_async=True)),
        ("respond-async=", Preference(respond_async=True)),
        ('respond-async=""', Preference(respond_async=True)),
        ("respond-async, wait=3", Preference(respond_async=True, wait=3)),
        ('a="b, wait=9"', Preference()),
        (r'a="\"", wait=9', Preference(wait=9)),
        ("", Preference()),
    ],
)
def test_a_preference_is_read_as_rfc_7240_writes_it(text: str, read: Preference) -> None:
    assert headers.preference({"prefer": text}) == read


@pytest.mark.parametrize("size", [30_000])
@pytest.mark.parametrize("part", [" ", "\t", ",", ";", "a ", "a=", '"', "a;", "a;b", '\\"', "=,"])
def test_no_prefer_takes_long_to_refuse(part: str, size: int) -> None:
    """A header of the largest size that the platform takes; a second would be an attack's."""
    read = headers.preference({"prefer": part * (size // len(part)) + "\x00"})

    assert isinstance(read, CloudError)


@pytest.mark.parametrize(
    ("content_type", "named"),
    [
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        ("Text/Plain; charset=utf-8", "text/plain"),
        ("application/json; charset=ISO-8859-1", "charset=iso-8859-1"),
        ("not a type", "something else"),
        ("x/" + "y" * 200, "something else"),
    ],
)
def test_a_content_that_is_not_read_is_answered_with_what_came(
    content_type: str, named: str
) -> None:
    fault = headers.media_fault({"content-type": content_type})

    assert fault is not None
    assert fault.message == f"The content should be application/json in UTF-8, not {named}."


def test_a_compressed_content_is_answered_with_its_encoding() -> None:
    fault = headers.media_fault({"content-encoding": "GZIP"})

    assert fault is not None
    assert fault.message == "The content should not be compressed; its encoding is gzip."
