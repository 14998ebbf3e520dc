"""Peer (d): the gateway's sequence written plainly, with Azure's clients as they come: record, createRun, result, audit.

A request whose answer is recorded is answered again. A lost answer is not looked for: the record stays Starting, and its
message ends in the poison queue. A request that is throttled, or fails in any way, waits for the platform's own
redelivery. Nothing is redacted, and no caller is checked.
"""

import asyncio
import base64
import json
import logging
import os
import uuid
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from azure.identity.aio import DefaultAzureCredential
from azure.storage.queue.aio import QueueClient
from azure.synapse.artifacts.aio import ArtifactsClient

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
storage = os.environ["RunStorage"]  # noqa: SIM112 (the platform's connections are named so)
records = TableClient.from_connection_string(storage, os.environ["RUNS_TABLE"])
audit = TableClient.from_connection_string(storage, os.environ["RUN_AUDIT_TABLE"])
results = QueueClient.from_connection_string(storage, os.environ["RUN_RESULTS_QUEUE"])
client = ArtifactsClient(
    credential=DefaultAzureCredential(), endpoint=os.environ["SYNAPSE_ENDPOINT"]
)


async def start(request: dict[str, Any], source: str) -> dict[str, Any]:
    """Start the pipeline once, publish the result and the audit entry, and return the result."""
    received = datetime.now(UTC)
    record = {
        "PartitionKey": request["requestId"],
        "RowKey": "record",
        "status": "Starting",
        "pipelineName": request["pipelineName"],
        "parameters": json.dumps(request.get("parameters")),
        "correlationId": request.get("correlationId", ""),
        "receivedAt": received,
    }
    try:
        created = await records.create_entity(record)
        run_id = await create_run(record, request, str(created["etag"]))
    except ResourceExistsError:
        found = await records.get_entity(record["PartitionKey"], record["RowKey"])
        run_id = found["runId"]  # a KeyError where no answer was recorded: the message comes again
    result = {
        "requestId": request["requestId"],
        "status": "Started",
        "runId": run_id,
        "pipelineName": request["pipelineName"],
        "correlationId": request.get("correlationId"),
        "source": source,
        "receivedAt": received.isoformat(),
        "finishedAt": datetime.now(UTC).isoformat(),
    }
    await asyncio.gather(publish(result), append(result, record))
    return result


async def create_run(record: dict[str, Any], request: dict[str, Any], etag: str) -> str:
    """Start the pipeline, and record its run's id."""
    run = await client.pipeline.create_pipeline_run(
        request["pipelineName"], parameters=request.get("parameters")
    )
    await records.update_entity(
        record | {"status": "Started", "runId": run.run_id},
        mode=UpdateMode.MERGE,
        etag=etag,
        match_condition=MatchConditions.IfNotModified,
    )
    return str(run.run_id)


async def publish(result: dict[str, Any]) -> None:
    """Put the result on the results queue."""
    text = base64.b64encode(json.dumps(result).encode()).decode()
    await results.send_message(text, time_to_live=-1)


async def append(result: dict[str, Any], record: dict[str, Any]) -> None:
    """Write the audit entry."""
    entry = {
        **result,
        "PartitionKey": datetime.now(UTC).strftime("%Y%m%d"),
        "RowKey": str(uuid.uuid4()),
        "parameters": record["parameters"],
    }
    await audit.create_entity(entry)


@app.queue_trigger("message", queue_name="%RUN_REQUESTS_QUEUE%", connection="RunStorage")
async def start_from_queue(message: func.QueueMessage) -> None:
    """Take one message of the requests queue."""
    result = await start(message.get_json(), "queue")
    logging.info("Started %s", result["runId"])


@app.route("runs", methods=["POST"])
async def start_from_http(req: func.HttpRequest) -> func.HttpResponse:
    """Serve POST /api/runs."""
    result = await start(req.get_json(), "http")
    return func.HttpResponse(json.dumps(result), status_code=202, mimetype="application/json")
