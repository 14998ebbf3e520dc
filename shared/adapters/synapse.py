"""Synapse workspaces over HTTPS: the `Pipelines` port.

The wire format is that of azure-rest-api-specs, synapse/data-plane/Microsoft.Synapse/stable/2020-12-01
(pipelines.json, examples/Pipelines_CreateRun.json and PipelineRuns_QueryByWorkspace.json).
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, override
from urllib.parse import quote, urlsplit

from shared.adapters import tokens
from shared.adapters.tokens import Credential, Token, TokenSource
from shared.adapters.track import Track
from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Clock, Evidence, Identity, Pipelines
from shared.synapse import reply
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import (
    MAX_BODY,
    MAX_LIST,
    Answer,
    Look,
    Lost,
    NotSent,
    Reply,
    RunSeen,
    Unauthorized,
    Unreachable,
)

if TYPE_CHECKING:
    from shared.adapters.http_client import HttpClient

API_VERSION: Final = "2020-12-01"

_PUBLIC: Final = "https://dev.azuresynapse.net/.default"
_SCOPES: Final = {
    ".dev.azuresynapse.usgovcloudapi.net": "https://dev.azuresynapse.usgovcloudapi.net/.default",
    ".dev.azuresynapse.azure.cn": "https://dev.azuresynapse.azure.cn/.default",
}


class SynapsePipelines(Pipelines):
    """Calls Synapse with the gateway's identity. One for each process; nothing is opened before first use.

    Args:
        credential: makes an azure-identity credential; called again after Synapse refused its token.
        clock: the host's time, for the expiry of tokens.
        call_timeout: seconds for one call, its answer's body included.
        connect_timeout: seconds for connecting, the wait for a place in the pool included.
        token_timeout: seconds for the identity service.
        max_connections: to one workspace.
    """

    def __init__(
        self,
        *,
        credential: Callable[[], Credential],
        clock: Clock,
        call_timeout: float = 30.0,
        connect_timeout: float = 5.0,
        token_timeout: float = 10.0,
        max_connections: int = 100,
    ) -> None:
        self._credential = credential
        self._clock = clock
        self._call_timeout = call_timeout
        self._connect_timeout = connect_timeout
        self._token_timeout = token_timeout
        self._max_connections = max_connections
        self._sources: dict[str, TokenSource] = {}
        self._client: HttpClient | None = None
        self._starts: dict[str, Track] = {}

    @override
    async def authorize(self, endpoint: str, *, refused: bool = False) -> NotSent | None:
        """Get a token ready for this workspace; with `refused`, another than the one that was refused."""
        source = self._source(endpoint)
        token = await (source.another() if refused else source.token())
        return NotSent(error=token) if isinstance(token, CloudError) else None

    @override
    async def create_run(self, call: CreateRun) -> Reply:
        """Send createRun once and read its answer.

        Uses the token that `authorize` got ready: the caller has checked its lease, and a renewal that began
        now would take time that was not counted.
        """
        source = self._source(call.endpoint)
        token = source.at_hand() or await source.token()
        if isinstance(token, CloudError):
            return NotSent(error=token)
        headers = {"x-ms-client-request-id": call.client_request_id}
        if call.traceparent:
            headers["traceparent"] = call.traceparent
            if call.tracestate:
                headers["tracestate"] = call.tracestate
        outcome = await self._send("POST", create_run_url(call), token, call.parameters, headers)
        answer = reply.read_create_run(outcome, sent=call.client_request_id, now=self._clock.now())
        if isinstance(answer, Unauthorized):
            token.refused = True
        self._note(call.endpoint, answer)
        return answer

    @override
    async def find_run(self, endpoint: str, run_id: str) -> Look:
        """Look for one run by its id."""
        outcome = await self._ask("GET", endpoint, run_url(endpoint, run_id))
        return reply.read_run(outcome, asked=run_id, now=self._clock.now())

    @override
    async def get_run(self, endpoint: str, run_id: str) -> Answer | Lost:
        """Read one run as Synapse shows it."""
        return await self._ask("GET", endpoint, run_url(endpoint, run_id))

    @override
    async def get_pipeline(self, endpoint: str, pipeline_name: str) -> Answer | Lost:
        """Read a pipeline's definition."""
        return await self._ask("GET", endpoint, pipeline_url(endpoint, pipeline_name))

    @override
    async def identity(self, endpoint: str) -> Identity:
        """Return the gateway's identity there."""
        token = await self._source(endpoint).token()
        return Identity() if isinstance(token, CloudError) else tokens.identity(token.text)

    @override
    def started(self, endpoint: str) -> Evidence:
        """Return what was seen of the right to start runs there."""
        return self._starts.get(endpoint, Track()).evidence()

    @override
    async def cancel_run(
        self, endpoint: str, run_id: str, *, recursive: bool | None = None
    ) -> Answer | Lost:
        """Cancel one run."""
        wish = "" if recursive is None else f"&isRecursive={str(recursive).lower()}"
        return await self._ask("POST", endpoint, run_url(endpoint, run_id, "/cancel") + wish)

    @override
    async def query_runs(self, endpoint: str, body: bytes) -> Answer | Lost:
        """List runs as the filter asks."""
        return await self._list(endpoint, query_url(endpoint), body)

    @override
    async def query_activities(
        self, endpoint: str, pipeline_name: str, run_id: str, body: bytes
    ) -> Answer | Lost:
        """List activities of a run as the filter asks."""
        action = f"/pipelineruns/{quote(run_id, safe='')}/queryActivityruns"
        return await self._list(endpoint, pipeline_url(endpoint, pipeline_name, action), body)

    async def _list(self, endpoint: str, url: str, body: bytes) -> Answer | Lost:
        # One byte more, to distinguish a longer page from one that just fits.
        outcome = await self._ask("POST", endpoint, url, body, most=MAX_LIST + 1)
        is_longer = isinstance(outcome, Answer) and len(outcome.body) > MAX_LIST
        return Lost(sent=True, error=_too_long()) if is_longer else outcome

    @override
    async def recent_runs(
        self, endpoint: str, pipeline_name: str, since: datetime, until: datetime
    ) -> tuple[RunSeen, ...] | Unreachable:
        """List up to ten runs of a pipeline that changed in that time, newest first."""
        body = json.dumps(_query(pipeline_name, since, until), ensure_ascii=False).encode()
        outcome = await self._ask("POST", endpoint, query_url(endpoint), body)
        return reply.read_runs(outcome, now=self._clock.now())

    async def aclose(self) -> None:
        """Close all connections and the credentials."""
        for source in self._sources.values():
            await source.aclose()
        if self._client is not None:
            await self._client.aclose()

    def _note(self, endpoint: str, answer: Reply) -> None:
        track = self._starts.setdefault(endpoint, Track())
        match answer:
            case reply.Started():
                track.succeed()
            case Unauthorized(error=error):
                track.refuse(error.code)
            case reply.Refused(error=error, wire=wire) if wire.http_status == 403:
                track.refuse(error.code)
            case _:
                pass  # says nothing about the right

    async def _ask(
        self, method: str, endpoint: str, url: str, body: bytes = b"", most: int = MAX_BODY
    ) -> Answer | Lost:
        """Make any call but createRun. A call answered 401 had no effect, even a cancel."""
        return await self._source(endpoint).authorized(
            lambda token: self._send(method, url, token, body, {}, most=most)
        )

    async def _send(
        self,
        method: str,
        url: str,
        token: Token,
        body: bytes,
        headers: dict[str, str],
        *,
        most: int = MAX_BODY,
    ) -> Answer | Lost:
        headers |= {
            "authorization": f"Bearer {token.text}",
            "accept": "application/json",
            # Most answers are small, and a compressed one could expand beyond its limit.
            "accept-encoding": "identity",
            "user-agent": "synapse-run-gateway",
        }
        if body:
            headers["content-type"] = "application/json"
        return await self._open().send(method, url, headers, body, most=most)

    def _open(self) -> "HttpClient":
        if self._client is None:
            # Late, because httpx and aiohttp take 0.2 s and an app is indexed without calling Synapse.
            from shared.adapters.http_client import HttpClient  # noqa: PLC0415 - see above

            self._client = HttpClient(
                call_timeout=self._call_timeout,
                connect_timeout=self._connect_timeout,
                max_connections=self._max_connections,
            )
        return self._client

    def _source(self, endpoint: str) -> TokenSource:
        scope = token_scope(endpoint)
        if scope not in self._sources:
            self._sources[scope] = TokenSource(
                scope, self._credential, self._clock, time_limit=self._token_timeout
            )
        return self._sources[scope]


