"""Checks a webhook's signature against the secrets in use.

Written by hand, because every header must get an answer: the package `standardwebhooks` (1.1.0) raises ValueError for
a signature without a comma and for broken base64, UnicodeDecodeError for a body that is not UTF-8, supports one secret
only, and reads the clock itself.
"""

import base64
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

#: What every reference library of Standard Webhooks allows, in both directions.
TOLERANCE: Final = timedelta(minutes=5)
#: By the specification there is one signature for each secret in use: two while one is renewed.
MAX_SIGNATURES: Final = 16

# No full stop: it separates the signed id, time and body ("Signature scheme" in the specification).
_ID: Final = re.compile(r"[!-+\-/-~]{1,256}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_HEX: Final = re.compile(r"sha256=[0-9a-f]{64}")
_DELIVERY: Final = re.compile(r"[0-9A-Za-z-]{1,100}")


class Reason(StrEnum):
    """Why a signature is refused; for the log and the metric."""

    MISSING = "missing"  #: a required header is missing
    MALFORMED = "malformed"
    TOO_OLD = "tooOld"
    TOO_NEW = "tooNew"
    MISMATCH = "mismatch"  #: another secret, or another content


def standard_webhooks(
    headers: Mapping[str, str], body: bytes, secrets: Iterable[bytes], now: datetime
) -> str | Reason:
    """Check Standard Webhooks' symmetric signature. Return the webhook's id, which its retries share, or why not.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    webhook_id, seconds, signatures = (headers.get(name, "") for name in names)
    if not (webhook_id and seconds and signatures):
        return Reason.MISSING
    if not _ID.fullmatch(webhook_id) or not _SECONDS.fullmatch(seconds):
        return Reason.MALFORMED
    age = now.timestamp() - int(seconds)
    if abs(age) > TOLERANCE.total_seconds():
        return Reason.TOO_OLD if age > 0 else Reason.TOO_NEW
    signed = f"{webhook_id}.{seconds}.".encode() + body
    expected = [b"v1," + base64.b64encode(_digest(secret, signed)) for secret in secrets]
    # Encoded signatures are compared: invalid base64, or base64 in another form, just differs.
    found = [one.encode(errors="replace") for one in signatures.split(" ")[:MAX_SIGNATURES]]
    return webhook_id if _is_any_of(found, expected) else Reason.MISMATCH


def github(headers: Mapping[str, str], body: bytes, secrets: Iterable[bytes]) -> str | Reason:
    """Check GitHub's signature. Return the delivery's id, which a redelivery shares, or why not.

    https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries. Only the body is signed: neither a
    time nor the id.
    """
    delivery = headers.get("x-github-delivery", "")
    signature = headers.get("x-hub-signature-256", "")
    if not (delivery and signature):
        return Reason.MISSING
    if not _DELIVERY.fullmatch(delivery) or not _HEX.fullmatch(signature):
        return Reason.MALFORMED
    expected = [b"sha256=" + _digest(secret, body).hex().encode() for secret in secrets]
    return delivery if _is_any_of([signature.encode()], expected) else Reason.MISMATCH


def _digest(secret: bytes, content: bytes) -> bytes:
    return hmac.digest(secret, content, "sha256")


def _is_any_of(found: Iterable[bytes], expected: Iterable[bytes]) -> bool:
    """Return whether any signature is an expected one; every pair is compared, each in constant time."""
    known = list(expected)
    return any([hmac.compare_digest(one, other) for one in found for other in known])  # noqa: C419 - all, always
