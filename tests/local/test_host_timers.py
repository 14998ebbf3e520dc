"""Timers, and functions started by hand."""

import json
from collections.abc import AsyncIterator
from datetime import datetime

import aiohttp
import pytest

from local.azurite import server
from local.host import ncrontab
from local.process import Child
from tests.local.host_app.serving import Queues, host


@pytest.fixture(scope="module")
async def azurite() -> AsyncIterator[server.Azurite]:
    async with server.running() as running:
        yield running


@pytest.fixture
async def queues(azurite: server.Azurite) -> AsyncIterator[Queues]:
    async with Queues(azurite) as opened:
        yield opened


@pytest.fixture(scope="module")
async def shared(azurite: server.Azurite) -> AsyncIterator[Child]:
    async with host(azurite.connection_string) as running:
        yield running


async def test_a_timer_fires_by_its_schedule(azurite: server.Azurite, queues: Queues) -> None:
    async with host(azurite.connection_string, timer="* * * * * *"):
        fired = [json.loads((await queues.take("ticks")).content) for _ in range(2)]

    assert fired == [{"past_due": False}] * 2


async def test_functions_are_started_by_hand(shared: Child, queues: Queues) -> None:
    for name, body in (("ON_TIMER", {}), ("on_task", {"input": '{"mark": "by hand"}'})):
        async with (
            aiohttp.ClientSession(shared.url) as caller,
            caller.post(f"/admin/functions/{name}", json=body) as response,
        ):
            assert response.status == 202

    assert await queues.take("ticks")
    assert (await queues.told(mark="by hand"))["count"] == 1


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [("nobody", "{}", 404), ("on_timer", "", 400), ("on_timer", "[]", 400), ("echo", "{}", 400)],
)
async def test_what_can_not_be_started_by_hand(
    shared: Child, name: str, body: str, status: int
) -> None:
    async with (
        aiohttp.ClientSession(shared.url) as caller,
        caller.post(f"/admin/functions/{name}", data=body) as response,
    ):
        assert response.status == status


@pytest.mark.parametrize(
    ("schedule", "after", "due"),
    [
        ("* * * * * *", "2026-11-24 10:00:00", "2026-11-24 10:00:01"),
        ("0 */5 * * * *", "2026-11-24 10:00:00", "2026-11-24 10:05:00"),
        ("0 */5 * * * *", "2026-11-24 10:57:30", "2026-11-24 11:00:00"),
        ("30 0 9-17/4 * * *", "2026-11-24 09:00:30", "2026-11-24 13:00:30"),
        ("0 30 9 * * mon-fri", "2026-11-27 09:30:00", "2026-11-30 09:30:00"),
        ("0 0 0 1 Jan,Jul *", "2026-11-24 10:00:00", "2027-01-01 00:00:00"),
        ("0 0 0 29 2 *", "2026-11-24 10:00:00", "2028-02-29 00:00:00"),
        ("0 0 0 13 * 5", "2026-11-24 10:00:00", "2027-08-13 00:00:00"),  # day and weekday
        ("0 0 0 * * SUN", "2026-11-24 10:00:00", "2026-11-29 00:00:00"),
        ("15 10 * * *", "2026-11-24 10:00:00", "2026-11-24 10:15:00"),  # five fields
        ("10/20 * * * * *", "2026-11-24 10:00:31", "2026-11-24 10:00:50"),
    ],
)
def test_a_schedules_next_time(schedule: str, after: str, due: str) -> None:
    found = ncrontab.read(schedule).after(datetime.fromisoformat(after))

    assert found == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    "schedule", ["", "* * * *", "60 * * * * *", "a * * * * *", "5-1 * * * * *", "* * * 0 * *"]
)
def test_a_schedule_that_can_not_be_read(schedule: str) -> None:
    with pytest.raises(ncrontab.ScheduleInvalid):
        ncrontab.read(schedule)


def test_a_schedule_that_never_comes() -> None:
    with pytest.raises(ncrontab.ScheduleInvalid, match="never"):
        ncrontab.read("0 0 0 31 2 *").after(datetime.fromisoformat("2026-11-24"))
