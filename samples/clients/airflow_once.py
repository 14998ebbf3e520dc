"""Airflow: a run for each task instance, and not two where a try was cut off.

Put this file beside your DAGs and use `SynapseRunOnce` where you used AzureSynapseRunPipelineOperator, with the
gateway's URL as `azure_synapse_workspace_dev_endpoint`. Nothing else changes: connection, waiting, XCom, deferring; but
`parameters`, which that operator sends as they stand, may have templates.

    SynapseRunOnce(
        task_id="copy_orders",
        pipeline_name="copyOrders",
        azure_synapse_workspace_dev_endpoint="https://my-gateway.azurewebsites.net",
        azure_synapse_conn_id="synapse",
        parameters={"day": "{{ ds }}"},
        retries=3,
    )

The client request id comes from what a task instance keeps over all its tries, so a try that was cut off finds
the run that the one before it has started. Where that run has failed, the next try asks for the next one.
"""

import uuid
from collections.abc import Callable
from typing import Any

from airflow.providers.microsoft.azure.hooks.synapse import AzureSynapsePipelineRunStatus
from airflow.providers.microsoft.azure.operators.synapse import AzureSynapseRunPipelineOperator

NAMESPACE = uuid.UUID("0f6c1c0a-3d0b-4c43-9d5a-6a4f2b8e7d11")  # yours: take one of your own


class SynapseRunOnce(AzureSynapseRunPipelineOperator):
    """AzureSynapseRunPipelineOperator with a client request id that outlives a try, and templates in its parameters."""

    template_fields = (*AzureSynapseRunPipelineOperator.template_fields, "parameters")

    def execute(self, context: Any) -> None:
        """Start the task instance's run, or find it."""
        ti = context["ti"]
        key = f"{ti.dag_id}|{ti.task_id}|{ti.run_id}|{ti.map_index}"
        self.hook.run_pipeline = self._once(self.hook.run_pipeline, key, ti.try_number)
        super().execute(context)

    def _once(self, run: Callable[..., Any], key: str, tries: int) -> Callable[..., Any]:
        def run_once(pipeline_name: str, **config: Any) -> Any:
            number = 0
            while True:
                request_id = str(uuid.uuid5(NAMESPACE, f"{key}|{number}"))
                response = run(pipeline_name, request_id=request_id, **config)
                number += 1
                status = self.hook.get_pipeline_run_status(response.run_id)
                if number >= tries or status not in AzureSynapsePipelineRunStatus.FAILURE_STATES:
                    return response

        return run_once