def run_url(endpoint: str, run_id: str, action: str = "") -> str:
    """Build the URL of one run, or of an action on it."""
    path = f"pipelineruns/{quote(run_id, safe='')}{action}"
    return f"{endpoint.rstrip('/')}/{path}?api-version={API_VERSION}"


def query_url(endpoint: str) -> str:
    """Build the URL of queryPipelineRuns."""
    return f"{endpoint.rstrip('/')}/queryPipelineRuns?api-version={API_VERSION}"


def pipeline_url(endpoint: str, pipeline_name: str, action: str = "") -> str:
    """Build the URL of one pipeline, or of an action on it."""
    path = f"pipelines/{quote(pipeline_name, safe='')}{action}"
    return f"{endpoint.rstrip('/')}/{path}?api-version={API_VERSION}"


def create_run_url(call: CreateRun) -> str:
    """Build createRun's URL; parameters that were not given are left out, as the SDK does."""
    recovery = (
        ("referencePipelineRunId", call.reference_run_id),
        ("isRecovery", None if call.is_recovery is None else str(call.is_recovery).lower()),
        ("startActivityName", call.start_activity_name),
    )
    given = "".join(
        f"&{name}={quote(value, safe='')}" for name, value in recovery if value is not None
    )
    return pipeline_url(call.endpoint, call.pipeline_name, "/createRun") + given


def _query(pipeline_name: str, since: datetime, until: datetime) -> dict[str, object]:
    # Without both bounds Synapse answers an empty list (azure-rest-api-specs #18369).
    return {
        "lastUpdatedAfter": _instant(since),
        "lastUpdatedBefore": _instant(until),
        "filters": [{"operand": "PipelineName", "operator": "Equals", "values": [pipeline_name]}],
        "orderBy": [{"orderBy": "RunStart", "order": "DESC"}],
    }


def _too_long() -> CloudError:
    message = (
        f"Synapse's page of runs is longer than {MAX_LIST >> 20} MiB. Narrow the filter: a shorter time from lastUpdatedAfter "
        "to lastUpdatedBefore, or filters with the operands PipelineName, Status, RunStart or RunGroupId."
    )
    return CloudError(code=Code.INVALID_REQUEST, message=message, target="$.filters")


def _instant(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def token_scope(endpoint: str) -> str:
    """Return the scope of the cloud that an endpoint is in; a custom host counts as the public cloud.

    The suffixes are those of azure-cli's cloud.py (US Gov is not ".us") and of
    Azure/Synapse-workspace-deployment.
    """
    try:
        host = (urlsplit(endpoint).hostname or "").rstrip(".")
    except ValueError:  # not a URL: the call itself will fail
        return _PUBLIC
    return next((scope for suffix, scope in _SCOPES.items() if host.endswith(suffix)), _PUBLIC)
