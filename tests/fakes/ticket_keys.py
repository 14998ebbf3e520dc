"""The keys that sign tickets, in memory."""

import secrets
from typing import override

from shared.ports import TicketKeys
from tests.fakes.mishaps import Mishaps


class FakeTicketKeys(TicketKeys):
    """`standing` has every key by its number; an operator may take one away."""

    def __init__(self) -> None:
        self.standing: dict[int, bytes] = {}
        self.mishaps = Mishaps()

    @override
    async def secret(self, number: int) -> bytes:
        async with self.mishaps.around("secret"):
            return self.standing.setdefault(number, secrets.token_bytes(32))
