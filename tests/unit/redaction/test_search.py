"""Secrets are cut out of what others say of them, in whatever spelling; the rest of a text is kept."""

import asyncio
import base64
import html
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st
from pydantic import JsonValue

from shared.kernel import cloud_error
from shared.kernel.cloud_error import CloudError
from shared.kernel.work import Work
from shared.redaction import plain_text
from shared.redaction.patterns import MARK
from shared.redaction.redact import WITHHELD, Cutter, cut_error, redact
from tests.unit.builders import cut

SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=4).filter(
    lambda text: len(text.strip()) >= 4
)
SAS = "https://a.blob.core.windows.net/c/f?sv=2024&sig=ab%2Bcd%3D"


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
async def test_a_secret_is_cut_however_it_is_escaped(form: str) -> None:
    assert await cut(f"no {form} here", frozenset({SECRET})) == "no *** here"


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
async def test_a_secret_leaves_no_part_of_it_in_an_error_that_was_read(
    secret: str, kind: str
) -> None:
    """What Synapse says is cleaned, and cut to size, before anybody looks for secrets in it."""
    secrets = (await redact({"password": secret})).secrets
    words = [word for word in re.split(r"\W+", secret) if len(word) > 3]
    for before in [0, *(range(4020, 4090) if kind == "json" else range(100, 200))]:
        said = f"{'f' * before} with {html.escape(secret) if kind == 'html' else secret} in it."
        body = json.dumps({"code": "Bad", "message": said}) if kind == "json" else said

        error = await cut_error(cloud_error.read(body.encode(), http_status=400), secrets)

        assert [word for word in words if word[:4] in error.message] == []


async def test_a_text_that_was_cut_through_its_markup_keeps_no_beginning_of_a_secret() -> None:
    body = b"<p>" + b"<b></b>" * 583 + b"see hunter22-hunter22 </p>"

    error = await cut_error(
        cloud_error.unreadable(body, http_status=400),
        (await redact({"pwd": "hunter22-hunter22"})).secrets,
    )

    assert "hunt" not in error.message


async def test_secrets_that_overlap_are_cut_whole() -> None:
    assert await cut("it is wxabcdefgh.", frozenset({"wxab", "abcdefgh"})) == "it is ***."


async def test_a_url_s_secret_is_also_cut_where_it_stands_decoded() -> None:
    assert (
        await cut("signature ab+cd= refused", (await redact({"url": SAS})).secrets)
        == "signature *** refused"
    )


async def test_an_error_is_cut_in_all_its_texts_and_keeps_its_code() -> None:
    inner = CloudError(code="hunter22", message="It's hunter22.", target="$.hunter22")
    error = CloudError(code="Bad", message="sig=abc", details=(inner,))

    assert await cut_error(error, frozenset({"hunter22"})) == CloudError(
        code="Bad",
        message="sig=***",
        details=(CloudError(code="hunter22", message="It's ***.", target="$.***"),),
    )


async def test_a_text_is_withheld_when_cutting_it_would_take_too_much_work() -> None:
    """Every place of the text may begin any of these."""
    secrets = frozenset("a" * length + "b" for length in range(10, 1000))

    assert await cut("a" * 200_000, secrets) == WITHHELD


async def test_every_text_after_the_bound_of_work_is_withheld_and_an_empty_one_stays() -> None:
    cutter = await Cutter.of(frozenset({"hunter22"}), Work(1))

    assert [await cutter.cut(text) for text in ("it's hunter22", "", "fine")] == [
        WITHHELD,
        "",
        WITHHELD,
    ]


async def test_others_work_while_a_large_value_is_redacted_and_an_error_cut() -> None:
    """Turns are counted, not timed: `bench/redaction.py` measures how long each takes."""
    secrets: list[JsonValue] = [f"{number:06}" for number in range(20_000)]
    texts: dict[str, JsonValue] = {f"t{number}": "some plain text" for number in range(5_000)}
    error = CloudError(code="Bad", message="no 000017 and " * 100)

    redacted, turns = await _turns(redact({"keys": secrets, "long": "a = b " * 20_000, "x": texts}))
    assert turns > 50
    assert redacted.secrets == set(secrets)
    told, turns = await _turns(cut_error(error, redacted.secrets))
    assert turns > 50
    assert told.message == "no *** and " * 100


