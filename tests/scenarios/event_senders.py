"""Who sends events, on fakes: a call goes in as the platform hands it over, an answer comes out."""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import azure.functions as func

from shared.auth.webhook_secrets import read
from shared.config.gateway_json import EventSenders, Hook
from shared.config.rule import Rule
from shared.triggers import queue
from shared.triggers.event_grid import Events
from shared.triggers.webhooks import Webhooks
from tests.scenarios.api import Answer
from tests.scenarios.world import World

SAMPLES = Path(__file__).parents[2] / "samples" / "events"
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/orders",
    "type": "order.placed",
    "subject": "orders/1",
    "time": "2026-11-24T08:29:00Z",
    "data": {"total": 5},
}
KEY = b"0123456789abcdefghijklmn"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
GITHUB_SECRET = "It's a Secret to Everybody"
HOOKS = {
    "billing": Hook(scheme="standard-webhooks"),
    "github": Hook(scheme="github"),
    "unset": Hook(scheme="github"),
}
GIVEN = {"billing": SECRET, "github": GITHUB_SECRET}


def sample(name: str) -> Any:
    """Return the documented content of a file in samples/events."""
    return json.loads((SAMPLES / name).read_text())


def a_rule(**changes: Any) -> Rule:
    fields: dict[str, Any] = {"name": "any", "pipelineName": "copy"}
    return Rule.model_validate_json(json.dumps(fields | changes))


class Senders:
    """Every way in for an event, of one process."""

    def __init__(self, world: World, rules: Sequence[Rule] | None = None) -> None:
        self.world = world
        gateway = world.host.gateway
        known = [a_rule()] if rules is None else rules
        self.events = Events(gateway=gateway, rules=known, clock=world.clock)
        self.webhooks = Webhooks(
            events=self.events,
            clock=world.clock,
            senders=EventSenders(),
            hooks=HOOKS,
            secrets={name: read(name, hook, GIVEN.get(name)) for name, hook in HOOKS.items()},
        )
        self._calls = 0

    async def post(
        self, body: Any, headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> Answer:
        """Call /api/events."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = func.HttpRequest(
            method=method, url="https://g/api/events", headers=headers or {}, body=content
        )
        return _answer(await self.webhooks.events(request, self._call_id()))

    async def hook(self, name: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Call /api/hooks/{name}."""
        request = func.HttpRequest(
            method="POST",
            url=f"https://g/api/hooks/{name}",
            headers=headers,
            route_params={"name": name},
            body=body,
        )
        return _answer(await self.webhooks.hook(request, self._call_id()))

    async def sign(self, payload: Any, webhook_id: str = "msg_1", **changes: str) -> Answer:
        """Call /api/hooks/billing as Standard Webhooks asks."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        seconds = str(int(self.world.clock.now().timestamp()))
        digest = hmac.digest(KEY, f"{webhook_id}.{seconds}.".encode() + body, "sha256")
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": seconds,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }
        named = {name.replace("_", "-"): text for name, text in changes.items()}
        return await self.hook("billing", body, headers | named)

    async def trigger(self, event: Mapping[str, Any]) -> None:
        """Let the platform's own trigger deliver one event, as its library decodes it."""
        from azure.functions.eventgrid import EventGridEventInConverter  # noqa: PLC0415
        from azure.functions.meta import Datum  # noqa: PLC0415

        datum = Datum(type="json", value=json.dumps(event))
        await self.events.receive(EventGridEventInConverter.decode(datum, trigger_metadata=None))

    async def enqueue(self, event: Any, message_id: str = "m-1", *, plain: bool = False) -> None:
        """Let the platform deliver one queue message."""
        body = json.dumps(event).encode()
        message = func.QueueMessage(id=message_id, body=body if plain else base64.b64encode(body))
        host = self.world.host
        await queue.receive(host.gateway, message, host.follower.visit, self.events.receive_message)

    def _call_id(self) -> str:
        self._calls += 1
        return f"call-{self._calls}"


def _answer(response: func.HttpResponse) -> Answer:
    return Answer(response.status_code, response.headers, response.get_body().decode())
