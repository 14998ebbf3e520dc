"""What looks like a secret is found in any text, in linear time."""

import pytest
from hypothesis import given, strategies as st

from shared.redaction.patterns import (
    CONNECTION_NAMES,
    PIECE,
    QUERY_NAMES,
    SCHEMES,
    SHAPES,
    cut,
    spans,
)

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (JWT, "***"),
        (f"Bearer {JWT} refused", "Bearer *** refused"),
        (f"Bearer%20{JWT}", "Bearer%20***"),
        (f"{JWT}.a.b", "***"),  # five parts: encrypted
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "***"),  # unsigned
        ("https://a/c?sv=1&sig=ab%2Bc%3D&se=2", "https://a/c?sv=1&sig=***&se=2"),
        ("https://a/c?SIG=abc", "https://a/c?SIG=***"),
        ("%3Fsv%3D1%26sig%3Dab%252B", "%3Fsv%3D1%26sig%3D***"),
        ("%253Fsig%253Dab", "%253Fsig%253D***"),
        (r'"u": "a?b\u0026sig=abc"', r'"u": "a?b\u0026sig=***"'),
        (r"a?sv=1\u0026sig\u003dabc", r"a?sv=1\u0026sig\u003d***"),
        ("AccountName=a;AccountKey=ab==;End=x", "AccountName=a;AccountKey=***;End=x"),
        ("SharedAccessKeyName=Root;SharedAccessKey=ab=", "SharedAccessKeyName=Root;SharedAccessKey=***"),
        ("Server=s;Password='a;b';Encrypt=1", "Server=s;Password=***;Encrypt=1"),
        ('Server=s;Password="a;b"', "Server=s;Password=***"),
        ("User ID=u; Pwd = x y; Z=1", "User ID=u; Pwd = ***; Z=1"),
        ("Endpoint=https://c;Id=1;Secret=ab", "Endpoint=https://c;Id=1;Secret=***"),
        ("a%3BAccountKey%3Dab", "a%3BAccountKey%3D***"),
        ("https://user:pw@host/x", "https://user:***@host/x"),
        ('sent {"a": {"password": "x y"}, "n": 1}', 'sent {"a": {"password": "***"}, "n": 1}'),
        (r"{\"apiKey\":\"ab\",\"n\":1}", r"{\"apiKey\":\"***\",\"n\":1}"),
        ("{'token': 12}", "{'token': ***}"),
        (f"Password=a sig={JWT} b; x", "Password=***; x"),  # one within the other
    ],
)  # fmt: skip
def test_a_secret_is_cut(text: str, kept: str) -> None:
    assert cut(text) == kept
    assert cut(kept) == kept


@pytest.mark.parametrize(
    "text",
    [
        "", "design=5", "the signature=x", "eyJabc.tar.gz", "2026-11-24T08:00:00Z", "mailto:a@b",
        "https://host:8080/a@b", "SELECT a FROM t WHERE day = '1'", '{"partitionKey": "day"}',
        "SharedAccessKeyName=Root", "Password=", "a: b", "sig=", "%26sig%3D",
    ],
)  # fmt: skip
def test_what_looks_like_no_secret_stays(text: str) -> None:
    assert cut(text) == text


