"""What Airflow does: its hook and its operator, unmodified, and the sample that gives a task one run.

Runs in .local/airflow, as `python calls.py`, with the gateway's and the simulator's URLs in the environment;
writes one JSON line for each thing that was tried.
"""

import json
import os
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any
from urllib.request import Request, urlopen

from airflow.providers.microsoft.azure.hooks.synapse import (  # type: ignore[import-not-found] # in its own environment
    AzureSynapsePipelineHook,
    AzureSynapsePipelineRunException,
)
from airflow.providers.microsoft.azure.operators.synapse import (  # type: ignore[import-not-found] # in its own environment
    AzureSynapseRunPipelineOperator,
)

sys.path.insert(0, os.environ["SAMPLES"])
from airflow_once import SynapseRunOnce  # type: ignore[import-not-found] # by the path above

GATEWAY, SIMULATOR = os.environ["GATEWAY"], os.environ["SIMULATOR"]
PIPELINE = "copyOrders"
THROTTLED = {"do": "answer", "status": 429, "headers": {"Retry-After": "1"}}
CUT = {"do": "cut"}


def control(name: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{SIMULATOR}/_sim/{name}", data=data)) as answer:
        return json.load(answer)


def fault(act: dict[str, Any], point: str, times: int = 1) -> None:
    match = {"operation": "createRun"}
    control("faults", {"act": act, "point": point, "times": times, "match": match})


def runs_of(day: str) -> list[str]:
    return [run["runId"] for run in control("runs") if run["parameters"].get("day") == day]


def hook() -> Any:
    return AzureSynapsePipelineHook(GATEWAY, "synapse")


def expect(*, holds: bool, what: object) -> None:
    if not holds:
        raise AssertionError(what)


def runs_waits_and_succeeds(day: str) -> str:
    synapse = hook()
    run_id = synapse.run_pipeline(PIPELINE, parameters={"day": day}).run_id
    succeeded = synapse.wait_for_pipeline_run_status(run_id, "Succeeded", check_interval=1)
    expect(holds=succeeded and runs_of(day) == [run_id], what=runs_of(day))
    return "the run's status is followed to Succeeded"


def is_cancelled(day: str) -> str:
    synapse = hook()
    run_id = synapse.run_pipeline(PIPELINE, parameters={"day": day}).run_id
    synapse.cancel_run_pipeline(run_id)
    status = synapse.get_pipeline_run_status(run_id)
    expect(holds=status in {"Canceling", "Cancelled"}, what=status)
    return f"cancel_run_pipeline: {status}"


def answer_is_cut(day: str) -> str:
    fault(CUT, "created")
    run_id = hook().run_pipeline(PIPELINE, parameters={"day": day}).run_id
    expect(holds=runs_of(day) == [run_id], what=runs_of(day))
    return "one run, and its id"


def workspace_is_throttled(day: str) -> str:
    fault(THROTTLED, "received", times=2)
    run_id = hook().run_pipeline(PIPELINE, parameters={"day": day}).run_id
    expect(holds=runs_of(day) == [run_id], what=runs_of(day))
    return "429, 429, then one run by the SDK's own retries"


def operator_runs(day: str) -> str:
    told = execute(AzureSynapseRunPipelineOperator, day, try_number=1)
    expect(holds=runs_of(day) == [told], what=runs_of(day))
    return "execute() ends when the run has succeeded; its id is in XCom"


def second_try_finds_the_run(day: str) -> str:
    first = execute(SynapseRunOnce, day, try_number=1)
    second = execute(SynapseRunOnce, day, try_number=2)
    expect(holds=first == second and runs_of(day) == [first], what=runs_of(day))
    return "try 2 of the task finds the run of try 1"


def failed_run_is_run_again(day: str) -> str:
    def failed() -> int:
        return sum(run["pipelineName"] == "failsLater" for run in control("runs"))

    for try_number in (1, 2, 2):
        with suppress(AzureSynapsePipelineRunException):
            execute(SynapseRunOnce, day, try_number, pipeline="failsLater")
    expect(holds=failed() == 2, what=failed())
    return "the run of try 1 had failed: try 2 starts another, and once"


def execute(operator: Any, day: str, try_number: int, pipeline: str = PIPELINE) -> str:
    pushed: dict[str, str] = {}
    ti = SimpleNamespace(
        dag_id="orders",
        task_id="copy",
        run_id=f"manual__{day}",
        map_index=-1,
        try_number=try_number,
        xcom_push=lambda key, value: pushed.update({key: value}),
    )
    task = operator(
        task_id="copy",
        pipeline_name=pipeline,
        azure_synapse_workspace_dev_endpoint=GATEWAY,
        azure_synapse_conn_id="synapse",
        parameters={"day": day},
        check_interval=1,
    )
    task.execute({"ti": ti})
    return pushed["run_id"]


TRIED: dict[str, Callable[[str], str]] = {
    "AzureSynapsePipelineHook: run and wait": runs_waits_and_succeeds,
    "AzureSynapsePipelineHook: cancel": is_cancelled,
    "AzureSynapsePipelineHook: createRun's answer is cut": answer_is_cut,
    "AzureSynapsePipelineHook: the workspace is throttled": workspace_is_throttled,
    "AzureSynapseRunPipelineOperator": operator_runs,
    "SynapseRunOnce (samples/clients): a task's second try": second_try_finds_the_run,
    "SynapseRunOnce (samples/clients): after a failed run": failed_run_is_run_again,
}


def main() -> None:
    for name, attempt in TRIED.items():
        try:
            outcome = {"passed": True, "what": attempt(str(uuid.uuid4()))}
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
            outcome = {"passed": False, "what": f"{type(error).__name__}: {error}"[:300]}
        print("outcome " + json.dumps({"name": name, **outcome}), flush=True)


if __name__ == "__main__":
    main()