async def _turns[T](work: Coroutine[Any, Any, T]) -> tuple[T, int]:
    task, turns = asyncio.create_task(work), 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    return task.result(), turns


@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        ({"key": "-----BEGIN X-----\nMIIEvQIBADANBg\nkqhkiG9w0B\n-----END X-----"}, "bad line kqhkiG9w0B"),
        ({"authorization": "Bearer abcdefgh"}, "abcdefgh is not known"),
        ({"password": "Hunter-Two"}, "HUNTER-TWO or hunter-two"),
        ({"password": 'p"ss&w\\rd'}, json.dumps(json.dumps(json.dumps('p"ss&w\\rd')))),
        ({"password": "p ss&w/rd"}, quote(quote(quote("p ss&w/rd", safe=""), safe=""))),
        ({"password": "p<ss&wörd"}, html.escape(html.escape("p<ss&wörd"))),
        ({"password": "p&ss wörd"}, json.dumps(quote("p&ss wörd"))),
        ({"password": "pass\U0001f600word"}, json.dumps("pass\U0001f600word")),
        ({"password": "hunter-two"}, base64.b64encode(b"abc:hunter-two!").decode()),
        ({"password": "hunter-two"}, base64.b64encode(b"a:hunter-two").decode()),
        ({"credentials": {"hunter22": 1}}, "field hunter22"),
        ({"credentials": [{"a": {"hunter22": []}}]}, "field hunter22"),
    ],
    ids=["line", "scheme", "case", "json thrice", "url thrice", "html twice", "url in json", "pair",
         "base64 shifted by one", "base64 shifted by two", "name", "deep name"],
)  # fmt: skip
async def test_no_part_of_a_hidden_value_is_left_in_an_error(hidden: JsonValue, said: str) -> None:
    told = await cut(said, (await redact(hidden)).secrets)

    words = re.findall(r"[A-Za-z0-9]{4,}", said)
    assert MARK in told
    left = [word for word in words if word in told]
    assert set(left) <= {"line", "known", "field"}


@given(SECRETS, st.lists(st.sampled_from([json.dumps, quote, html.escape, str.upper]), max_size=3))
async def test_a_secret_leaves_no_long_part_however_it_is_spelled(
    secret: str, spellings: list[Callable[[str], str]]
) -> None:
    secret = f"Begin{secret}-End7"
    said = secret
    for spell in spellings:
        said = spell(said)

    told = await cut(f"Text <{said}> is bad.", (await redact({"password": secret})).secrets)

    assert "begin" not in told.lower()
    assert "end7" not in told.lower()


SPELLINGS: list[tuple[str, str]] = [
    ("a\\nb", "a b"), (r"a\u0041", "aa"), ("a%2525b", "a%b"), ("a+b", "a b"), ("A\t \u00a0b", "a b"),
    ("&amp;lt;", "<"), ("%C3%BC", "ü"), (r"\"a\"", '"a"'), (r"\\\"a", '"a'), ("%zz", "%zz"), ("&nosuch;", "&nosuch;"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "plain"), SPELLINGS)
async def test_a_text_is_read_without_its_escapes(text: str, plain: str) -> None:
    assert (await plain_text.read(text, Work())).text == plain


@given(st.text(st.sampled_from("a%25Cc3&amp;#x41;\\u0041\\n+ \t'ßİ")))
async def test_every_plain_character_stands_somewhere_in_the_original(text: str) -> None:
    plain = await plain_text.read(text, Work())

    assert len(plain.text) == len(plain.starts) == len(plain.ends)
    assert list(plain.starts) == sorted(plain.starts)
    assert all(0 <= a < b <= len(text) for a, b in zip(plain.starts, plain.ends, strict=True))


@pytest.mark.parametrize("secret", ["pässwörd-geheim-ÄÖÜ-1234567890", "ab<cd>ef<gh>ij klmnop"])
async def test_no_beginning_of_a_secret_is_left_wherever_an_answer_is_cut(secret: str) -> None:
    """Not within a character of several bytes either, nor within a tag."""
    kept = secret.encode()
    for inside in range(5, len(kept)):
        head = b"<i></i>" * 580
        body = head + b" " * (4096 - inside - len(head)) + kept + b" more" * 50

        told = await cut_error(cloud_error.unreadable(body, http_status=500), frozenset({secret}))

        assert secret[:3] not in told.message
        assert secret.replace("<cd>", " ")[:5] not in told.message
