"""Runs a timer trigger's function at the times of its schedule, never twice at once."""

import asyncio
import json
from datetime import UTC, datetime

from local.host import ncrontab, settings
from local.host.invocations import Invocations
from local.host.protos import TypedData
from local.host.worker import Function


class Timer:
    """Runs one function by its schedule; the platform does so on one instance, this host on each."""

    def __init__(self, function: Function, invocations: Invocations) -> None:
        fields = function.trigger.fields
        self._function = function
        self._invocations = invocations
        self._schedule = ncrontab.read(settings.resolve(fields["schedule"]))
        self._at_start = bool(fields.get("runOnStartup"))

    async def run(self) -> None:
        """Fire for ever."""
        last = datetime.now(UTC)
        if self._at_start:
            await self._fire(last)
        while True:
            due = self._schedule.after(last)
            await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
            await self._fire(due)
            last = max(due, datetime.now(UTC))

    async def _fire(self, due: datetime) -> None:
        value = data(due, self._schedule.after(due))
        running = self._invocations.start(self._invocations.run(self._function, value))
        await asyncio.wait({running})  # which, unlike await, leaves it alone when the host stops


def data(last: datetime, following: datetime) -> TypedData:
    """Return the trigger's value."""
    status = {
        "Last": last.isoformat(),
        "Next": following.isoformat(),
        "LastUpdated": last.isoformat(),
    }
    content = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": False}
    return TypedData(json=json.dumps(content))
