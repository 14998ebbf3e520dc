"""Secrets are replaced wherever they stand; everything else is kept."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st
from pydantic import JsonValue

from shared.kernel.strict_json import MAX_DEPTH
from shared.redaction.names import is_secret
from shared.redaction.patterns import MARK, spans
from shared.redaction.redact import LABELS, SCHEMES, redact
from tests.unit.builders import cut

SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=4).filter(
    lambda text: len(text.strip()) >= 4
)
SAS = "https://a.blob.core.windows.net/c/f?sv=2024&sig=ab%2Bcd%3D"
KIB_512 = 512 * 1024


@pytest.mark.parametrize(
    ("value", "kept", "secrets"),
    [
        ({"password": "hunter22"}, {"password": "***"}, {"hunter22"}),
        ({"a": [{"apiKey": "hunter22", "n": 1}]}, {"a": [{"apiKey": "***", "n": 1}]}, {"hunter22"}),
        # whatever its type
        ({"key": 12345}, {"key": "***"}, {"12345"}),
        ({"key": 12.75}, {"key": "***"}, {"12.75"}),
        ({"key": True}, {"key": "***"}, set()),
        ({"key": None}, {"key": "***"}, set()),
        ({"key": "abc"}, {"key": "***"}, set()),  # too short to be looked for
        ({"keys": ["hunter22", {"a": 4711}, "x"]}, {"keys": "***"}, {"hunter22", "4711"}),
        ({"credential": '{"id": "who is"}'}, {"credential": "***"}, {'{"id": "who is"}', "who is"}),
        ({"token": " hunter22\n"}, {"token": "***"}, {" hunter22\n", "hunter22"}),
        # by its look
        ({"url": SAS}, {"url": "***"}, {SAS, "ab%2Bcd%3D"}),
        ([f"see {SAS}", "x"], ["***", "x"], {f"see {SAS}", "ab%2Bcd%3D"}),
        ("AccountKey=abcd;", "***", {"AccountKey=abcd;", "abcd"}),
        ({SAS: 1}, {SAS.replace("ab%2Bcd%3D", "***"): "***"}, {SAS, "ab%2Bcd%3D"}),
        # beside its name
        ({"name": "x-api-key", "value": "vvvv"}, {"name": "x-api-key", "value": "***"}, {"vvvv"}),
        ({"type": "SecureString", "value": "vvvv"}, {"type": "SecureString", "value": "***"}, {"vvvv"}),
        # inside strings
        ('{"token": "zzzz", "k": [1, "ü"]}', '{"token":"***","k":[1,"ü"]}', {"zzzz"}),
        (r'{"token": "zzzz", "k": "\u00fc"}', r'{"token":"***","k":"\u00fc"}', {"zzzz"}),
        (json.dumps(json.dumps({"pwd": "zzzz"})), json.dumps('{"pwd":"***"}'), {"zzzz"}),
        ("{'pwd': 'zzzz'}", "***", {"{'pwd': 'zzzz'}", "zzzz"}),  # nearly JSON
    ],
)  # fmt: skip
async def test_a_secret_is_replaced(value: JsonValue, kept: JsonValue, secrets: set[str]) -> None:
    redacted = await redact(value)

    assert redacted.value == kept
    assert redacted.secrets == secrets
    assert redacted.changed


@pytest.mark.parametrize(
    "value",
    [
        {}, {"day": "2026-11-24", "n": [1, 2.5, None, True, "ü"]}, {"partitionKey": "day"}, "plain",
        '{"a" :  1}', "[not JSON", "[]", {"name": "day", "value": "1"}, {"name": "token"},
        {"type": "String", "value": "x"}, {"password": "***"}, '{"password":  "***"}', "sig=***",
    ],
)  # fmt: skip
async def test_what_is_no_secret_stays_as_it_is(value: JsonValue) -> None:
    """JSON inside a string keeps even its spaces."""
    redacted = await redact(value)

    assert redacted.value == value
    assert not redacted.secrets
    assert not redacted.changed


@pytest.mark.parametrize(
    "text",
    [
        '{"password":"one1","password":"***"}',  # a parser sees the second only
        "[" * KIB_512,
        "[" * 5000 + "]" * 5000,
        '{"n":' + "1" * 5000 + "}",
        '{"password":"x","a":"ü\\ud800"}',
    ],
    ids=["a field twice", "endless", "deep", "digits", "half a surrogate pair"],
)
async def test_json_in_a_string_that_nobody_can_read_is_hidden(text: str) -> None:
    redacted = await redact({"x": text})

    assert "one1" not in json.dumps(redacted.value)
    assert len(json.dumps(redacted.value)) < 1000


async def test_json_too_deep_to_read_is_hidden_with_all_its_secrets() -> None:
    value: Any = "hunter22"
    for _ in range(100_000):
        value = [value]

    redacted = await redact(value)

    assert redacted.secrets == {"hunter22"}
    assert json.dumps(redacted.value) == "[" * MAX_DEPTH + '"***"' + "]" * MAX_DEPTH


async def test_json_in_a_string_at_the_deepest_level_is_hidden() -> None:
    value: Any = '{"day": 1}'
    for _ in range(MAX_DEPTH):
        value = [value]

    assert "day" not in json.dumps((await redact(value)).value)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_credentials_behind_every_scheme_are_secret_by_themselves(scheme: str) -> None:
    for spelled in (scheme, scheme.title(), scheme.upper()):
        assert "abcdefgh" in (await redact({"password": f"{spelled}  abcdefgh"})).secrets


@pytest.mark.parametrize("label", LABELS)
async def test_every_label_in_any_case_names_the_value_beside_it(label: str) -> None:
    for spell in (str.lower, str.title, str.upper):
        pair: JsonValue = {spell(label): "apiKey", spell("value"): "vvvv"}

        redacted = await redact(pair)

        assert isinstance(redacted.value, dict)
        assert redacted.value[spell("value")] == MARK
    assert (await redact({"Type": "securestring", "Value": "vvvv"})).secrets == {"vvvv"}


async def test_a_name_too_long_to_be_one_is_hidden_with_its_value() -> None:
    name = "a" * 2_000

    redacted = await redact({name: "vvvv"})

    assert redacted.value == {MARK: MARK}
    assert redacted.secrets == {name, "vvvv"}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
SECRET_NAMES = st.sampled_from(["password", "apiKey", "x-api-key", "SAS", "connection_string"])


@given(JSON_VALUES)
async def test_any_json_value_can_be_redacted_twice(value: JsonValue) -> None:
    once = await redact(value)
    again = await redact(once.value)

    assert again.value == once.value
    assert not again.changed
    assert once.changed == (once.value != value)


PLANT = st.sampled_from(["object", "array", "string", "string in string", "pair"])


@given(SECRETS, SECRET_NAMES, st.lists(PLANT, max_size=4))
async def test_a_planted_secret_never_survives(secret: str, name: str, around: list[str]) -> None:
    """Neither in the copy, nor in an error that quotes it."""
    planted: JsonValue = {name: secret}
    for kind in around:
        planted = _wrap(planted, kind)

    redacted = await redact({"planted": planted})

    assert secret not in _texts(redacted.value)
    assert await cut(f"Text <{secret}> is bad.", redacted.secrets) == "Text <***> is bad."


def _wrap(value: JsonValue, kind: str) -> JsonValue:
    match kind:
        case "object":
            return {"a": value, "b": 1}
        case "array":
            return [1, value]
        case "string":
            return json.dumps(value)
        case "string in string":
            return json.dumps(json.dumps(value, ensure_ascii=False))
        case _:
            return {"name": "token", "value": value}


def _texts(value: JsonValue) -> set[str]:
    """Every text in a value, and in the JSON within its texts."""
    match value:
        case str():
            return {value} | (
                _texts(json.loads(value)) if value.startswith(('"', "{", "[")) else set()
            )
        case dict():
            return {text for item in value.values() for text in _texts(item)}
        case list():
            return {text for item in value for text in _texts(item)}
        case _:
            return set()


PLAIN_TEXT = st.text().filter(lambda text: not any(spans(text)))
PLAIN_NAME = PLAIN_TEXT.filter(lambda name: not is_secret(name))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | PLAIN_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(PLAIN_NAME, inner),
    max_leaves=20,
)


@given(PLAIN)
async def test_what_has_no_secret_is_untouched(value: JsonValue) -> None:
    assert (await redact(value)).value == value
    assert (await redact(json.dumps(value))).value == json.dumps(value)


@given(SECRETS.map(lambda s: "https://a/b?sig=" + quote(s, safe="")), PLAIN)
async def test_a_signed_url_never_survives(url: str, other: JsonValue) -> None:
    assert (await redact({"u": f"<{url}>", "o": other})).value == {"u": "***", "o": other}


@pytest.mark.parametrize(
    "value",
    [
        {f"f{n}": "v" * 10 for n in range(KIB_512 // 24)},
        {f"key{n}": f"v{n:07}" for n in range(KIB_512 // 24)},
        {"keys": [f"{n:04}" for n in range(KIB_512 // 7)]},
        {"x": json.dumps({f"key{n}": f"v{n:07}" for n in range(KIB_512 // 24)})},
        {"aA" * (KIB_512 // 2): 1},
        {"key": "a" * KIB_512},
        {"x": "[" * KIB_512},
        {"x": '{"a":"' * (KIB_512 // 6)},
        {"x": '"password":' * (KIB_512 // 11)},
    ],
    ids=["fields", "secrets", "short secrets", "inside a string", "a name", "one secret", "brackets", "quotes", "names in a text"],
)  # fmt: skip
async def test_512_kib_are_redacted_and_do_not_grow(value: JsonValue) -> None:
    """In 0.4 s at most when it was measured; cutting an error takes up to 1 s. What is quadratic would not end."""
    redacted = await redact(value)
    await cut("x" * 48 * 1024, redacted.secrets)

    assert len(json.dumps(redacted.value)) <= len(json.dumps(value))


async def test_the_mark_is_short_beside_the_shortest_value() -> None:
    """A copy grows by a third at most, where every value is one digit."""
    value: JsonValue = [{"key": 0}] * 1000

    assert len(json.dumps((await redact(value)).value)) < 1.5 * len(json.dumps(value))
