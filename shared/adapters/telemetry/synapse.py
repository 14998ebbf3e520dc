"""The port of Synapse, each call measured; createRun carries the trace on."""

from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Final, override
from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind

from shared.adapters.telemetry import metrics, spans
from shared.adapters.telemetry.spans import Call, calling
from shared.ports import Evidence, Identity, Pipelines
from shared.synapse.create_run import CreateRun
from shared.synapse.reply import (
    Answer,
    Forbidden,
    Found,
    Look,
    Lost,
    NotSent,
    Reply,
    RunSeen,
    Started,
    Throttled,
    Unreachable,
    Wire,
)

_RUN: Final = "/pipelineruns/{runId}"


class TracedPipelines(Pipelines):
    """Synapse workspaces."""

    def __init__(self, port: Pipelines) -> None:
        self._port = port

    @override
    async def authorize(self, endpoint: str, *, refused: bool = False) -> NotSent | None:
        # No span: the token is at hand, but for once in an hour. A failure is in the record's history and the log.
        return await self._port.authorize(endpoint, refused=refused)

    @override
    async def create_run(self, call: CreateRun) -> Reply:
        path = "/pipelines/{pipelineName}/createRun"
        with _http("POST", path, call.endpoint) as measured:
            carrier = measured.span
            carried = replace(
                call,
                traceparent=spans.traceparent(carrier) if carrier else None,
                tracestate=spans.safe_tracestate(call.tracestate) if carrier else None,
            )
            reply = await self._port.create_run(carried)
            _note(measured, reply)
        return reply

    @override
    async def find_run(self, endpoint: str, run_id: str) -> Look:
        with _http("GET", _RUN, endpoint) as measured:
            look = await self._port.find_run(endpoint, run_id)
            measured.seen["run_gateway.outcome"] = type(look).__name__
            if isinstance(look, Found):
                measured.seen["run_gateway.run_status"] = look.status
            elif isinstance(look, Forbidden | Unreachable):
                measured.error = metrics.code(look.error.code)
        return look

    @override
    async def get_run(self, endpoint: str, run_id: str) -> Answer | Lost:
        with _http("GET", _RUN, endpoint) as measured:
            return _answered(measured, await self._port.get_run(endpoint, run_id))

    @override
    async def get_pipeline(self, endpoint: str, pipeline_name: str) -> Answer | Lost:
        with _http("GET", "/pipelines/{pipelineName}", endpoint) as measured:
            return _answered(measured, await self._port.get_pipeline(endpoint, pipeline_name))

    @override
    async def identity(self, endpoint: str) -> Identity:
        return await self._port.identity(endpoint)

    @override
    def started(self, endpoint: str) -> Evidence:
        return self._port.started(endpoint)

    @override
    async def cancel_run(
        self, endpoint: str, run_id: str, *, recursive: bool | None = None
    ) -> Answer | Lost:
        with _http("POST", f"{_RUN}/cancel", endpoint) as measured:
            answer = await self._port.cancel_run(endpoint, run_id, recursive=recursive)
            return _answered(measured, answer)

    @override
    async def query_runs(self, endpoint: str, body: bytes) -> Answer | Lost:
        with _http("POST", "/queryPipelineRuns", endpoint) as measured:
            return _answered(measured, await self._port.query_runs(endpoint, body))

    @override
    async def query_activities(
        self, endpoint: str, pipeline_name: str, run_id: str, body: bytes
    ) -> Answer | Lost:
        with _http("POST", "/queryActivityruns", endpoint) as measured:
            answer = await self._port.query_activities(endpoint, pipeline_name, run_id, body)
            return _answered(measured, answer)

    @override
    async def recent_runs(
        self, endpoint: str, pipeline_name: str, since: datetime, until: datetime
    ) -> tuple[RunSeen, ...] | Unreachable:
        with _http("POST", "/queryPipelineRuns", endpoint) as measured:
            runs = await self._port.recent_runs(endpoint, pipeline_name, since, until)
            if isinstance(runs, Unreachable):
                measured.error = metrics.code(runs.error.code)
        return runs


def _http(method: str, path: str, endpoint: str) -> AbstractContextManager[Call]:
    where = urlsplit(endpoint)
    attributes = {
        "http.request.method": method,
        "url.template": path,
        "server.address": where.hostname or "",
    }
    return calling(f"{method} {path}", SpanKind.CLIENT, metrics.HTTP, attributes)


def _note(measured: Call, reply: Reply) -> None:
    """Note what Synapse said to createRun."""
    measured.seen["run_gateway.outcome"] = type(reply).__name__
    if isinstance(reply, Started):
        measured.seen["run_gateway.run_id"] = reply.run_id
        _note_wire(measured, reply.wire)
        return
    measured.error = metrics.code(reply.error.code)
    if isinstance(reply, Throttled) and reply.retry_after is not None:
        measured.seen["run_gateway.retry_after_seconds"] = round(reply.retry_after)
    if not isinstance(reply, NotSent):
        _note_wire(measured, reply.wire)


def _note_wire(measured: Call, wire: Wire) -> None:
    if wire.http_status is not None:
        measured.measured["http.response.status_code"] = wire.http_status
        measured.seen["run_gateway.http_status"] = wire.http_status
    if wire.request_id is not None:
        measured.seen["run_gateway.synapse_request_id"] = wire.request_id


def _answered(measured: Call, answer: Answer | Lost) -> Answer | Lost:
    if isinstance(answer, Lost):
        measured.error = metrics.code(answer.error.code)
        return answer
    measured.measured["http.response.status_code"] = answer.status
    measured.seen["run_gateway.http_status"] = answer.status
    if answer.status >= 400:
        measured.error = str(answer.status)
    return answer
