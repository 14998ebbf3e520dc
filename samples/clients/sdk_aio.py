"""azure-synapse-artifacts, aio: start pipeline runs through the gateway, and list what runs.

    pip install azure-synapse-artifacts azure-identity aiohttp
    GATEWAY=https://my-gateway.azurewebsites.net python sdk_aio.py copyOrders day=2026-11-24

See sdk_sync.py for what changes: the endpoint, and with function keys one policy.
"""

import asyncio
import os
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline.policies import AzureKeyCredentialPolicy
from azure.identity.aio import DefaultAzureCredential
from azure.synapse.artifacts.aio import ArtifactsClient
from azure.synapse.artifacts.models import RunFilterParameters


def client(credential: DefaultAzureCredential) -> ArtifactsClient:
    """Make the client that you have already, with another endpoint."""
    options: dict[str, Any] = {}
    if key := os.environ.get("FUNCTION_KEY"):
        policy = AzureKeyCredentialPolicy(AzureKeyCredential(key), "x-functions-key")
        options["authentication_policy"] = policy
    return ArtifactsClient(credential, os.environ["GATEWAY"], **options)


async def main(pipeline: str, *parameters: str) -> None:
    """Start a run, cancel it, and list the runs of the last hour."""
    values = dict(parameter.split("=", 1) for parameter in parameters)
    async with DefaultAzureCredential() as credential, client(credential) as synapse:
        started = await synapse.pipeline.create_pipeline_run(
            pipeline, parameters=values, request_id=str(uuid.uuid4())
        )
        print("run", started.run_id)
        await synapse.pipeline_run.cancel_pipeline_run(started.run_id)
        now = datetime.now(UTC)
        hour = RunFilterParameters(
            last_updated_after=now - timedelta(hours=1), last_updated_before=now
        )
        # A page may be empty and still lead to the next: runs that you may not see are left out of it.
        while True:
            page = await synapse.pipeline_run.query_pipeline_runs_by_workspace(hour)
            for run in page.value:
                print(run.run_id, run.pipeline_name, run.status)
            hour.continuation_token = page.continuation_token
            if not page.continuation_token:
                break


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
