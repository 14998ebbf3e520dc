"""Queues: put, get, hide and delete messages; notes when each came, was first taken, and went."""

import base64
import heapq
import itertools
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qs, unquote
from uuid import uuid4
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from bench.stand_in.answer import Answer

MESSAGE: Final = re.compile(r"(?P<queue>[^/]+)/messages(?:/(?P<id>[^/]+))?")
NEVER: Final = "Fri, 31 Dec 9999 23:59:59 GMT"
WEEK: Final = 7 * 24 * 3600


@dataclass(slots=True)
class Message:
    """One message; times are of the monotonic clock, but `inserted`."""

    message_id: str
    text: str
    came: float
    inserted: float
    expires: float | None
    visible: float
    receipt: str = ""
    count: int = 0
    taken: float | None = None


@dataclass(slots=True)
class Queue:
    """The messages of a queue by id, and in the order in which they become visible."""

    messages: dict[str, Message] = field(default_factory=dict)
    due: list[tuple[float, int, str]] = field(default_factory=list)
    journeys: list[tuple[float, float, float]] = field(default_factory=list)


class Queues:
    """All queues."""

    def __init__(self) -> None:
        self.queues: dict[str, Queue] = {}
        self._numbers = itertools.count(1)

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Answer one request; `path` is what follows the account, as it was sent."""
        del headers  # nothing depends on them
        step, asked = unquote(path), parse_qs(query)
        found = MESSAGE.fullmatch(step)
        if found is None:
            return self._of_queue(method, step)
        queue = self.queues.get(found["queue"])
        if queue is None:
            return _error(404, "QueueNotFound")
        if found["id"]:
            return self._of_message(queue, method, found["id"], asked, body)
        match method:
            case "POST":
                return self._put(queue, asked, body)
            case "GET":
                return self._get(queue, asked)
            case _:
                queue.messages.clear()
                return Answer(204)

    def create(self, name: str) -> bool:
        """Create a queue; False if it is there."""
        if name in self.queues:
            return False
        self.queues[name] = Queue()
        return True

    def put(self, name: str, text: str) -> None:
        """Put a message on a queue, past the wire."""
        self._add(self.queues[name], text, 0.0, None)

    def copy(self, name: str, times: int) -> None:
        """Fill a queue with so many copies of one of its messages, as if nobody read them."""
        queue = self.queues[name]
        kept = next(iter(queue.messages.values()))
        for _ in range(times):
            self._add(queue, kept.text, 0.0, None)

    def _of_queue(self, method: str, name: str) -> Answer:
        if method == "PUT":
            return Answer(201 if self.create(name) else 204)
        queue = self.queues.get(name)
        if queue is None:
            return _error(404, "QueueNotFound")
        return Answer(200, {"x-ms-approximate-messages-count": str(len(queue.messages))})

    def _put(self, queue: Queue, asked: Mapping[str, list[str]], body: bytes) -> Answer:
        text = ET.fromstring(body).findtext("MessageText") or ""
        life = float(asked.get("messagettl", [str(WEEK)])[0])
        hidden = float(asked.get("visibilitytimeout", ["0"])[0])
        message = self._add(queue, text, hidden, None if life < 0 else life)
        return _listed(201, [message], with_text=False)

    def _add(self, queue: Queue, text: str, hidden: float, life: float | None) -> Message:
        now = time.time()
        message = Message(
            message_id=str(uuid4()),
            text=text,
            came=time.monotonic(),
            inserted=now,
            expires=None if life is None else now + life,
            visible=0.0,
        )
        queue.messages[message.message_id] = message
        self._hide(queue, message, hidden)
        return message

    def _get(self, queue: Queue, asked: Mapping[str, list[str]]) -> Answer:
        now = time.monotonic()
        most = int(asked.get("numofmessages", ["1"])[0])
        hidden = float(asked.get("visibilitytimeout", ["30"])[0])
        taken: list[Message] = []
        while queue.due and queue.due[0][0] <= now and len(taken) < most:
            visible, _, message_id = heapq.heappop(queue.due)
            message = queue.messages.get(message_id)
            if message is None or message.visible != visible:
                continue  # deleted, or hidden again since
            message.count += 1
            message.taken = message.taken or now
            taken.append(message)
        for message in taken:
            self._hide(queue, message, hidden)
        return _listed(200, taken, with_text=True)

    def _of_message(
        self,
        queue: Queue,
        method: str,
        message_id: str,
        asked: Mapping[str, list[str]],
        body: bytes,
    ) -> Answer:
        message = queue.messages.get(message_id)
        if message is None:
            return _error(404, "MessageNotFound")
        if message.receipt != asked.get("popreceipt", [""])[0]:
            return _error(400, "PopReceiptMismatch")
        if method == "DELETE":
            del queue.messages[message_id]
            now = time.monotonic()
            queue.journeys.append((message.came, message.taken or now, now))
            return Answer(204)
        if body:
            message.text = ET.fromstring(body).findtext("MessageText") or ""
        self._hide(queue, message, float(asked["visibilitytimeout"][0]))
        headers = {"x-ms-popreceipt": message.receipt, "x-ms-time-next-visible": _shown(message)}
        return Answer(204, headers)

    def _hide(self, queue: Queue, message: Message, seconds: float) -> None:
        """Hide it for some seconds, under a new receipt."""
        number = next(self._numbers)
        message.visible = time.monotonic() + seconds
        message.receipt = base64.b64encode(number.to_bytes(8)).decode()
        heapq.heappush(queue.due, (message.visible, number, message.message_id))


def _shown(message: Message) -> str:
    return formatdate(time.time() + message.visible - time.monotonic(), usegmt=True)


def _listed(status: int, messages: list[Message], *, with_text: bool) -> Answer:
    listed = "".join(_element(one, with_text=with_text) for one in messages)
    # Azure's answers begin with a byte order mark.
    text = (
        '\ufeff<?xml version="1.0" encoding="utf-8"?>'
        f"<QueueMessagesList>{listed}</QueueMessagesList>"
    )
    return Answer(status, {"Content-Type": "application/xml"}, text.encode())


def _element(message: Message, *, with_text: bool) -> str:
    expires = NEVER if message.expires is None else formatdate(message.expires, usegmt=True)
    text = (
        f"<DequeueCount>{message.count}</DequeueCount><MessageText>{escape(message.text)}</MessageText>"
        if with_text
        else ""
    )
    return (
        f"<QueueMessage><MessageId>{message.message_id}</MessageId>"
        f"<InsertionTime>{formatdate(message.inserted, usegmt=True)}</InsertionTime>"
        f"<ExpirationTime>{expires}</ExpirationTime><PopReceipt>{message.receipt}</PopReceipt>"
        f"<TimeNextVisible>{_shown(message)}</TimeNextVisible>{text}</QueueMessage>"
    )


def _error(status: int, code: str) -> Answer:
    text = f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{code}.</Message></Error>'
    headers = {"Content-Type": "application/xml", "x-ms-error-code": code}
    return Answer(status, headers, text.encode())
