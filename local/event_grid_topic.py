"""A custom topic of Event Grid with the input schema CloudEvents 1.0, as far as a publisher meets it.

There is no emulator. What is known of the service, and from where:

- path, api-version, limits of 1 MB for an event and for a request, statuses 200, 400, 401, 404, 413 and the error body:
  azure-docs, event-grid/post-to-custom-topic.md and event-grid/quotas-limits.md;
- content types: azure-docs, event-grid/security-authentication.md; Azure's own clients send the batched one;
- a token for https://eventgrid.azure.net: azure-docs, event-grid/authenticate-with-microsoft-entra-id.md;
- 401 with these words for an identity without the role: azure-sdk-for-net #22831.

Signatures of tokens are not checked: that is the business of Entra ID, not of its client.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web

from local.process import HOST, listen

PATH = "/api/events"
AUDIENCES = {"https://eventgrid.azure.net", "https://eventgrid.azure.net/"}
BATCH = "application/cloudevents-batch+json"
SINGLE = "application/cloudevents+json"
REQUIRED = {"id", "source", "type", "specversion"}
NO_ROLE = (
    "The principal associated with access token presented with the incoming request does not have permission to send data to"
    " /subscriptions/0/resourceGroups/local/providers/Microsoft.EventGrid/topics/local."
)


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer other than the usual one."""

    status: int
    message: str = "planned by the test"
    headers: Mapping[str, str] = field(default_factory=dict)


WRONG_SCHEMA = Failure(
    400,
    "This resource is configured to receive event in 'CloudEventV10' schema."
    " The JSON received does not conform to the expected schema.",
)


@dataclass(slots=True)
class Topic:
    """What a test sees and sets: `events` are those that were taken, in order."""

    port: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    failure: Failure | None = None  #: until a test takes it away
    granted: bool = True  #: whether the caller has the role EventGrid Data Sender

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take events, or say why not."""
        self.requests += 1
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:  # aiohttp's own limit is this one
            return _error(Failure(413, "The array or an event exceeds 1 MB."))
        failure = self.failure or self._refusal(request)
        if failure is None:
            events = _events(request.content_type, body)
            if events is not None:
                self.events += events
                return web.Response()
        return _error(failure or WRONG_SCHEMA)

    def _refusal(self, request: web.BaseRequest) -> Failure | None:
        if request.path != PATH or request.method != "POST":
            return Failure(404, "The resource you are looking for has been removed or renamed.")
        if request.query.get("api-version") != "2018-01-01":
            return Failure(400, "The api-version is missing or not supported.")
        if _audience(request.headers.get("Authorization", "")) not in AUDIENCES:
            return Failure(401, "The token is missing or for another service.")
        return None if self.granted else Failure(401, NO_ROLE)


@asynccontextmanager
async def serving(topic: Topic | None = None, *, port: int = 0) -> AsyncIterator[Topic]:
    """Serve a topic until the block ends; afterwards connections to its port are refused."""
    topic = topic or Topic()
    runner = web.ServerRunner(web.Server(topic.answer, access_log=None))
    await runner.setup()
    socket = listen(port)
    await web.SockSite(runner, socket).start()
    topic.port = int(socket.getsockname()[1])
    try:
        yield topic
    finally:
        await runner.cleanup()


def _audience(authorization: str) -> str | None:
    try:
        claims = jwt.decode(
            authorization.removeprefix("Bearer "),
            options={"verify_signature": False, "verify_exp": True},
        )
    except jwt.PyJWTError:
        return None
    return str(claims.get("aud"))


def _events(content_type: str, body: bytes) -> list[dict[str, Any]] | None:
    """Read the events; None if they are not what the content type says, or lack an attribute."""
    try:
        content = json.loads(body)
    except ValueError:
        return None
    events = {BATCH: content, SINGLE: [content]}.get(content_type)
    if not isinstance(events, list):
        return None
    is_whole = events and all(isinstance(one, dict) and one.keys() >= REQUIRED for one in events)
    return events if is_whole else None


def _error(failure: Failure) -> web.Response:
    names = {400: "BadRequest", 401: "Unauthorized", 404: "NotFound", 413: "PayloadTooLarge"}
    code = names.get(failure.status, str(failure.status))
    error = {"code": code, "message": failure.message}
    return web.json_response(
        {"error": error | {"details": [error]}}, status=failure.status, headers=failure.headers
    )
