"""Queue triggers and outputs of the local host, against Azurite."""

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator

import pytest

from local.azurite import server
from local.process import Child, free_port
from tests.local.host_app.serving import APP, Queues, host, says, until


@pytest.fixture(scope="module")
async def azurite() -> AsyncIterator[server.Azurite]:
    async with server.running() as running:
        yield running


@pytest.fixture(scope="module")
async def shared(azurite: server.Azurite) -> AsyncIterator[Child]:
    async with host(azurite.connection_string) as running:
        yield running


@pytest.fixture
async def queues(azurite: server.Azurite) -> AsyncIterator[Queues]:
    async with Queues(azurite) as opened:
        yield opened


@pytest.fixture(scope="module")
async def in_base64(
    azurite: server.Azurite, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Child]:
    """The small app with the platform's default encoding."""
    app = tmp_path_factory.mktemp("app")
    shutil.copy(APP / "function_app.py", app)
    content = json.loads((APP / "host.json").read_text())
    content["extensions"]["queues"]["messageEncoding"] = "base64"
    (app / "host.json").write_text(json.dumps(content))
    async with host(azurite.connection_string, app=app, tasks="coded") as running:
        yield running


async def test_a_message_runs_its_function_and_is_deleted(shared: Child, queues: Queues) -> None:
    sent = await queues.send("tasks", {"mark": "plain ü"})

    told = await queues.told(mark="plain ü")

    assert (told["id"], told["count"]) == (sent, 1)
    assert told["inserted"] < told["visible"] < told["expires"]
    assert told["receipt"]
    await queues.empties("tasks")


async def test_a_failed_message_comes_again(shared: Child, queues: Queues) -> None:
    sent = await queues.send("tasks", {"mark": "again", "fail": 1})

    told = await queues.told(mark="again")

    assert (told["id"], told["count"]) == (sent, 2)
    assert "on_task failed: ValueError: told to fail" in shared.output()


async def test_a_message_that_always_fails_is_copied_to_the_poison_queue(
    shared: Child, queues: Queues
) -> None:
    body = json.dumps({"mark": "poison", "fail": 99})
    sent = await queues.send("tasks", body)

    poison = await queues.take("tasks-poison")

    assert poison.content == body
    assert poison.id != sent
    await queues.empties("tasks")


async def test_a_poison_queue_has_no_poison_queue(shared: Child, queues: Queues) -> None:
    """What fails there stays invisible until its lease ends."""
    await queues.send("other-poison", "x")
    await says(shared, "no poison queue")

    assert await queues.count("other-poison") == 1
    assert await queues.receive("other-poison") == []
    assert "other-poison-poison" not in await queues.names()


async def test_a_message_received_too_often_is_poisoned_without_a_run(
    azurite: server.Azurite, queues: Queues
) -> None:
    """Crashes don't fail: only the dequeue count shows them."""
    await queues.create("crashed")
    await queues.send("crashed", {"mark": "crashed"})
    for _ in range(2):
        await queues.receive_and_release("crashed")

    async with host(azurite.connection_string, tasks="crashed") as child:
        await queues.take("crashed-poison")
        await queues.empties("crashed")

    assert "on_task" not in child.output()
    assert "Message has reached MaxDequeueCount of 2" in child.output()


async def test_a_lease_is_renewed_while_the_function_runs(
    azurite: server.Azurite, queues: Queues
) -> None:
    async with host(azurite.connection_string, "--queue-lease", "1", tasks="leased"):
        await queues.send("leased", {"mark": "leased", "sleep": 1.4})
        assert (await queues.told(mark="leased"))["count"] == 1
        await queues.empties("leased")

    assert await queues.receive("told") == []  # a second run would have told so


async def test_a_killed_host_loses_nothing(azurite: server.Azurite, queues: Queues) -> None:
    """The message comes again when the lease ends."""
    flags = ("--queue-lease", "1")
    async with host(azurite.connection_string, *flags, tasks="killed") as first:
        sent = await queues.send("killed", {"mark": "killed", "hang": 1})
        await asyncio.sleep(0.5)
        first.kill()
    async with host(azurite.connection_string, *flags, tasks="killed"):
        told = await queues.told(mark="killed")

    assert (told["id"], told["count"]) == (sent, 2)


async def test_no_more_run_at_once_than_batch_and_threshold(
    azurite: server.Azurite, queues: Queues
) -> None:
    """Four are received; when two of them are left, four more."""
    await queues.create("crowd")
    for sleep in (0.1, 0.1, 0.6, 0.6, *[0.3] * 6):
        await queues.send("crowd", {"mark": "crowd", "sleep": sleep})
    async with host(azurite.connection_string, tasks="crowd"):
        told = [await queues.told(mark="crowd") for _ in range(10)]

    assert max(one["at_once"] for one in told) == 6


async def test_base64_is_decoded(in_base64: Child, queues: Queues) -> None:
    await queues.send("coded", base64.b64encode(b'{"mark": "coded"}').decode())

    assert await queues.told(mark="coded")


async def test_what_is_not_base64_is_poisoned_without_a_run(
    in_base64: Child, queues: Queues
) -> None:
    await queues.send("coded", '{"mark": "uncoded"}')

    assert (await queues.take("coded-poison")).content == '{"mark": "uncoded"}'
    assert "on_task failed" not in in_base64.output()


async def test_bytes_that_are_no_text_fail_the_run(in_base64: Child, queues: Queues) -> None:
    body = base64.b64encode(b"\xff\xfe").decode()
    await queues.send("coded", body)

    assert (await queues.take("coded-poison")).content == body
    assert in_base64.output().count("on_task failed: the message is not UTF-8") == 2


async def test_a_host_outlives_an_absent_storage_service() -> None:
    """It polls again, so the order in which the stack starts does not matter."""
    queue_port, table_port = free_port(), free_port()
    address = server.connection_string(queue_port=queue_port, table_port=table_port)
    async with host(address) as child:
        await says(child, "queue tasks:")
        async with (
            server.running(queue_port=queue_port, table_port=table_port) as azurite,
            Queues(azurite) as opened,
        ):

            async def created() -> bool:
                return "tasks" in await opened.names()

            await until(created)
            await opened.send("tasks", {"mark": "late"})
            assert await opened.told(mark="late")
