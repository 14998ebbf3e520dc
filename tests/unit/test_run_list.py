"""A list that is read run by run is the one that is read at once."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from shared import json_object
from shared.json_object import Unreadable
from shared.run_list import RunList

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=8,
)
NAMES = st.text(st.characters(codec="utf-8")).filter(lambda name: name != "value")


@given(
    before=st.dictionaries(NAMES, VALUES, max_size=2),
    items=st.lists(VALUES),
    indent=st.none() | st.integers(0, 2),
)
def test_a_list_is_read_wherever_it_stands(
    before: dict[str, Any], items: list[Any], indent: int | None
) -> None:
    content = before | {"value": items, "continuationToken": "next"}
    runs = RunList(json.dumps(content, indent=indent, ensure_ascii=False).encode())

    assert list(runs) == items
    assert runs.fields == before | {"continuationToken": "next"}


@given(st.lists(st.sampled_from(['{"value":[', "{", "}", "[", "]", ",", ":", '"value"', '"a"', "1", " ", "\ufeff",
                                 "null", '"\\ud800"', "NaN", "1e999"])).map("".join))  # fmt: skip
@example('{"value":[],"value":[]}')
@example('{"a":1,"a":1,"value":[]}')
@example('{"value":[1,]}')
@example('{"value":[],}')
@example('{"value":[] } x')
@example('{"value":[{"a":1,"a":1}]}')
@example('{"value":["\\ud800"]}')
@example('{"value":[],"a":"\\ud800"}')
@example('\ufeff{"value":[1] }\n')
def test_what_is_read_run_by_run_is_what_is_read_at_once(text: str) -> None:
    expected: Any = None
    with contextlib.suppress(Unreadable):
        expected = json_object.parse(text.encode()).get("value")

    runs = RunList(text.encode())
    if isinstance(expected, list):
        assert list(runs) == expected
    else:
        with pytest.raises(Unreadable):
            list(runs)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b'{"value":' + b"[" * 100_000, b'{"value":[' + b"1" * 5_000 + b"]}"]
)
def test_any_bytes_are_read_or_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        list(RunList(body))
