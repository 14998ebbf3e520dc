"""Shared Key signatures, and the time that they hold for: shared/adapters/storage/sign.py."""

import hmac
from base64 import b64encode

import pytest

from shared.adapters.storage import point
from shared.adapters.storage.address import SharedKey
from shared.adapters.storage.point import Request
from shared.adapters.storage.sign import Dates, sign
from shared.ports import Receipt
from tests.fakes.clock import FakeClock

KEY = SharedKey(account="acct", text="c2VjcmV0", key=b"secret")
DATE = "Fri, 26 Jun 2015 23:39:12 GMT"
EMPTY = "\n" * 6  # Date, the four conditions and Range
QUEUE = f"x-ms-date:{DATE}\nx-ms-version:2019-02-02\n/acct"
RECEIPT = Receipt(message_id="m", pop_receipt="+/=")


@pytest.mark.parametrize(
    ("request_", "path", "text"),
    [
        (
            point.insert("runs", {"PartitionKey": "p", "RowKey": "r"}),
            "/runs",
            f"POST\n\napplication/json\n{DATE}\n/acct/runs",
        ),
        (
            point.get("runs", "p", "r'"),
            "/acct/runs(PartitionKey='p',RowKey='r''')",
            f"GET\n\n\n{DATE}\n/acct/acct/runs(PartitionKey='p',RowKey='r''')",
        ),
        (
            point.put_message("q", "x", hidden=3),
            "/q/messages",
            f"POST\n\n\n57\n\napplication/xml\n{EMPTY}{QUEUE}/q/messages\nmessagettl:-1\nvisibilitytimeout:3",
        ),
        (
            point.hide_message("q", RECEIPT, hidden=3),
            "/q/messages/m",
            f"PUT\n\n\n\n\n\n{EMPTY}{QUEUE}/q/messages/m\npopreceipt:+/=\nvisibilitytimeout:3",
        ),
    ],
    ids=["table", "table of an emulator", "queue", "queue without a body"],
)
def test_what_is_signed_is_the_services_own_string(request_: Request, path: str, text: str) -> None:
    digest = hmac.digest(b"secret", text.encode(), "sha256")

    assert sign(KEY, request_, path, DATE) == f"SharedKey acct:{b64encode(digest).decode()}"


def test_a_date_is_made_once_a_second() -> None:
    clock = FakeClock()
    dates = Dates(clock)
    first = dates.now()
    clock.advance(0.4)
    same = dates.now()
    clock.advance(1)

    assert first is same
    assert dates.now() != first
    assert first == "Tue, 24 Nov 2026 08:30:00 GMT"
