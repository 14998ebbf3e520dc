"""An expression is refused before its first event, or finds a JSON value, or says why not."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import JsonValue

from shared.config.expression import Unusable, check, evaluate

EVENT: dict[str, Any] = {
    "subject": "/blobServices/default/containers/in/blobs/2026/11/a b.csv",
    "data": {"url": "https://a/in/2026/a%20b.csv", "size": 5, "ok": True, "none": None, "tags": ["x", "y"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("data.size", 5),
        ("data.ok", True),
        ("data.none", None),
        ("data.missing.deep", None),
        ("data.tags", ["x", "y"]),
        ("data.tags[-1]", "y"),
        ("data.{n: size}", {"n": 5}),
        ("split(subject, '/')[4]", "in"),
        ("join('/', split(subject, '/')[6:-1])", "2026/11"),
        ("split('ab', '')", ["a", "b"]),
        ("basename(data.url)", "a%20b.csv"),
        ("basename('a')", "a"),
        ("dirname(data.url)", "https://a/in/2026"),
        ("dirname('a')", ""),
        ("url_decode(basename(data.url))", "a b.csv"),
        ("url_decode('a+b%zz')", "a+b%zz"),
        # null for null, so that a default can apply
        ("split(data.missing, '/')", None),
        ("basename(data.missing)", None),
        ("dirname(data.missing)", None),
        ("url_decode(data.missing)", None),
    ],
)
def test_a_value_is_found(expression: str, found: JsonValue) -> None:
    """With its type kept."""
    value = evaluate(check(expression), EVENT)

    assert value == found
    assert type(value) is type(found)


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("", "The expression is empty."),
        ("data.", "The expression can't be read at character 6."),
        ("data url", "The expression can't be read at character 6."),
        ("basename(data", "The expression ends too early."),
        ("basname(data.url)", "There is no function basname(). Did you mean basename()?"),
        ("quux(data.url)", "There is no function quux()."),
        ("data[?quux(@)]", "There is no function quux()."),
        ("basename()", "The function basename() takes 1 argument(s), not 0."),
        ("split(subject)", "The function split() takes 2 argument(s), not 1."),
        ("merge()", "The function merge() takes 1 or more argument(s), not 0."),
        ("data[::0]", "The step of a slice can't be 0."),
        ("a" * 1001, "The expression is longer than 1000 characters."),
    ],
)
def test_a_faulty_expression_is_refused(expression: str, fault: str) -> None:
    with pytest.raises(Unusable) as refused:
        check(expression)

    assert str(refused.value) == fault


@pytest.mark.parametrize("expression", ["`a`", "(" * 900, "`1", "é", "-", '"\\x"'])
def test_what_the_parser_stumbles_on_is_refused(expression: str) -> None:
    with pytest.raises(Unusable, match=r"^The expression can't be read"):
        check(expression)


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("basename(data.size)", "The function basename() takes string or null, not number."),
        ("starts_with(data.missing, 'a')", "The function starts_with() takes string, not null."),
        ("sum(data.tags)", "The function sum() takes array-number, not string."),
    ],
)
def test_a_function_tells_what_it_cannot_take(expression: str, fault: str) -> None:
    with pytest.raises(Unusable) as refused:
        evaluate(check(expression), EVENT)

    assert str(refused.value) == fault


@pytest.mark.parametrize(
    "expression",
    [
        "subject < data.size",
        "contains(subject, data.size)",
        "merge(data, subject)",
        "to_number('nan')",
        "to_number('1e999')",
        "floor(`1e400`)",
        "&data",
        '`"\\ud800"`',
    ],
)
def test_a_value_that_is_no_json_is_refused(expression: str) -> None:
    with pytest.raises(Unusable, match="incompatible types"):
        evaluate(check(expression), EVENT)


def test_an_event_that_is_too_deep_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(Unusable, match="nested too deeply"):
        evaluate("@", deep)


@pytest.mark.parametrize(
    "expression",
    [
        "[@,@]" + "|[@,@]" * 60,
        "[@,@][]" + "|[@,@][]" * 60,
        "{a:@,b:@}" + "|{a:@,b:@}" * 60,
        "join('',[subject,subject])" + "|join('',[@,@])" * 40,
        "to_string([@,@])" + "|to_string([@,@])" * 40,
        "[@,@]" + "|[@,@]" * 60 + " == [@,@]" + "|[@,@]" * 60,
        "[@,@]" + "|map(&[@,@],@)" * 40,
        "[@,@]|values({a:@,b:@})" + "|values({a:@,b:@})" * 40,
    ],
)
def test_what_an_expression_makes_is_bounded(expression: str) -> None:
    """A doubling takes six characters; before it was refused, sixty of them never came to an end."""
    with pytest.raises(Unusable) as refused:
        evaluate(check(expression), EVENT)

    assert str(refused.value) == "The expression produces too many values from this event."


def test_a_search_in_the_largest_event_is_allowed() -> None:
    """A megabyte of small objects, as in a batch that a sender put into one event."""
    many: dict[str, Any] = {"data": {"orders": [{"id": n, "total": n % 7} for n in range(40_000)]}}

    assert evaluate(check("data.orders[?total == `3`].id | length(@)"), many) == 5714
    assert evaluate(check("{all: data.orders, first: data.orders[0].id}"), many)


def test_no_value_of_the_event_is_quoted() -> None:
    with pytest.raises(Unusable) as refused:
        evaluate("abs(data.secret)", {"data": {"secret": "hunter22"}})

    assert "hunter22" not in str(refused.value)


WORDS = st.sampled_from(
    ["data", "subject", "tags", ".", "[", "]", "[]", "[?", "*", "@", "&", "(", ")", "{", "}", ":", ",", "|", "||",
     "&&", "!", "==", "<", "`1`", "`null`", "'a'", '"b"', "0", "-1", "::0", "split(", "basename(", "url_decode(",
     "max_by(", "sort_by(", "to_number(", "map(", "merge(", "contains(", "length(", " "]
)  # fmt: skip


@given(st.lists(WORDS).map("".join) | st.text())
def test_any_expression_is_checked_and_evaluated_without_another_error(expression: str) -> None:
    try:
        found = evaluate(check(expression), EVENT)
    except Unusable:
        return

    assert json.loads(json.dumps(found, allow_nan=False)) == found
