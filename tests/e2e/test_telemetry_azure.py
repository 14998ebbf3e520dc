"""What Application Insights gets: with the managed identity's token, and what a query needs under names that survive."""

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from local import certificate, process, stack
from local.synapse.faults import Answer
from tests.e2e.outside import outside

TRACEPARENT = f"00-{'5a' * 16}-{'5b' * 8}-01"
KEY = "00000000-0000-4000-8000-000000000001"


@dataclass(slots=True)
class Ingestion:
    """Takes what the exporters of Azure Monitor send."""

    port: int = 0
    tokens: set[str] = field(default_factory=set)
    items: list[Any] = field(default_factory=list)

    async def take(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.tokens.add(request.headers.get("Authorization", ""))
        found = json.loads(body)
        self.items.extend(found)
        count = len(found)
        return web.json_response({"itemsReceived": count, "itemsAccepted": count, "errors": []})

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.items if item["data"]["baseType"] == kind]


def visits_of(ingestion: Ingestion) -> list[dict[str, Any]]:
    """Return the visits of requests, without those of the follower."""
    found = [one["data"]["baseData"] for one in ingestion.of("RequestData")]
    return [one for one in found if "run_gateway.request_id" in one["properties"]]


@asynccontextmanager
async def ingesting(folder: Path) -> AsyncIterator[tuple[Ingestion, Path]]:
    ingestion, (file, key) = Ingestion(), certificate.write(folder)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(file, key)
    runner = web.ServerRunner(web.Server(ingestion.take, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.SockSite(runner, process.listen(0), ssl_context=tls).start()
        ingestion.port = runner.addresses[0][1]
        yield ingestion, file
    finally:
        await runner.cleanup()


async def test_application_insights_gets_it_with_the_apps_identity(
    running: stack.Stack, tmp_path: Path
) -> None:
    async with ingesting(tmp_path) as (ingestion, file):
        values = stack.settings(storage=running.storage, synapse=running.synapse.url) | {
            "RUN_REQUESTS_QUEUE": "insights-requests",
            "RUNS_TABLE": "runsinsights",
            "RUN_TELEMETRY": "otel",
            "PYTHON_ENABLE_OPENTELEMETRY": "true",
            "AzureFunctionsJobHost__telemetryMode": "OpenTelemetry",
            "APPLICATIONINSIGHTS_CONNECTION_STRING": (
                f"InstrumentationKey={KEY};IngestionEndpoint=https://127.0.0.1:{ingestion.port}/"
            ),
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "Authorization=AAD",
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
            "REQUESTS_CA_BUNDLE": str(file),
        }
        async with (
            process.running(stack.host_command(), env=values) as host,
            outside(url=host.url, storage=running.storage, synapse=running.synapse.url) as world,
        ):
            body = {"pipelineName": "copyOrders", "requestId": "i-1", "parameters": {"day": "x"}}
            await world.http.post("/api/runs", json=body)
            await world.http.post(
                "/api/runs", json={"pipelineName": "noSuchPipeline", "requestId": "i-2"}
            )
            away = Answer(status=500, content={"code": "Away", "message": "Try later."})
            await world.synapse.fault(away, operation="getRun")
            headers = {"traceparent": TRACEPARENT}
            failed = await world.http.get("/api/runs/i-1/run", headers=headers)
            assert failed.status_code >= 500
            for _ in range(200):
                said = [one["data"]["baseData"]["message"] for one in ingestion.of("MessageData")]
                is_said = any("http_error" in one for one in said)
                if is_said and len(visits_of(ingestion)) >= 2 and ingestion.of("MetricData"):
                    break
                await asyncio.sleep(0.1)

    # Each exporter has a credential of its own.
    assert ingestion.tokens
    assert all(token.startswith("Bearer ey") for token in ingestion.tokens)
    visits = visits_of(ingestion)
    known = {one["properties"]["run_gateway.request_id"]: one for one in visits}
    assert (known["i-1"]["success"], known["i-2"]["success"]) == (True, False)
    assert known["i-2"]["properties"]["run_gateway.code"] == "PipelineNotFound"
    calls = [one["data"]["baseData"] for one in ingestion.of("RemoteDependencyData")]
    created = {
        one["properties"]["run_gateway.outcome"]: one["success"]
        for one in calls
        if one["properties"]["run_gateway.call"] == "POST /pipelines/{pipelineName}/createRun"
    }
    assert created == {"Started": True, "Refused": False}
    lines = {
        one["data"]["baseData"]["message"]: one["tags"]["ai.operation.id"]
        for one in ingestion.of("MessageData")
    }
    assert any(one.startswith("run_gateway.delivery_ended requestId=i-1 ") for one in lines)
    # http-5xx.kql counts a call once: the line is in the host's own request, and no visit looks like a failed call.
    assert [id_ for line, id_ in lines.items() if "http_error" in line] == [
        TRACEPARENT.split("-")[1]
    ]
    assert {one["responseCode"] for one in visits} == {"0"}
    metrics = {one["data"]["baseData"]["metrics"][0]["name"] for one in ingestion.of("MetricData")}
    assert {"run_gateway.requests.ended", "run_gateway.time_to_started"} <= metrics
