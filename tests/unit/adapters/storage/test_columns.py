"""How values lie in columns: shared/adapters/storage/columns.py."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from shared.adapters.storage import columns
from shared.adapters.storage.columns import MAX_TEXT
from shared.kernel.cloud_error import CloudError
from shared.kernel.errors import RecordUnreadable
from shared.runs.record import Entry
from tests.unit.builders import NOW

# Any string that Python can hold, half surrogates too.
ANY_TEXT = st.text(st.characters(exclude_categories=()))
LONG_TEXT = st.builds(lambda text, times: text * times, ANY_TEXT, st.integers(1, 5_000))


@pytest.mark.parametrize(
    ("text", "kept"),
    [("abc", "abc"), ("abcd", "abc"), ("ab😀", "ab"), ("a😀", "a😀"), ("a\ud83d", "a"), ("", "")],
)
def test_a_text_is_cut_between_characters(text: str, kept: str) -> None:
    """To three units: a surrogate pair stays whole or goes."""
    assert columns.fit(text, 3) == kept


@given(LONG_TEXT)
def test_any_text_can_be_cut(text: str) -> None:
    """What is left is text that can be sent, of at most the units a column holds."""
    kept = columns.fit(text)

    assert columns.units(kept) <= MAX_TEXT
    assert kept.encode().decode() == kept


@pytest.mark.parametrize("number", [0, 2**31, -(2**63)])
def test_an_int_is_written_as_itself_or_with_its_type(number: int) -> None:
    assert columns.INT.write(number) == number
    assert columns.INT.read(number) == number
    assert columns.LONG.write(number) == (number, columns.INT64)
    assert columns.LONG.read(number) == number


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (columns.TEXT, 1),
        (columns.TEXT, None),
        (columns.INT, True),
        (columns.INT, 1.0),
        (columns.INT, ("1", "Edm.Int64")),
        (columns.FLOAT, "1"),
        (columns.FLOAT, False),
        (columns.FLAG, 0),
        (columns.FLAG, "true"),
        (columns.BYTES, "text"),
        (columns.TIME, "2026-11-24T08:00:00Z"),
        (columns.TIME, datetime(2026, 11, 24)),  # noqa: DTZ001 - a time of nowhere is the point
        (columns.ERROR, '{"code":1,"message":""}'),
        (columns.ERROR, "[]"),
        (columns.ERROR, "\ud800"),
        (columns.HISTORY, "{}{}"),
        (columns.HISTORY, '["x"]'),
        (columns.HISTORY, '[{"at":5,"event":"","detail":""}]'),
        (columns.HISTORY, "[" * 100_000),
        (columns.HISTORY, "1" * 5_000),
    ],
)
def test_a_value_of_another_kind_is_unreadable(column: columns.Column, value: object) -> None:
    """It is told by its column."""
    with pytest.raises(RecordUnreadable, match="The column there "):
        columns.read({"there": value}, "there", column)


def test_a_column_that_is_missing_is_unreadable() -> None:
    """Even one that may be empty: a merge can't remove it, so somebody else did."""
    with pytest.raises(RecordUnreadable, match="The column gone is missing"):
        columns.read({}, "gone", columns.optional(columns.TEXT))


def test_a_whole_number_is_read_as_a_float() -> None:
    """Whoever edits the cell by hand writes one."""
    assert columns.FLOAT.read(2) == 2.0


def test_a_time_keeps_its_microseconds_and_offset() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=1)))

    assert columns.TIME.read(at) == columns.TIME.write(at) == at


ERRORS = st.recursive(
    st.builds(CloudError, code=st.text(), message=st.text(max_size=50)),
    lambda inner: st.builds(
        CloudError,
        code=st.text(max_size=20),
        message=st.text(),
        target=st.none() | st.text(),
        details=st.lists(inner, max_size=4).map(tuple),
    ),
)


@given(ERRORS)
def test_an_error_comes_back_as_it_was(error: CloudError) -> None:
    """With its details, however deep."""
    assert columns.ERROR.read(columns.ERROR.write(error)) == error


@pytest.mark.parametrize("text", ["a", "é", "😀", '"', "\x00"])
@pytest.mark.parametrize("part", ["code", "message", "target", "details", "deep"])
def test_a_long_error_is_cut_and_says_so(text: str, part: str) -> None:
    """Its column always holds an error that can be read, which begins as the whole one."""
    long, detail = text * 40_000, CloudError(code="D", message=text * 500)
    error = {
        "code": CloudError(code=long, message="M"),
        "message": CloudError(code="C", message=long),
        "target": CloudError(code="C", message="M", target=long),
        "details": CloudError(code="C", message="M", details=(detail,) * 300),
        "deep": CloudError(code="C", message="M", details=(CloudError(code="D", message=long),)),
    }[part]

    written = columns.ERROR.write(error)
    read = columns.ERROR.read(written)

    assert isinstance(written, str)
    assert columns.units(written) <= MAX_TEXT
    assert isinstance(read, CloudError)
    assert error.code.startswith(read.code)
    assert error.message.startswith(read.message.split(" (")[0])
    assert read.message.endswith((" (cut)", " left out for length.)"))


@given(
    st.lists(
        st.builds(Entry, at=st.just(NOW), event=ANY_TEXT, detail=LONG_TEXT), min_size=2, max_size=60
    )
)
def test_any_history_fits(history: list[Entry]) -> None:
    """The middle is dropped; how it began and how it ended stay."""
    written = columns.HISTORY.write(history)
    read = columns.HISTORY.read(written)

    assert isinstance(written, str)
    assert columns.units(written) <= MAX_TEXT
    assert isinstance(read, tuple)
    assert read[0] == _cut(history[0])
    assert read[-1] == _cut(history[-1])
    assert len(read) == len(history) or columns.units(written) > MAX_TEXT // 2 - 16_000


def test_a_history_is_json_that_people_can_read() -> None:
    """Without escapes for what is no control character."""
    written = columns.HISTORY.write([Entry(at=NOW, event="claimed", detail="複製 ñ")])

    assert json.loads(str(written)) == [
        {"at": "2026-11-24T08:00:00+00:00", "event": "claimed", "detail": "複製 ñ"}
    ]
    assert "複製 ñ" in str(written)


def test_an_empty_history_is_one() -> None:
    """Nothing has happened yet."""
    assert columns.HISTORY.read(columns.HISTORY.write([])) == ()


def _cut(entry: Entry) -> Entry:
    return Entry(
        at=entry.at, event=columns.fit(entry.event, 200), detail=columns.fit(entry.detail, 1_000)
    )
