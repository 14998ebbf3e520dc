"""azure-core: start a pipeline run through the gateway's own API, once, and wait for its end.

    pip install azure-core
    GATEWAY=https://my-gateway.azurewebsites.net FUNCTION_KEY=… python until_outcome.py copyOrders day=2026-11-24

The poller asks at Operation-Location as often as Retry-After says, and needs no credential there. With HTTP_AUTH=entra take
azure-identity's credential and `BearerTokenCredentialPolicy` in the place of the key.
"""

import json
import os
import sys
import uuid
from typing import Any

from azure.core import PipelineClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import AzureKeyCredentialPolicy, RequestIdPolicy, RetryPolicy
from azure.core.polling import LROPoller
from azure.core.polling.base_polling import LROBasePolling

NAMESPACE = uuid.UUID("0f6c1c0a-3d0b-4c43-9d5a-6a4f2b8e7d11")  # yours: take one of your own


def main(pipeline: str, *parameters: str) -> int:
    """Start a run, wait for its end, and return 0 if it succeeded."""
    values = dict(parameter.split("=", 1) for parameter in parameters)
    # One id for one piece of work: started again after a crash, this program finds its first run.
    once = str(uuid.uuid5(NAMESPACE, f"{pipeline}|{sorted(values.items())}"))
    body = {"pipelineName": pipeline, "requestId": once, "parameters": values}
    key = AzureKeyCredential(os.environ["FUNCTION_KEY"])
    policies: list[Any] = [
        RequestIdPolicy(),
        RetryPolicy(),
        AzureKeyCredentialPolicy(key, "x-functions-key"),
    ]
    client: PipelineClient[Any, Any] = PipelineClient(os.environ["GATEWAY"], policies=policies)
    headers = {"Content-Type": "application/json"}
    start = client.post("/api/runs", {"until": "outcome"}, headers, json.dumps(body).encode())
    with client:
        accepted = client._pipeline.run(start)  # noqa: SLF001 - as generated clients do
        if accepted.http_response.status_code != 202:
            print(accepted.http_response.text(), file=sys.stderr)
            return 1
        poller: LROPoller[Any] = LROPoller(
            client, accepted, lambda last: json.loads(last.http_response.text()), LROBasePolling()
        )
        try:
            ended = poller.result()
        except HttpResponseError as failed:
            print(failed.error.code if failed.error else failed, failed.message, file=sys.stderr)
            return 1
    print(ended["outcome"], ended["runId"])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
