"""Airflow with its HTTP provider alone: start a run through the gateway's own API, once, and wait for its end.

Put this file into your folder of DAGs, and make a connection `run_gateway`: type HTTP, host
`https://my-gateway.azurewebsites.net`, extra `{"x-functions-key": "…"}` (each pair of it is sent as a header). With
HTTP_AUTH=entra the extra is `{"Authorization": "Bearer …"}`; tokens end after an hour or so, so there
AzureSynapseRunPipelineOperator with the gateway as its endpoint serves better: its credential fetches new ones.

The requestId holds the DAG run and the task, and not the try: a try that was cut off finds the run that the one before it
has started. Clearing tasks raises `clear_number`, so that what is cleared runs again.
"""

import json
from typing import Any

from airflow.exceptions import AirflowFailException
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk import DAG

CONNECTION = "run_gateway"
REQUEST_ID = "{{ dag.dag_id }}-start_copy-{{ run_id }}-{{ dag_run.clear_number }}"


def has_succeeded(response: Any) -> bool:
    """Say whether the run has succeeded; False is "not yet", and an exception fails the task without another try.

    Without a check the sensor would take the first 202 for success.
    """
    if response.status_code in {202, 429} or response.status_code >= 500:
        return False
    if response.status_code != 200:
        told = f"{response.status_code}: {response.text}"
        raise AirflowFailException(told)
    return True


with DAG("orders", schedule=None, params={"pipeline": "copyOrders", "day": "2026-11-24"}) as dag:
    start = HttpOperator(
        task_id="start_copy",
        http_conn_id=CONNECTION,
        endpoint="/api/runs?until=outcome",
        headers={"Content-Type": "application/json"},
        data=json.dumps(
            {
                "pipelineName": "{{ params.pipeline }}",
                "requestId": REQUEST_ID,
                "parameters": {"day": "{{ params.day }}"},
            }
        ),
        response_filter=lambda response: response.json()["requestId"],
        retries=3,
    )
    wait = HttpSensor(
        task_id="wait_for_copy",
        http_conn_id=CONNECTION,
        endpoint="/api/runs/{{ ti.xcom_pull(task_ids='start_copy') }}/outcome",
        response_check=has_succeeded,
        # The check sees error statuses too. Otherwise the sensor takes 404 for "not yet", all others for a failure.
        extra_options={"check_response": False},
        mode="reschedule",
        poke_interval=60,
        timeout=24 * 60 * 60,
        retries=3,  # for connections that break; after a failed run there is no other try
    )
    start >> wait
