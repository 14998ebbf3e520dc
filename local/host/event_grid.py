"""Event Grid's deliveries to an eventGridTrigger: one endpoint of the platform, with both handshakes."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from local.host.invocations import Invocations
from local.host.protos import TypedData
from local.host.worker import Function

LOG = logging.getLogger(__name__)


class EventGrid:
    """Answers /runtime/webhooks/eventgrid?functionName=X."""

    def __init__(self, functions: Mapping[str, Function], invocations: Invocations) -> None:
        self._invocations = invocations
        self._functions = {
            name: one for name, one in functions.items() if one.trigger.type == "eventGridTrigger"
        }

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Shake hands, or run the function once for each event."""
        name = request.query.get("functionName", "")
        function = self._functions.get(name)
        if function is None:
            return web.Response(status=404, text=f"cannot find function: '{name}'")
        if request.method == "OPTIONS":
            return _allowed(request)
        return await self._posted(function, request)

    async def _posted(self, function: Function, request: web.BaseRequest) -> web.Response:
        match request.headers.get("aeg-event-type", "").lower():
            case "subscriptionvalidation":
                return web.json_response(
                    {"validationResponse": _code(json.loads(await request.read()))}
                )
            case "notification":
                return await self._deliver(function, await request.read())
            case "unsubscribe":
                return web.Response(status=202)
            case _:
                return web.Response(status=400)

    async def _deliver(self, function: Function, body: bytes) -> web.Response:
        try:
            content = json.loads(body)
        except ValueError as fault:
            LOG.warning("%s: events are not JSON: %s", function.name, fault)
            return web.Response(status=500)
        events = content if isinstance(content, list) else [content]
        runs = (self._invocations.run(function, TypedData(json=json.dumps(one))) for one in events)
        failed = [outcome.error for outcome in await asyncio.gather(*runs) if outcome.error]
        if failed:  # all events of the delivery are sent again, those that succeeded too
            return web.Response(status=500, text=failed[0])
        return web.Response(status=202)


def _allowed(request: web.BaseRequest) -> web.Response:
    origin = request.headers.get("WebHook-Request-Origin")
    if origin is None:
        return web.Response(status=400)
    return web.Response(headers={"WebHook-Allowed-Origin": origin})


def _code(content: Any) -> str:
    """Return the code of an array (Event Grid schema) or a single event (CloudEvents, data as text)."""
    data = content[0]["data"] if isinstance(content, list) else content["data"]
    found = json.loads(data) if isinstance(data, str) else data
    return str(found["validationCode"])
