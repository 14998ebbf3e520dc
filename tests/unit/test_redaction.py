"""Secrets are replaced wherever they stand, and appear in no error; everything else is kept."""

import base64
import html
import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st
from pydantic import JsonValue

from shared import cloud_error
from shared.cloud_error import CloudError
from shared.json_object import MAX_DEPTH
from shared.redaction import WITHHELD, cut, cut_error, redact
from shared.secret_look import spans
from shared.secret_name import is_secret

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
def test_a_secret_is_replaced(value: JsonValue, kept: JsonValue, secrets: set[str]) -> None:
    redacted = redact(value)

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
def test_what_is_no_secret_stays_as_it_is(value: JsonValue) -> None:
    """JSON inside a string keeps even its spaces."""
    redacted = redact(value)

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
def test_json_in_a_string_that_nobody_can_read_is_hidden(text: str) -> None:
    redacted = redact({"x": text})

    assert "one1" not in json.dumps(redacted.value)
    assert len(json.dumps(redacted.value)) < 1000


def test_json_too_deep_to_read_is_hidden_with_all_its_secrets() -> None:
    value: Any = "hunter22"
    for _ in range(100_000):
        value = [value]

    redacted = redact(value)

    assert redacted.secrets == {"hunter22"}
    assert json.dumps(redacted.value) == "[" * MAX_DEPTH + '"***"' + "]" * MAX_DEPTH


def test_json_in_a_string_at_the_deepest_level_is_hidden() -> None:
    value: Any = '{"day": 1}'
    for _ in range(MAX_DEPTH):
        value = [value]

    assert "day" not in json.dumps(redact(value).value)


SECRET = "p+s/w\"'d & ü>>>???"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        r"p\u002Bs/w\"\u0027d \u0026 ü\u003E\u003E\u003E???",
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").replace("%20", "+"),
        re.sub("%..", lambda escaped: escaped[0].lower(), quote(SECRET, safe="")),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)  # fmt: skip
def test_a_secret_is_cut_however_it_is_escaped(form: str) -> None:
    assert cut(f"no {form} here", frozenset({SECRET})) == "no *** here"


@pytest.mark.parametrize(
    "secret",
    [
        "hunter22-hunter22",
        "-----BEGIN KEY-----\r\nMIIEvQIBADANBg\r\n-----END KEY-----\r\n",
        "one\ttwo\u00a0three  four",
        "p<a>ss&w'o\"rd",
    ],
    ids=["plain", "lines", "blanks", "markup"],
)
@pytest.mark.parametrize("kind", ["json", "text", "html"])
def test_a_secret_leaves_no_part_of_it_in_an_error_that_was_read(secret: str, kind: str) -> None:
    """What Synapse says is cleaned, and cut to size, before anybody looks for secrets in it."""
    secrets = redact({"password": secret}).secrets
    words = [word for word in re.split(r"\W+", secret) if len(word) > 3]
    for before in [0, *(range(4020, 4090) if kind == "json" else range(100, 200))]:
        said = f"{'f' * before} with {html.escape(secret) if kind == 'html' else secret} in it."
        body = json.dumps({"code": "Bad", "message": said}) if kind == "json" else said

        error = cut_error(cloud_error.read(body.encode(), http_status=400), secrets)

        assert [word for word in words if word[:4] in error.message] == []


def test_a_text_that_was_cut_through_its_markup_keeps_no_beginning_of_a_secret() -> None:
    body = b"<p>" + b"<b></b>" * 583 + b"see hunter22-hunter22 </p>"

    error = cut_error(
        cloud_error.unreadable(body, http_status=400), redact({"pwd": "hunter22-hunter22"}).secrets
    )

    assert "hunt" not in error.message


def test_a_longer_secret_is_cut_before_a_shorter_one() -> None:
    assert cut("it is wxabcdefgh.", frozenset({"wxab", "abcdefgh"})) == "it is wx***."


def test_a_url_s_secret_is_also_cut_where_it_stands_decoded() -> None:
    assert cut("signature ab+cd= refused", redact({"url": SAS}).secrets) == "signature *** refused"


def test_an_error_is_cut_in_all_its_texts_and_keeps_its_code() -> None:
    inner = CloudError(code="hunter22", message="It's hunter22.", target="$.hunter22")
    error = CloudError(code="Bad", message="sig=abc", details=(inner,))

    assert cut_error(error, frozenset({"hunter22"})) == CloudError(
        code="Bad",
        message="sig=***",
        details=(CloudError(code="hunter22", message="It's ***.", target="$.***"),),
    )


def test_a_text_is_withheld_when_too_many_secrets_would_have_to_be_cut() -> None:
    secrets = frozenset(f"secret {number}" for number in range(20_000))

    assert cut("x" * 200_000, secrets) == WITHHELD


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=4).filter(
    lambda text: len(text.strip()) >= 4
)
SECRET_NAMES = st.sampled_from(["password", "apiKey", "x-api-key", "SAS", "connection_string"])


@given(JSON_VALUES)
def test_any_json_value_can_be_redacted_twice(value: JsonValue) -> None:
    once = redact(value)
    again = redact(once.value)

    assert again.value == once.value
    assert not again.changed
    assert once.changed == (once.value != value)


PLANT = st.sampled_from(["object", "array", "string", "string in string", "pair"])


@given(SECRETS, SECRET_NAMES, st.lists(PLANT, max_size=4))
def test_a_planted_secret_never_survives(secret: str, name: str, around: list[str]) -> None:
    """Neither in the copy, nor in an error that quotes it."""
    planted: JsonValue = {name: secret}
    for kind in around:
        planted = _wrap(planted, kind)

    redacted = redact({"planted": planted})

    assert secret not in _texts(redacted.value)
    assert cut(f"Value <{secret}> is bad.", redacted.secrets) == "Value <***> is bad."


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
def test_what_has_no_secret_is_untouched(value: JsonValue) -> None:
    assert redact(value).value == value
    assert redact(json.dumps(value)).value == json.dumps(value)


@given(SECRETS.map(lambda s: "https://a/b?sig=" + quote(s, safe="")), PLAIN)
def test_a_signed_url_never_survives(url: str, other: JsonValue) -> None:
    assert redact({"u": f"<{url}>", "o": other}).value == {"u": "***", "o": other}


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
def test_512_kib_are_redacted_and_do_not_grow(value: JsonValue) -> None:
    """In 0.4 s at most when it was measured; cutting an error takes up to 1 s. What is quadratic would not end."""
    redacted = redact(value)
    cut("x" * 48 * 1024, redacted.secrets)

    assert len(json.dumps(redacted.value)) <= len(json.dumps(value))


def test_the_mark_is_short_beside_the_shortest_value() -> None:
    """A copy grows by a third at most, where every value is one digit."""
    value: JsonValue = [{"key": 0}] * 1000

    assert len(json.dumps(redact(value).value)) < 1.5 * len(json.dumps(value))


@pytest.mark.parametrize("secret", ["pässwörd-geheim-ÄÖÜ-1234567890", "ab<cd>ef<gh>ij klmnop"])
def test_no_beginning_of_a_secret_is_left_wherever_an_answer_is_cut(secret: str) -> None:
    """Not within a character of several bytes either, nor within a tag."""
    kept = secret.encode()
    for inside in range(5, len(kept)):
        head = b"<i></i>" * 580
        body = head + b" " * (4096 - inside - len(head)) + kept + b" more" * 50

        told = cut_error(cloud_error.unreadable(body, http_status=500), frozenset({secret}))

        assert secret[:3] not in told.message
        assert secret.replace("<cd>", " ")[:5] not in told.message
