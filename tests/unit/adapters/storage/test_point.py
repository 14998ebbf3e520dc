"""What the requests are; tests/contracts/test_point_requests.py compares them: shared/adapters/storage/point.py."""

import pytest
from hypothesis import given, strategies as st

from shared.adapters.storage import point
from shared.ports import Receipt

PARTITION, ROW = "O'Neill", "é +%/"
KEYS = {"PartitionKey": PARTITION, "RowKey": ROW}
PATH = "/runs(PartitionKey='O''Neill',RowKey='%C3%A9%20%2B%25%2F')"


def test_an_entity_is_addressed_by_its_keys() -> None:
    assert point.merge("runs", dict(KEYS), "e").path == PATH
    assert point.replace("runs", dict(KEYS)).path == PATH
    assert point.get("runs", PARTITION, ROW).path == PATH
    assert point.delete("runs", PARTITION, ROW, "e").path == PATH
    assert point.insert("runs", dict(KEYS)).path == "/runs"


@pytest.mark.parametrize("etag", ["", "*", " ", " * "])
def test_a_conditional_write_has_a_condition(etag: str) -> None:
    """A merge without one would be an upsert, whoever wrote in between."""
    with pytest.raises(ValueError, match="needs the ETag"):
        point.merge("runs", dict(KEYS), etag)
    with pytest.raises(ValueError, match="needs the ETag"):
        point.delete("runs", PARTITION, ROW, etag)


@given(st.text())
def test_every_patch_has_its_etag(etag: str) -> None:
    """Whatever it is."""
    try:
        request = point.merge("runs", dict(KEYS), etag)
    except ValueError:
        assert etag.strip() in {"", "*"}
    else:
        assert (request.method, request.headers["If-Match"]) == ("PATCH", etag)


def test_nothing_else_but_a_delete_has_a_condition() -> None:
    requests = [
        point.insert("runs", dict(KEYS)),
        point.replace("runs", dict(KEYS)),
        point.get("runs", PARTITION, ROW),
    ]

    assert all("If-Match" not in request.headers for request in requests)
    assert point.delete("runs", PARTITION, ROW, "e").headers["If-Match"] == "e"


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("", b""),
        ('{"a":"b"}', b'{"a":"b"}'),
        ("<a>&]]></a>", b"&lt;a&gt;&amp;]]&gt;&lt;/a&gt;"),
        ("é😀", "é😀".encode()),
    ],
)
def test_a_messages_text_is_escaped(text: str, body: bytes) -> None:
    request = point.put_message("q", text, hidden=0)

    assert request.body == b"<QueueMessage><MessageText>%b</MessageText></QueueMessage>" % body
    assert request.query == {"visibilitytimeout": "0", "messagettl": "-1"}


def test_a_message_is_addressed_by_its_receipt() -> None:
    receipt = Receipt(message_id="../a?b", pop_receipt="+/=&")

    for request in (
        point.hide_message("q", receipt, hidden=5),
        point.delete_message("q", receipt),
    ):
        assert request.path == "/q/messages/..%2Fa%3Fb"
        assert request.query["popreceipt"] == "+/=&"
        assert not request.body
