"""Runs are followed to their ends, by a real host, Azurite and the simulated workspace."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient

from local import stack
from local.synapse.activity import Activity
from tests.e2e.outside import Outside, eventually, outside

PIPELINE = "copyOrders"


class Followed:
    """A stack that looks every second, and the readers of its outcomes."""

    def __init__(self, world: Outside, storage: str) -> None:
        self.world = world
        self._storage = storage
        self._told: list[dict[str, Any]] = []

    async def start(self, *request_ids: str) -> list[str]:
        """Start a run for each; give the runs' ids."""
        for request_id in request_ids:
            await self.world.put({"pipelineName": PIPELINE, "requestId": request_id})
        results = [(await self.world.results(request_id))[0] for request_id in request_ids]
        assert {result["status"] for result in results} == {"Started"}
        return [str(result["runId"]) for result in results]

    async def outcomes(self, *request_ids: str) -> dict[str, dict[str, Any]]:
        """Wait for an outcome of each request."""
        queue = QueueClient.from_connection_string(self._storage, "run-outcomes")

        async def look() -> dict[str, dict[str, Any]] | None:
            try:
                async for message in queue.receive_messages(messages_per_page=32):
                    self._told.append(json.loads(base64.b64decode(message.content)))
                    await queue.delete_message(message)
            except ResourceNotFoundError:
                return None
            found = {told["requestId"]: told for told in self._told}
            return found if set(request_ids) <= found.keys() else None

        async with queue:
            return await eventually(look, f"outcomes of {len(request_ids)} requests")

    async def waits_for_nothing(self) -> bool:
        """Wait until the requests queue is empty, and tell whether the index of open runs is."""
        queue = QueueClient.from_connection_string(self._storage, "run-requests")
        table = TableClient.from_connection_string(self._storage, "runs")

        async def look() -> bool | None:
            properties = await queue.get_queue_properties()
            return properties.approximate_message_count == 0 or None

        async with queue, table:
            await eventually(look, "empty queue")
            index = "PartitionKey ge 'open-' and PartitionKey lt 'open.'"
            return [row async for row in table.query_entities(index)] == []


@pytest.fixture(scope="module")
async def followed() -> AsyncIterator[Followed]:
    async with (
        stack.running(env={"FOLLOW_SECONDS": "1"}) as running,
        outside(url=running.url, storage=running.storage, synapse=running.synapse.url) as world,
    ):
        yield Followed(world, running.storage)


async def test_a_run_that_succeeds(followed: Followed) -> None:
    (run_id,) = await followed.start("succeeds")
    await followed.world.synapse.end(run_id)

    outcome = (await followed.outcomes("succeeds"))["succeeds"]

    assert (outcome["outcome"], outcome["runId"], outcome["runGroupId"]) == (
        "Succeeded",
        run_id,
        run_id,
    )
    assert outcome["durationMs"] > 0
    delivery, told = sorted(
        await followed.world.audited("succeeds", 2), key=lambda entry: str(entry["event"])
    )
    assert (delivery["event"], told["event"], told["outcome"]) == (
        "delivery",
        "outcome",
        "Succeeded",
    )


async def test_a_run_that_fails_names_what_failed(followed: Followed) -> None:
    (run_id,) = await followed.start("fails")
    failed = Activity(name="copy", status="Failed", error_code="2200", message="No such file.")
    message = "Operation on target copy failed: No such file."
    await followed.world.synapse.end(run_id, outcome="Failed", message=message, activities=[failed])

    outcome = (await followed.outcomes("fails"))["fails"]

    assert (outcome["outcome"], outcome["error"]["code"]) == ("Failed", "RunFailed")
    assert outcome["error"]["message"] == message
    assert [(one["target"], one["code"]) for one in outcome["error"]["details"]] == [
        ("copy", "2200")
    ]


async def test_a_run_that_is_cancelled_elsewhere(followed: Followed) -> None:
    (run_id,) = await followed.start("cancelled")
    await followed.world.synapse.end(run_id, outcome="Cancelled")

    assert (await followed.outcomes("cancelled"))["cancelled"]["outcome"] == "Cancelled"


async def test_many_runs_end_and_then_nothing_is_scheduled(followed: Followed) -> None:
    names = [f"many-{number}" for number in range(150)]
    await followed.start(*names)  # they end by themselves, as their pipeline says

    outcomes = await followed.outcomes(*names)

    assert {outcomes[name]["outcome"] for name in names} == {"Succeeded"}
    assert await followed.waits_for_nothing()
