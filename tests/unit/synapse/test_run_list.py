"""A list that is read run by run is the one that is read at once."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from shared.kernel import strict_json
from shared.kernel.strict_json import Unreadable
from shared.redaction import redact as redaction
from shared.synapse import run_list
from shared.synapse.run_list import RunList


async def items_of(runs: RunList) -> list[Any]:
    return [item async for item in runs]


def written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=8,
)
SHORT_NAMES = st.text(st.characters(codec="utf-8"), max_size=5).filter(lambda name: name != "value")
NAMES = st.text(st.characters(codec="utf-8")).filter(lambda name: name != "value")


@given(
    before=st.dictionaries(NAMES, VALUES, max_size=2),
    items=st.lists(VALUES),
    indent=st.none() | st.integers(0, 2),
)
async def test_a_list_is_read_wherever_it_stands(
    before: dict[str, Any], items: list[Any], indent: int | None
) -> None:
    content = before | {"value": items, "continuationToken": "next"}
    runs = RunList(json.dumps(content, indent=indent, ensure_ascii=False).encode())

    assert await items_of(runs) == items
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
async def test_what_is_read_run_by_run_is_what_is_read_at_once(text: str) -> None:
    expected: Any = None
    with contextlib.suppress(Unreadable):
        expected = strict_json.parse(text.encode()).get("value")

    runs = RunList(text.encode())
    if isinstance(expected, list):
        assert await items_of(runs) == expected
    else:
        with pytest.raises(Unreadable):
            await items_of(runs)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b'{"value":' + b"[" * 100_000, b'{"value":[' + b"1" * 5_000 + b"]}"]
)
async def test_any_bytes_are_read_or_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        await items_of(RunList(body))


@given(
    runs=st.lists(st.dictionaries(SHORT_NAMES, VALUES, max_size=4)),
    before=st.dictionaries(SHORT_NAMES, VALUES, max_size=2),
)
@example(runs=[{"a": '"', "b": ["]", {"c\\": '}\\"'}], "c": "ü" * 9}], before={"é": "日本" * 4})
async def test_of_a_long_run_every_long_field_is_withheld(
    runs: list[dict[str, Any]], before: dict[str, Any]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_list, "LONGEST_FIELD", 40)
        patched.setattr(run_list, "LONGEST_RUN", 200)
        read = RunList(written(before | {"value": runs}))
        found = await items_of(read)

    assert found == [
        run
        if len(written(run)) < 200
        else {
            name: value if len(written(value)) < 40 else redaction.withheld(value)
            for name, value in run.items()
        }
        for run in runs
    ]
    assert read.fields == {
        name: value for name, value in before.items() if len(written(value)) < 40
    }


@pytest.mark.parametrize(
    "value",
    ['"' + "x" * 300_000 + '"', '"' + '\\"' * 300_000 + '"', "[" + "1," * 300_000 + "1]", "[" * 9_000 + "]" * 9_000],
    ids=["plain", "escaped", "list", "deep"],
)  # fmt: skip
async def test_a_run_of_any_length_keeps_its_short_fields(value: str) -> None:
    run = f'{{"runId":"r-1","long":{value}{" " * 300_000},"status":"Failed"}}'

    (found,) = await items_of(RunList(f'{{"value":[{run}]}}'.encode()))

    assert found["long"] == redaction.withheld([] if value.startswith("[") else "")
    assert (found["runId"], found["status"]) == ("r-1", "Failed")


@pytest.mark.parametrize(
    "run",
    [
        '{"a":' + "1" * 300_000,
        '{"a":"' + "x" * 300_000,
        '{"a":"' + "x" * 300_000 + "\\",
        '{"a":[' + "[]," * 300_000,
        '{"a":"' + "x" * 300_000 + '","a":1}',
        "[" + "1," * 300_000 + "1]",
        "{" + ",".join(f'"{number:0200}":""' for number in range(2_000)) + "}",
        "{" + ",".join(f'"{number}":"{"x" * 8_000}"' for number in range(40)) + "}",
    ],
    ids=["number", "string", "escape", "list", "twice", "no object", "names", "fields"],
)
async def test_a_long_run_may_be_unreadable(run: str) -> None:
    with pytest.raises(Unreadable):
        await items_of(RunList(f'{{"value":[{run}]}}'.encode()))
