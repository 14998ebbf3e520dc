"""Who signed is told by the signature alone, and any headers whatever get an answer."""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st
from standardwebhooks import Webhook

from shared.auth.webhook_signature import TOLERANCE, Reason, github, standard_webhooks
from tests.unit.builders import as_received

# The vector of every library of Standard Webhooks (libraries/python/tests/test_webhooks.py, test_sign_function).
SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
SIGNED = HEADERS["webhook-signature"]
NOW = datetime.fromtimestamp(1614265330, UTC)
OTHER = b"another secret, of 24 bytes"

# https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries, "Testing the webhook payload validation"
GITHUB_SECRET = b"It's a Secret to Everybody"
GITHUB_BODY = b"Hello, World!"
GITHUB_SIGNED = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
GITHUB_HEADERS = {"X-Hub-Signature-256": GITHUB_SIGNED, "X-GitHub-Delivery": DELIVERY}


def standard(now: datetime = NOW, body: bytes = BODY, **changes: Any) -> str | Reason:
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    headers = {name: text for name, text in (HEADERS | named).items() if text is not ...}
    return standard_webhooks(headers, body, [SECRET], now)


def test_the_published_vector_of_standard_webhooks_is_good() -> None:
    assert standard() == HEADERS["webhook-id"]


def test_headers_have_any_case() -> None:
    shouted = {name.upper(): text for name, text in HEADERS.items()}

    assert standard_webhooks(as_received(shouted), BODY, [SECRET], NOW) == HEADERS["webhook-id"]


@pytest.mark.parametrize("body", [b"", b'{"a": "\xc3\xa4"}', b"\xff\x00 no text", b"." * 9])
def test_any_content_can_be_signed(body: bytes) -> None:
    signed = b"msg_1.1614265330." + body
    digest = base64.b64encode(hmac.digest(SECRET, signed, "sha256")).decode()

    assert standard(body=body, webhook_id="msg_1", webhook_signature=f"v1,{digest}") == "msg_1"


def test_what_the_fields_own_library_signs_is_good() -> None:
    signed = Webhook(SECRET).sign("msg_1", NOW, '{"a": "ä"}')
    found = standard(body='{"a": "ä"}'.encode(), webhook_id="msg_1", webhook_signature=signed)

    assert found == "msg_1"


@pytest.mark.parametrize("secrets", [[SECRET, OTHER], [OTHER, SECRET], [OTHER, OTHER, SECRET]])
def test_any_of_several_secrets_will_do(secrets: list[bytes]) -> None:
    assert standard_webhooks(HEADERS, BODY, secrets, NOW) == HEADERS["webhook-id"]


@pytest.mark.parametrize(
    "signatures",
    [
        f"v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= {SIGNED}",
        f"{SIGNED} v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw",
        f"v2,x v1, , v1 {SIGNED}",
    ],
)
def test_any_of_several_signatures_will_do(signatures: str) -> None:
    assert standard(webhook_signature=signatures) == HEADERS["webhook-id"]


@pytest.mark.parametrize(
    "signature",
    [
        SIGNED.rstrip("="),  # unpadded
        SIGNED + "=",
        SIGNED + "AAAA",
        SIGNED.lower(),
        SIGNED.replace("v1,", ""),
        SIGNED.replace("v1,", "v1"),
        SIGNED.replace("v1,", "v1a,"),
        SIGNED.replace("v1,", "v2,"),
        SIGNED.replace("OE=", "OF="),  # the same bytes to a lenient decoder
        f"v1,{SIGNED}",
        f"{SIGNED},{SIGNED}",  # the header twice, as the platform joins it
        "v1,",
        "v1,?",
        "v1,\u00e4\ud800",
        ",",
        " ",
        "a" * 100_000,
        " ".join(["v1,x"] * 16 + [SIGNED]),
    ],
)
def test_a_broken_signature_proves_nothing(signature: str) -> None:
    assert standard(webhook_signature=signature) is Reason.MISMATCH


@pytest.mark.parametrize("name", ["webhook_id", "webhook_timestamp", "webhook_signature"])
@pytest.mark.parametrize("missing", [..., ""])
def test_every_header_is_needed(name: str, missing: Any) -> None:
    assert standard(**{name: missing}) is Reason.MISSING


