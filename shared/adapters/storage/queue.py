"""One queue: single messages by requests of our own; they are taken through Azure's library."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from shared.adapters.storage import answers, point
from shared.adapters.storage.facts import Changed, Missing, NotCreated
from shared.adapters.storage.wire import Wire
from shared.adapters.track import Track
from shared.kernel import strict_json
from shared.ports import Receipt

if TYPE_CHECKING:
    from shared.adapters.storage.library import LibraryQueue

LONGEST_DELAY: Final = 6 * 24 * 3600.0  # the service's limit is seven days


class Queue:
    """One queue. It is created when the service says that it does not exist."""

    def __init__(
        self, name: str, wire: Wire, library: "Callable[[], LibraryQueue]", track: Track
    ) -> None:
        self._name = name
        self._what = f"queue {name}"
        self._wire = wire
        self._library = library
        self._track = track

    async def put(self, text: str, *, delay: float = 0.0) -> Receipt:
        """Put a message, which never expires, on the queue. JSON in it stays the same JSON.

        If an answer is lost, it is put there twice.
        """
        request = point.put_message(self._name, strict_json.for_xml(text), hidden=_seconds(delay))
        answer = await self._track.watch(
            self._wire.send(self._what, request, create=lambda: self._library().create())
        )
        return answers.receipt(self._what, answer)

    async def take(self, lease: float) -> list[tuple[str, Receipt]]:
        """Take up to 32 messages, hidden from others for `lease` seconds; none if there is no queue."""
        try:
            return await self._library().take(max(1, _seconds(lease)))
        except NotCreated:
            return []

    async def hide(self, receipt: Receipt, delay: float) -> bool:
        """Hide a message from now on; False if it is gone or was taken."""
        try:
            await self._wire.send(
                self._what, point.hide_message(self._name, receipt, hidden=_seconds(delay))
            )
        except (Missing, Changed, NotCreated):
            return False
        return True

    async def delete(self, receipt: Receipt) -> None:
        """Delete a message; one that is gone or was taken is not an error."""
        try:
            await self._wire.send(self._what, point.delete_message(self._name, receipt))
        except (Missing, Changed, NotCreated):
            return


def _seconds(delay: float) -> int:
    return math.ceil(min(max(delay, 0.0), LONGEST_DELAY))
