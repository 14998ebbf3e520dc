"""The platform's answers under /admin: its state, and a function started by hand."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from aiohttp import web
from azure.storage.queue import QueueMessage

from local.host import queue_message, timers
from local.host.invocations import Invocations
from local.host.protos import TypedData
from local.host.worker import Function

FUNCTIONS = "/admin/functions/"


class Admin:
    """Answers /admin/host/status and POST /admin/functions/{name}."""

    def __init__(self, functions: Mapping[str, Function], invocations: Invocations) -> None:
        self._functions = functions
        self._by_name = {name.lower(): function for name, function in functions.items()}
        self._invocations = invocations

    def status(self) -> web.Response:
        return web.json_response({"state": "Running", "functions": sorted(self._functions)})

    async def invoke(self, request: web.BaseRequest, path: str) -> web.Response:
        """Start a function with `{"input": "..."}`; 202 as soon as it is started."""
        function = self._by_name.get(path.removeprefix(FUNCTIONS).rstrip("/"))
        if function is None or request.method != "POST":
            return web.Response(status=404)
        try:
            given = json.loads(await request.read())
        except ValueError:
            return web.Response(status=400)
        if not isinstance(given, dict) or function.trigger.type == "httpTrigger":
            return web.Response(status=400)
        data, metadata = _value(function, given.get("input"))
        self._invocations.start(self._invocations.run(function, data, metadata=metadata))
        return web.Response(status=202)


def _value(function: Function, given: object) -> tuple[TypedData, Mapping[str, TypedData]]:
    text = given if isinstance(given, str) else json.dumps(given)
    match function.trigger.type:
        case "timerTrigger":
            return timers.data(datetime.now(UTC), datetime.now(UTC)), {}
        case "queueTrigger":
            return TypedData(string=text), queue_message.metadata(_invented(), 1)
        case _:
            return TypedData(json=text), {}


def _invented() -> QueueMessage:
    message = QueueMessage(content="")
    message.id, message.pop_receipt = str(uuid4()), ""
    message.inserted_on = message.next_visible_on = datetime.now(UTC)
    message.expires_on = message.inserted_on + timedelta(days=7)
    return message
