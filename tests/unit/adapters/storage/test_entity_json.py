"""Entities as the table service's JSON: shared/adapters/storage/entity_json.py."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from shared.adapters.storage import entity_json
from shared.adapters.storage.columns import INT64

VALUES = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(),
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
)


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        ("é\ud800", "é\ud800", None),
        (True, True, None),
        (2**31 - 1, 2**31 - 1, None),
        (-(2**31), -(2**31), None),
        (2**31, "2147483648", "Edm.Int64"),
        (-(2**31) - 1, "-2147483649", "Edm.Int64"),
        ((5, INT64), "5", "Edm.Int64"),
        (3.0, 3.0, "Edm.Double"),
        (math.nan, "NaN", "Edm.Double"),
        (math.inf, "Infinity", "Edm.Double"),
        (-math.inf, "-Infinity", "Edm.Double"),
        (b"\x00\xff", "AP8=", "Edm.Binary"),
        (b"", "", "Edm.Binary"),
        (datetime(999, 1, 2, tzinfo=UTC), "0999-01-02T00:00:00.000000Z", "Edm.DateTime"),
        (
            datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=1))),
            "2026-01-02T02:04:05.678901Z",
            "Edm.DateTime",
        ),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001", "Edm.Guid"),
    ],
)
def test_a_value_is_written_with_its_type(value: Any, text: object, kind: str | None) -> None:
    """Unless JSON shows it."""
    written = json.loads(entity_json.encode({"it": value}))

    assert written == ({"it": text} if kind is None else {"it": text, "it@odata.type": kind})


def test_what_is_written_is_compact_ascii() -> None:
    assert entity_json.encode({"a": "é", "b": 1}) == b'{"a":"\\u00e9","b":1}'


@given(st.dictionaries(st.from_regex(r"\w{1,9}", fullmatch=True), VALUES))
def test_a_value_comes_back_as_it_was(entity: dict[str, Any]) -> None:
    """With its type."""
    read = entity_json.decode(entity_json.encode(entity))

    assert read == entity
    assert {name: type(value) for name, value in read.items()} == {
        name: type(value) for name, value in entity.items()
    }


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Edm.Int64", "abc"),
        ("Edm.Int64", None),
        ("Edm.DateTime", "abc"),
        ("Edm.DateTime", 5),
        ("Edm.Guid", "abc"),
        ("Edm.Guid", 5),
        ("Edm.Binary", "a"),
        ("Edm.Double", "abc"),
        ("Edm.New", "abc"),
        (5, "abc"),
        ([], "abc"),
    ],
)
def test_a_value_of_another_type_than_its_own_stays_as_it_came(kind: object, text: object) -> None:
    """Azurite stores what it is given; the column's reader names the column."""
    body = json.dumps({"it": text, "it@odata.type": kind, "other": 1}).encode()

    assert entity_json.decode(body) == {"it": text, "other": 1}


def test_what_the_service_adds_is_left_out() -> None:
    body = b'{"odata.metadata":"https://a","odata.etag":"e","it":1}'

    assert entity_json.decode(body) == {"it": 1}


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"\xff", b"<html>", b"[" * 100_000])
def test_what_is_no_entity_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        entity_json.decode(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
ANNOTATED = st.dictionaries(
    st.sampled_from(["a", "a@odata.type", "b", "b@odata.type", "odata.etag"]),
    JSON | st.sampled_from(["Edm.Int64", "Edm.Double", "Edm.Binary", "Edm.DateTime", "Edm.Guid"]),
)


@given(st.binary() | st.builds(lambda found: json.dumps(found).encode(), JSON | ANNOTATED))
def test_any_text_is_an_entity_or_none(body: bytes) -> None:
    try:
        found = entity_json.decode(body)
    except ValueError:
        return
    assert isinstance(found, dict)
