"""What the platform gave up on goes back under the id it had, and that id's record answers first: *once* holds.

The command for operators is `python -m shared.triggers.requeue --help`.
"""

import re
from dataclasses import dataclass
from typing import Final

from shared.ports import Poisoned, Records
from shared.run_request import (
    QUEUE_LIMIT,
    REQUEST_ID,
    Resume,
    RunRequest,
    decode,
    unfit_id,
)
from shared.stored_request import read

LEASE: Final = 60.0
_NAMELESS: Final = "msg-nameless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """How many messages went back, and how many stay because they name no request."""

    moved: int = 0
    left: int = 0


class Requeue:
    """Puts messages back."""

    def __init__(self, *, records: Records, poisoned: Poisoned) -> None:
        self._records = records
        self._poisoned = poisoned

    async def all(self) -> Returned:
        """Put every message of the poison queue back that names its request.

        For a time when the app's own poison trigger is switched off: otherwise that has answered them.
        """
        moved = 0
        left: set[str] = set()  # they show again when their lease is over
        while taken := await self._poisoned.take(LEASE):
            for body, receipt in taken:
                if _is_named(body):
                    await self._poisoned.put_back(body, receipt)
                    moved += 1
            nameless = {receipt.message_id for body, receipt in taken if not _is_named(body)}
            if nameless <= left and len(nameless) == len(taken):
                break
            left |= nameless
        return Returned(moved=moved, left=len(left))

    async def one(self, record_id: str, request_id: str) -> str:
        """Put a request without an id back under the one an operator names; "" or why that can't be.

        Args:
            record_id: the record under which the poison trigger kept the request (`msg-…`).
            request_id: the new id. The operator has looked in Synapse that no run of it exists.
        """
        if not re.fullmatch(REQUEST_ID, request_id) or unfit_id(request_id):
            return f"{request_id!r} can't be the id of a request."
        stored = await self._records.get(record_id)
        if stored is None:
            return f"No request {record_id!r} is recorded."
        record = stored.record
        if record.error is None or record.error.code != "DeliveryExhausted":
            return f"Request {record_id!r} is {record.status}; it was not given up on."
        if record.redacted:
            return "Its secret parameters were redacted: send the request again with them."
        request = read(record).model_copy(update={"request_id": request_id})
        await self._poisoned.put_back(request.to_json())
        return ""


def _is_named(body: bytes) -> bool:
    message = decode(body, default_id=_NAMELESS, limit=QUEUE_LIMIT)
    if isinstance(message, RunRequest):
        return message.request_id != _NAMELESS
    return isinstance(message, Resume)
