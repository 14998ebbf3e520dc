"""An Event Grid topic over HTTPS: the `Topic` port.

What is sent is what Azure's own clients send (azure-sdk-for-python, sdk/eventgrid/azure-eventgrid,
_legacy/aio/_publisher_client_async.py: api-version, content type, an array, any cloud's token scope); a contract test
holds the two together. One POST is no reason for another runtime dependency, whose retries would have to be switched
off: an event that was not taken comes again from the queue.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, override

from shared.adapters.tokens import Credential, Token, TokenSource
from shared.adapters.track import Track
from shared.kernel import cloud_error
from shared.ports import Clock, Evidence, Topic
from shared.runs.cloud_event import CloudEvent
from shared.synapse.reply import Answer, Lost

if TYPE_CHECKING:
    from shared.adapters.http_client import HttpClient

SCOPE: Final = "https://eventgrid.azure.net/.default"
_QUERY: Final = "?api-version=2018-01-01"
_HEADERS: Final = {
    "content-type": "application/cloudevents-batch+json; charset=utf-8",
    "accept": "application/json",
    "accept-encoding": "identity",
    "user-agent": "synapse-run-gateway",
}
_REFUSALS: Final = frozenset({401, 403})


class EventGridTopic(Topic):
    """Posts events with the gateway's identity. Nothing is opened before first use.

    Args:
        url: the topic's endpoint, `/api/events` included.
        credential: makes an azure-identity credential; called again after the topic refused its token.
        clock: the host's time, for the expiry of tokens.
        call_timeout: seconds for one call.
        max_connections: to the topic.
    """

    def __init__(
        self,
        url: str,
        *,
        credential: Callable[[], Credential],
        clock: Clock,
        call_timeout: float = 30.0,
        max_connections: int = 16,
    ) -> None:
        self.url = url
        self._call_timeout = call_timeout
        self._max_connections = max_connections
        self._tokens = TokenSource(SCOPE, credential, clock)
        self._client: HttpClient | None = None
        self._track = Track()

    @override
    async def post(self, event: CloudEvent) -> Answer | Lost:
        """Post one event; a 401 to an older token is tried once more with another."""
        body = json.dumps([event], ensure_ascii=False, separators=(",", ":")).encode()

        async def send(token: Token) -> Answer | Lost:
            headers = _HEADERS | {"authorization": f"Bearer {token.text}"}
            return await self._open().send("POST", self.url + _QUERY, headers, body)

        outcome = await self._tokens.authorized(send)
        if isinstance(outcome, Answer):
            self._note(outcome)
        return outcome

    @override
    def posted(self) -> Evidence:
        """Return what was seen of the right to send events."""
        return self._track.evidence()

    async def aclose(self) -> None:
        """Close all connections and the credential."""
        await self._tokens.aclose()
        if self._client is not None:
            await self._client.aclose()

    def _note(self, answer: Answer) -> None:
        if answer.status == 200:
            self._track.succeed()
        elif answer.status in _REFUSALS:
            refusal = cloud_error.read(answer.body, http_status=answer.status)
            self._track.refuse(refusal.code)

    def _open(self) -> "HttpClient":
        if self._client is None:
            # Late, because aiohttp takes 0.1 s, and most processes post nothing.
            from shared.adapters.http_client import HttpClient  # noqa: PLC0415 - see above

            self._client = HttpClient(
                call_timeout=self._call_timeout,
                connect_timeout=5.0,
                max_connections=self._max_connections,
                service="The topic",
            )
        return self._client
