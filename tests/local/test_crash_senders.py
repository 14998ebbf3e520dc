"""A sender of the crash harness puts a message again only where that is the same request."""

import aiohttp
import pytest
from azure.core.exceptions import ServiceResponseError
from azure.storage.queue.aio import QueueClient

from tests.crash import senders
from tests.crash.plan import Entry, Posting, Request
from tests.crash.senders import Senders


@pytest.mark.parametrize(("entry", "puts"), [(Entry.PLAIN, 2), (Entry.NAMELESS, 1)])
async def test_a_message_whose_put_had_no_answer(
    entry: Entry, puts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []

    async def put(text: str) -> object:
        texts.append(text)
        if len(texts) == 1:
            raise ServiceResponseError("the connection was cut")
        return object()

    monkeypatch.setattr(senders, "PAUSE", 0.0)
    asked = Request(number=1, pipeline="copyOrders", parameters={"day": "1"})
    posting = Posting(request=asked, entry=entry, wave=0, correlation_id="c")
    queue = QueueClient.from_queue_url("http://127.0.0.1:9/account/run-requests", credential="key")
    monkeypatch.setattr(queue, "send_message", put)
    async with queue, aiohttp.ClientSession() as http:
        one = Senders(queue, http, lambda: None)
        await one.send(posting, "order-1")

    assert len(texts) == puts
    assert [sent.accepted for sent in one.sent] == [puts == 2]
    assert [sent.put_lost for sent in one.sent] == [puts == 1]