#: One for each shape: what is before the secret, the secret, what is behind it.
EXAMPLES = {
    "signature": ("https://a/c?sv=1&sig=", "ab%2Bc%3D", "&se=2"),
    "connection string": ("AccountName=a;AccountKey=", "ab==", ";End=x"),
    "user in a URL": ("https://user:", "pw", "@host/x"),
    "authorization": ("with Bearer ", "abcdefgh-ijklmnop.7", " at"),
    "private key": ("-----BEGIN RSA PRIVATE KEY-----", "\nMIIE-vQ+/\n==\n", "-----END RSA PRIVATE KEY-----"),
    "storage key": ("key ", "Ab+/" * 21 + "Ab==", " refused"),
    "service bus key": ("key ", "Ab1" * 11 + "+ASbCabcde=", " refused"),
    "functions key": ("key ", "Ab_-" * 11 + "AzFuabcdeA==", " refused"),
    "entra secret": ("secret ", "abc8Q~" + "x" * 34, " refused"),
    "github token": ("token ", "ghp_" + "a1" * 18, " refused"),
    "github fine-grained token": ("token ", "github_pat_" + "a1" * 18, " refused"),
    "gitlab token": ("token ", "glpat-" + "a1" * 10, " refused"),
    "slack token": ("token ", "xoxb-1234567890-abc", " refused"),
    "slack app token": ("token ", "xapp-1-A0123-4567", " refused"),
    "aws access key": ("key ", "AKIA" + "A1B2" * 4, " refused"),
    "google api key": ("key ", "AIza" + "a1-_x" * 7, " refused"),
    "stripe key": ("key ", "sk_live_" + "a1" * 12, " refused"),
    "databricks token": ("token ", "dapi" + "0a" * 16, " refused"),
    "npm token": ("token ", "npm_" + "a1" * 18, " refused"),
    "pypi token": ("token ", "pypi-" + "a1" * 30, " refused"),
    "token": ("no ", JWT, " here"),
    "query of a URL": ("https://a/api/f?x=1&code=", "ab_-%3D", "&y=2"),
    "field": ('sent {"password": "', "x y", '"}'),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_found_wherever_it_stands(shape: str) -> None:
    before, secret, behind = EXAMPLES[shape]

    for moved in ("", "x " * 20, "x " * (PIECE // 2 - 12)):
        text = moved + before + secret + behind
        assert cut(text) == f"{moved}{before}***{behind}"
        found = [span for at in range(0, len(text), PIECE) for span in spans(text, at, at + PIECE)]
        start = len(moved + before)
        assert (start, start + len(secret)) in found


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_finds_its_own_example_by_itself(shape: str) -> None:
    text, own = "".join(EXAMPLES[shape]), SHAPES[shape]
    found = [match for match in own.pattern.finditer(text) if own.holds(match)]

    assert own.may_be_in(text)
    assert [match[match.lastindex or 0] for match in found] == [EXAMPLES[shape][1]]


@pytest.mark.parametrize("name", CONNECTION_NAMES)
def test_every_name_of_a_connection_string(name: str) -> None:
    for spelled in (name, name.upper(), name.title().replace(" ", ""), name.replace(" ", "_")):
        assert cut(f"a=b;{spelled}=xy;c=d") == f"a=b;{spelled}=***;c=d"


@pytest.mark.parametrize(
    "name", [*QUERY_NAMES, "token", "key", "sig", "functionKey", "subscription-key"]
)
def test_every_name_of_a_url_s_query(name: str) -> None:
    for text in (
        f"https://a/b?{name}={{}}&c=d",
        f"https://a/b?c=d&{name}={{}}",
        f"%3F{name}%3D{{}}",
    ):
        assert cut(text.format("xy")) == text.format("***")
    assert cut(f"a {name} = 1") == f"a {name} = 1"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_of_an_authorization_header(scheme: str) -> None:
    for spelled in (scheme, scheme.title(), scheme.upper()):
        assert cut(f"{spelled} abcdefgh12345678==") == f"{spelled} ***"
        assert (
            cut(f"{spelled} authentication-is-required") == f"{spelled} authentication-is-required"
        )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_secret_is_found_whole_by_the_piece_in_which_it_begins(shape: str) -> None:
    before, secret, _ = EXAMPLES[shape]
    match = SHAPES[shape].pattern.search(before + secret + secret[-1] * 9_000)

    if match and match.end(match.lastindex or 0) > 9_000:  # a shape of any length
        text = before + secret + secret[-1] * 9_000
        assert max(end for _, end in spans(text, 0, 64)) == len(text)


@given(st.text())
def test_any_text_can_be_cut_twice(text: str) -> None:
    assert cut(cut(text)) == cut(text)


@given(st.lists(st.sampled_from(["eyJ", "a" * 12, ".", "sig", "=", "%3D", "26", "Password", "'", '"', ";",
                                 "\\", ":", "://", "@", " ", "token", "*", "x"])))  # fmt: skip
def test_spans_lie_within_the_text(parts: list[str]) -> None:
    text = "".join(parts)

    assert all(0 <= start < end <= len(text) for start, end in spans(text))


@pytest.mark.parametrize(
    "part",
    [
        "eyJ", "eyJaaaaaaaaa", "eyJaaaaaaaaa.", "sig=", "sig%3D", "sig%2525", "26", "Password=", "Password ",
        'Password="', "Password='\"", "account", "://", "://a", "://a:", '"a', '"a"', '"password":',
        '\'"password":"x', '"password":\\', "\\", '"\\', "=", ":",
    ],
)  # fmt: skip
def test_no_text_takes_more_than_linear_time(part: str) -> None:
    """512 KiB of anything took 0.1 s when it was measured; with backtracking this would not end."""
    text = ":" + part * (512 * 1024 // len(part))

    assert len(cut(text)) <= 2 * len(text)