@pytest.mark.parametrize("webhook_id", ["msg.1", "a b", "a,b", "a" * 257, "ä", "\ud800", "a\n"])
def test_an_id_is_one_word_without_a_full_stop(webhook_id: str) -> None:
    """With one, what was signed could be taken apart in another way."""
    assert standard(webhook_id=webhook_id) is Reason.MALFORMED


@pytest.mark.parametrize(
    "seconds",
    ["now", "1614265330.0", "-1", "+1614265330", "1e9", " 1614265330", "\u0661", "9" * 13],
)
def test_a_time_is_whole_seconds(seconds: str) -> None:
    assert standard(webhook_timestamp=seconds) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (TOLERANCE, HEADERS["webhook-id"]),
        (-TOLERANCE, HEADERS["webhook-id"]),
        (TOLERANCE + timedelta(seconds=1), Reason.TOO_OLD),
        (-TOLERANCE - timedelta(seconds=1), Reason.TOO_NEW),
    ],
)
def test_five_minutes_are_tolerated_both_ways(later: timedelta, found: str) -> None:
    assert standard(now=NOW + later) == found


@pytest.mark.parametrize(
    "changes",
    [{"body": BODY + b" "}, {"webhook_id": "msg_2"}, {"webhook_timestamp": "1614265331"}],
)
def test_whatever_is_changed_is_noticed(changes: dict[str, Any]) -> None:
    assert standard(**changes) is Reason.MISMATCH


def test_without_a_secret_nothing_is_proved() -> None:
    assert standard_webhooks(HEADERS, BODY, [], NOW) is Reason.MISMATCH
    assert github(as_received(GITHUB_HEADERS), GITHUB_BODY, []) is Reason.MISMATCH


def test_githubs_documented_vector_is_good() -> None:
    assert github(as_received(GITHUB_HEADERS), GITHUB_BODY, [OTHER, GITHUB_SECRET]) == DELIVERY


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"X-Hub-Signature-256": ""}, Reason.MISSING),
        ({"X-GitHub-Delivery": ""}, Reason.MISSING),
        ({"X-Hub-Signature-256": GITHUB_SIGNED.removeprefix("sha256=")}, Reason.MALFORMED),
        ({"X-Hub-Signature-256": GITHUB_SIGNED.replace("sha256", "sha1")}, Reason.MALFORMED),
        ({"X-Hub-Signature-256": GITHUB_SIGNED.upper()}, Reason.MALFORMED),
        ({"X-Hub-Signature-256": GITHUB_SIGNED[:-1]}, Reason.MALFORMED),
        ({"X-Hub-Signature-256": f"{GITHUB_SIGNED},{GITHUB_SIGNED}"}, Reason.MALFORMED),
        ({"X-Hub-Signature-256": GITHUB_SIGNED + "\n"}, Reason.MALFORMED),
        ({"X-Hub-Signature-256": "sha256=" + "ä" * 64}, Reason.MALFORMED),
        ({"X-GitHub-Delivery": "a b"}, Reason.MALFORMED),
        ({"X-GitHub-Delivery": "a" * 101}, Reason.MALFORMED),
        ({"X-Hub-Signature-256": "sha256=" + "0" * 64}, Reason.MISMATCH),
    ],
)
def test_a_broken_signature_of_github_proves_nothing(
    changes: dict[str, str], reason: Reason
) -> None:
    assert github(as_received(GITHUB_HEADERS | changes), GITHUB_BODY, [GITHUB_SECRET]) is reason


def test_another_content_is_not_what_github_signed() -> None:
    assert github(as_received(GITHUB_HEADERS), b"Hello, World?", [GITHUB_SECRET]) is Reason.MISMATCH


NAMES = st.sampled_from([*HEADERS, "X-Hub-Signature-256", "X-GitHub-Delivery"])
TEXTS = st.text(st.characters()) | st.sampled_from([*HEADERS.values(), GITHUB_SIGNED])


@given(st.dictionaries(NAMES, TEXTS), st.binary())
def test_any_headers_get_an_answer(headers: dict[str, str], body: bytes) -> None:
    assert isinstance(standard_webhooks(as_received(headers), body, [SECRET], NOW), Reason)
    assert isinstance(github(as_received(headers), body, [GITHUB_SECRET]), Reason)
