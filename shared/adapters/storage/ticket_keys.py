"""The keys that sign tickets, in the `runs` table."""

import secrets
from contextlib import suppress
from typing import Final, override

from shared.adapters.storage import columns
from shared.adapters.storage.account import Account
from shared.adapters.storage.facts import Exists, Missing
from shared.kernel.errors import RecordUnreadable
from shared.ports import TicketKeys

PARTITION: Final = "tickets"
_BYTES: Final = 32


class TableTicketKeys(TicketKeys):
    """Keys in Azure Table Storage. One is added each month, and none is taken away."""

    def __init__(self, account: Account, table: str) -> None:
        self._account = account
        self._table = table

    @override
    async def secret(self, number: int) -> bytes:
        try:
            return await self._stored(number)
        except Missing:
            pass
        entity: columns.Entity = {
            "PartitionKey": PARTITION,
            "RowKey": row_of(number),
            "secret": secrets.token_bytes(_BYTES),
        }
        with suppress(Exists):
            await self._account.table(self._table).insert(entity)
        # Read again: another process may have been quicker.
        return await self._stored(number)

    async def _stored(self, number: int) -> bytes:
        row = await self._account.table(self._table).get(PARTITION, row_of(number))
        found: bytes = columns.read(row.values, "secret", columns.BYTES)
        if len(found) != _BYTES:  # edited by hand: anybody could sign with an empty one
            msg = "The column secret holds no key of this app's."
            raise RecordUnreadable(msg)
        return found


def row_of(number: int) -> str:
    """Return the row key of a key."""
    return f"key-{number}"
