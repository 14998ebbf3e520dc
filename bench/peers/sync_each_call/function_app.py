"""Peer (a): a synchronous function that makes its credential and its client for each call.

It calls createRun and does nothing else: no duplicate is recognised, no lost answer is looked for (the SDK does not
repeat a POST, the platform repeats the message: two runs), nothing is recorded, nothing is redacted.
"""

import json
import logging
import os
from typing import Any

import azure.functions as func
from azure.identity import DefaultAzureCredential
from azure.synapse.artifacts import ArtifactsClient

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


def start(request: dict[str, Any]) -> str:
    """Start the pipeline, and return its run's id."""
    endpoint = os.environ["SYNAPSE_ENDPOINT"]
    with (
        DefaultAzureCredential() as credential,
        ArtifactsClient(credential=credential, endpoint=endpoint) as client,
    ):
        run = client.pipeline.create_pipeline_run(
            request["pipelineName"], parameters=request.get("parameters")
        )
        return str(run.run_id)


@app.queue_trigger("message", queue_name="%RUN_REQUESTS_QUEUE%", connection="RunStorage")
def start_from_queue(message: func.QueueMessage) -> None:
    """Take one message of the requests queue."""
    logging.info("Started %s", start(message.get_json()))


@app.route("runs", methods=["POST"])
def start_from_http(req: func.HttpRequest) -> func.HttpResponse:
    """Serve POST /api/runs."""
    body = json.dumps({"runId": start(req.get_json())})
    return func.HttpResponse(body, status_code=202, mimetype="application/json")
