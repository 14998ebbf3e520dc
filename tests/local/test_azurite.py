"""Azurite as the local stack runs it."""

import json
from pathlib import Path

import pytest
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

from local import process
from local.azurite import install, server

LOCK = Path(install.__file__).with_name("package-lock.json")


async def test_queues_and_tables_are_served_on_chosen_ports() -> None:
    queue_port, table_port = process.free_port(), process.free_port()
    address = server.connection_string(queue_port=queue_port, table_port=table_port)
    async with server.running(queue_port=queue_port, table_port=table_port) as azurite:
        assert azurite.connection_string == address
        async with QueueClient.from_connection_string(address, "some-queue") as queue:
            await queue.create_queue()
            await queue.send_message("text")
            assert [message.content async for message in queue.receive_messages()] == ["text"]
        async with TableClient.from_connection_string(address, "sometable") as table:
            await table.create_table()
            await table.create_entity({"PartitionKey": "p", "RowKey": "r", "n": 1})
            assert (await table.get_entity("p", "r"))["n"] == 1
        with pytest.raises(process.NotServing, match="EADDRINUSE"):
            await server.start(queue_port=queue_port)


async def test_a_location_keeps_the_data_over_a_restart(tmp_path: Path) -> None:
    account = server.Account("ownaccount", "b3duIGtleQ==")
    for content in ([], ["kept"]):
        async with server.running(location=tmp_path, account=account) as azurite:
            address = azurite.connection_string
            async with QueueClient.from_connection_string(address, "some-queue") as queue:
                if not content:
                    await queue.create_queue()
                    await queue.send_message("kept")
                else:
                    messages = [message.content async for message in queue.receive_messages()]
                    assert messages == content


def test_the_lock_pins_exactly_and_names_no_host() -> None:
    lock = json.loads(LOCK.read_text())
    wanted = json.loads(LOCK.with_name("package.json").read_text())["dependencies"]["azurite"]

    assert lock["packages"]["node_modules/azurite"]["version"] == wanted
    assert all("integrity" in one for name, one in lock["packages"].items() if name)
    assert not any("resolved" in one for one in lock["packages"].values())
