"""Every text gives an object or one reason."""

import json

import pytest
from hypothesis import example, given, strategies as st

from shared.kernel.strict_json import MAX_DEPTH, Unreadable, for_xml, parse, read


def why(text: bytes) -> str:
    with pytest.raises(Unreadable) as refused:
        parse(text)
    return str(refused.value)


def nested(levels: int) -> bytes:
    return b'{"a":' + b"[" * levels + b"]" * levels + b"}"


def test_an_object_is_read() -> None:
    assert parse(b'\xef\xbb\xbf {"a": [1, 2.5, "\xc3\xbc"], "b": {"a": null}}') == {
        "a": [1, 2.5, "ü"],
        "b": {"a": None},
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Not JSON at line 1, column 1: Expecting value."),
        (b'{"a": 1,\n "b"}', "Not JSON at line 2, column 5: Expecting ':' delimiter."),
        (b'{"a": "\xff"}', "The content is not UTF-8 (byte 7)."),
        (b'{"a": "\\ud800"}', "A string holds half of a surrogate pair."),
        (b'{"\\ud800": 1}', "A string holds half of a surrogate pair."),
        (b'{"a": NaN}', "NaN is not JSON."),
        (b'{"a": -Infinity}', "-Infinity is not JSON."),
        (b'{"a": 1e999}', "A number is too large for a double."),
        (b'{"a": -1e999}', "A number is too large for a double."),
        (b'{"a": ' + b"9" * 4301 + b"}", "A number has too many digits."),
        (b'{"a": 1, "a": 1}', "An object names the same field twice."),
        (b'[{"a": {"b": 1, "b": 2}}]', "An object names the same field twice."),
        (b"[]", "The content is JSON, but not an object."),
        (b'"a"', "The content is JSON, but not an object."),
        (nested(MAX_DEPTH), "The JSON is nested deeper than 100 levels."),
        (nested(50_000), "The JSON is nested deeper than 100 levels."),
    ],
    ids=range(16),
)
def test_anything_else_says_why(text: bytes, reason: str) -> None:
    assert why(text) == reason


def test_a_hundred_levels_are_read() -> None:
    assert parse(nested(MAX_DEPTH - 1))


@example("a\ufffeb")
@given(st.text())
def test_what_is_escaped_for_xml_is_the_same_json(text: str) -> None:
    written = for_xml(json.dumps(text, ensure_ascii=False))

    assert json.loads(written) == text
    assert not set("\ufffe\uffff\x00\x0b") & set(written)


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("[null]", [None]), ('"a"', "a")])
def test_any_value_can_be_read(text: str, value: object) -> None:
    assert read(text) == value
