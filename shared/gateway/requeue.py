"""Puts poison messages back under the ids they had; each id's record is read first, so that none starts a second run.

The command for operators is `make requeue`, see docs/operate.md.
"""

import re
from dataclasses import dataclass
from typing import Final

from shared.kernel.cloud_error import Code
from shared.ports import Poisoned, Records
from shared.runs.payload import read
from shared.runs.request import QUEUE_LIMIT, REQUEST_ID, Rejection, RunRequest, decode, unfit_id

LEASE: Final = 60.0
_NAMELESS: Final = "msg-nameless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nameless:
    """A message that names no request, with a description."""

    message_id: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The number of messages put back, and those left because they name no request."""

    moved: int = 0
    left: tuple[Nameless, ...] = ()


class Requeue:
    """Puts messages of the poison queue back on the requests queue."""

    def __init__(self, *, records: Records, poisoned: Poisoned) -> None:
        self._records = records
        self._poisoned = poisoned

    async def all(self) -> Returned:
        """Put back every message that names its request.

        For use while the app's own poison trigger is switched off: otherwise that has answered them.
        """
        moved = 0
        left: dict[str, Nameless] = {}  # they become visible again when their lease is over
        while taken := await self._poisoned.take(LEASE):
            known = len(left)
            stays = 0
            for body, receipt in taken:
                what = _nameless(body)
                if what is None:
                    await self._poisoned.put_back(body, receipt)
                    moved += 1
                else:
                    stays += 1
                    left[receipt.message_id] = Nameless(message_id=receipt.message_id, what=what)
            if stays == len(taken) and len(left) == known:
                break
        return Returned(moved=moved, left=tuple(left.values()))

    async def one(self, record_id: str, request_id: str) -> str:
        """Put a request without an id back under the one an operator gives; return "" or why that can't be.

        Args:
            record_id: the record under which the poison trigger kept the request (`msg-…`).
            request_id: the new id. The operator has checked in Synapse that no run of it exists.
        """
        if not re.fullmatch(REQUEST_ID, request_id) or unfit_id(request_id):
            return f"{request_id!r} can't be the id of a request."
        stored = await self._records.get(record_id)
        if stored is None:
            return f"No request {record_id!r} is recorded."
        record = stored.record
        if record.error is None or record.error.code != Code.DELIVERY_EXHAUSTED:
            return f"Request {record_id!r} is {record.status}; it was not given up on."
        if record.redacted:
            return "Its secret parameters were redacted: send the request again with them."
        request = read(record).model_copy(update={"request_id": request_id})
        await self._poisoned.put_back(request.to_json())
        return ""


def _nameless(body: bytes) -> str | None:
    """Describe a message that names no request; None for one that does."""
    message = decode(body, default_id=_NAMELESS, limit=QUEUE_LIMIT)
    if isinstance(message, Rejection):
        return f"{len(body)} bytes that are not a request"
    if isinstance(message, RunRequest) and message.request_id == _NAMELESS:
        return f"a request for {message.pipeline_name!r} without a requestId"
    return None
