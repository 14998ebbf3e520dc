"""Issues tickets, and reads them: who has one may see one outcome."""

from typing import Final

from shared.auth import ticket as tickets
from shared.auth.ticket import Ticket
from shared.ports import Clock, TicketKeys

#: Seconds for which a key is remembered: an operator who deletes it voids its tickets after that.
KEPT: Final = 300.0
#: Seconds between two readings of a key for tickets that it did not sign: forged ones must cost nothing.
DOUBTED: Final = 30.0


class Tickets:
    """The tickets of this app. One for each process: it remembers keys."""

    def __init__(self, *, clock: Clock, keys: TicketKeys) -> None:
        self._clock = clock
        self._keys = keys
        #: by their numbers: the secrets, and when each was read, by the monotonic clock
        self._known: dict[int, tuple[bytes, float]] = {}

    async def issue(self, request_id: str, generation: int) -> str:
        """Issue a ticket for the outcome of one generation."""
        ticket = tickets.issue(request_id, generation, self._clock.now().timestamp())
        return tickets.encode(ticket, await self._secret(ticket.key, KEPT))

    async def read(self, text: str) -> Ticket | None:
        """Read a ticket; None for one that is forged or has expired."""
        signed = tickets.decode(text)
        if signed is None or not tickets.is_current(signed.ticket, self._clock.now().timestamp()):
            return None
        # A key that was deleted and drawn anew may not be known here yet.
        for seconds in (KEPT, DOUBTED):
            if signed.is_genuine(await self._secret(signed.ticket.key, seconds)):
                return signed.ticket
        return None

    async def _secret(self, number: int, seconds: float) -> bytes:
        """Return a key that was read at most so many seconds ago."""
        now = self._clock.monotonic()
        if number not in self._known or now - self._known[number][1] >= seconds:
            self._known[number] = await self._keys.secret(number), now
        return self._known[number][0]
