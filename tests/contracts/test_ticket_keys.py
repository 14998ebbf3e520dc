"""The contract of the `TicketKeys` port, on the fake and on Azurite."""

import asyncio

import pytest
from azure.data.tables.aio import TableClient

from shared.adapters.storage.account import Account
from shared.adapters.storage.ticket_keys import PARTITION, TableTicketKeys, row_of
from shared.kernel.errors import RecordUnreadable
from shared.ports import TicketKeys
from tests.contracts.worlds import Storage, fresh_name
from tests.fakes.ticket_keys import FakeTicketKeys


class Keys:
    """What two processes of the app would use."""

    def __init__(self, one: TicketKeys, other: TicketKeys) -> None:
        self.one, self.other = one, other


@pytest.fixture(params=["fake", "azurite"])
def keys(request: pytest.FixtureRequest) -> Keys:
    if request.param == "fake":
        fake = FakeTicketKeys()
        return Keys(fake, fake)
    account, name = request.getfixturevalue("account"), fresh_name()
    return Keys(TableTicketKeys(account, name), TableTicketKeys(account, name))


async def test_a_key_is_drawn_once(keys: Keys) -> None:
    first = await keys.one.secret(690)

    assert len(first) == 32
    assert [await keys.one.secret(690), await keys.other.secret(690)] == [first, first]


async def test_each_number_has_a_key_of_its_own(keys: Keys) -> None:
    assert await keys.one.secret(690) != await keys.one.secret(691)


async def test_processes_that_draw_at_once_get_the_same(keys: Keys) -> None:
    drawn = await asyncio.gather(
        *(one.secret(7) for one in (keys.one, keys.other) for _ in range(4))
    )

    assert len(set(drawn)) == 1


async def test_a_write_whose_answer_is_lost_is_the_key(storage: Storage, account: Account) -> None:
    name = fresh_name()
    await TableTicketKeys(account, name).secret(1)
    storage.cut_answers("insertRecord")

    drawn = await TableTicketKeys(account, name).secret(2)

    assert await TableTicketKeys(account, name).secret(2) == drawn


@pytest.mark.parametrize("secret", [b"", b"short", "text"])
async def test_what_is_no_key_signs_nothing(
    storage: Storage, account: Account, secret: bytes | str
) -> None:
    """Anybody could sign with an empty one."""
    name = fresh_name()
    await TableTicketKeys(account, name).secret(1)
    async with TableClient.from_connection_string(storage.connection_string, name) as client:
        keys = {"PartitionKey": PARTITION, "RowKey": row_of(1)}
        await client.upsert_entity(keys | {"secret": secret})

    with pytest.raises(RecordUnreadable):
        await TableTicketKeys(account, name).secret(1)
