"""azure-synapse-artifacts: start a pipeline run through the gateway, once, and follow it.

    pip install azure-synapse-artifacts azure-identity
    GATEWAY=https://my-gateway.azurewebsites.net python sdk_sync.py copyOrders day=2026-11-24

With HTTP_AUTH=entra and https://dev.azuresynapse.net among ENTRA_AUDIENCES the endpoint is all that changes. With function
keys set FUNCTION_KEY: the SDK's own policy puts it into a header.
"""

import os
import sys
import time
import uuid
from typing import Any

from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline.policies import AzureKeyCredentialPolicy
from azure.identity import DefaultAzureCredential
from azure.synapse.artifacts import ArtifactsClient

NAMESPACE = uuid.UUID("0f6c1c0a-3d0b-4c43-9d5a-6a4f2b8e7d11")  # yours: take one of your own


def client() -> ArtifactsClient:
    """Make the client that you have already, with another endpoint."""
    options: dict[str, Any] = {}
    if key := os.environ.get("FUNCTION_KEY"):
        policy = AzureKeyCredentialPolicy(AzureKeyCredential(key), "x-functions-key")
        options["authentication_policy"] = policy
    return ArtifactsClient(DefaultAzureCredential(), os.environ["GATEWAY"], **options)


def main(pipeline: str, *parameters: str) -> None:
    """Start a run and wait for its end."""
    values = dict(parameter.split("=", 1) for parameter in parameters)
    # One id for one piece of work: started again after a crash, this program finds its first run.
    once = str(uuid.uuid5(NAMESPACE, f"{pipeline}|{sorted(values.items())}"))
    with client() as synapse:
        run_id = synapse.pipeline.create_pipeline_run(
            pipeline, parameters=values, request_id=once
        ).run_id
        print("run", run_id)
        while (run := synapse.pipeline_run.get_pipeline_run(run_id)).run_end is None:
            time.sleep(1)
        print(run.status, run.message or "")


if __name__ == "__main__":
    main(*sys.argv[1:])
