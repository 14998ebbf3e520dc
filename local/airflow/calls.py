"""What Airflow does: its hook and its operator, unmodified, and the sample that gives a task one run.

Runs in .local/airflow, as `python calls.py`, with the gateway's and the simulator's URLs in the environment;
writes one JSON line for each thing that was tried.
"""

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any
from urllib.request import Request, urlopen

from airflow.exceptions import (  # type: ignore[import-not-found] # in its own environment
    AirflowException,
    TaskDeferred,
)
from airflow.providers.http.hooks.http import (  # type: ignore[import-not-found] # in its own environment
    HttpHook,
)
from airflow.providers.http.sensors.http import (  # type: ignore[import-not-found] # in its own environment
    HttpSensor,
)
from airflow.providers.microsoft.azure.hooks.synapse import (  # type: ignore[import-not-found] # in its own environment
    AzureSynapsePipelineHook,
    AzureSynapsePipelineRunException,
)
from airflow.providers.microsoft.azure.operators.synapse import (  # type: ignore[import-not-found] # in its own environment
    AzureSynapseRunPipelineOperator,
)
from azure.identity import ManagedIdentityCredential

sys.path.insert(0, os.environ["SAMPLES"])
from airflow_once import SynapseRunOnce  # type: ignore[import-not-found] # by the path above
from airflow_outcome import CONNECTION, dag  # type: ignore[import-not-found] # by the path above

GATEWAY, SIMULATOR = os.environ["GATEWAY"], os.environ["SIMULATOR"]
PIPELINE = "copyOrders"
THROTTLED = {"do": "answer", "status": 429, "headers": {"Retry-After": "1"}}
CUT = {"do": "cut"}
JSON = {"Content-Type": "application/json"}
UNAVAILABLE = {"do": "answer", "status": 503}


def control(name: str, body: Any = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{SIMULATOR}/_sim/{name}", data=data, method=method)) as answer:
        return json.load(answer)


def fault(act: dict[str, Any], point: str, times: int = 1, operation: str = "createRun") -> None:
    match = {"operation": operation}
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


def parameters_are_templates(day: str) -> str:
    task, context, pushed = an_instance(SynapseRunOnce, "{{ day }}")
    task.render_template_fields({"day": day})
    task.execute(context)
    expect(holds=runs_of(day) == [pushed["run_id"]], what=runs_of(day))
    return "the run has what the template stands for"


def second_try_finds_the_run(day: str) -> str:
    first = execute(SynapseRunOnce, day, try_number=1)
    second = execute(SynapseRunOnce, day, try_number=2)
    expect(holds=first == second and runs_of(day) == [first], what=runs_of(day))
    return "try 2 of the task finds the run of try 1"


def failed_run_is_run_again(day: str) -> str:
    def failed() -> int:
        return sum(run["pipelineName"] == "failsLater" for run in control("runs"))

    before = failed()
    for try_number in (1, 2, 2):
        with suppress(AzureSynapsePipelineRunException):
            execute(SynapseRunOnce, day, try_number, pipeline="failsLater")
    expect(holds=failed() - before == 2, what=failed())
    return "the run of try 1 had failed: try 2 starts another, and once"


def operator_defers(day: str) -> str:
    told = execute(AzureSynapseRunPipelineOperator, day, 1, deferrable=True)
    expect(holds=runs_of(day) == [told], what=runs_of(day))
    return "its trigger polls until the run has succeeded; no worker waits"


def deferred_operator_fails(day: str) -> str:
    said = ""
    try:
        execute(AzureSynapseRunPipelineOperator, day, 1, "failsLater", deferrable=True)
    except AzureSynapsePipelineRunException as failed:
        said = str(failed)
    expect(holds=said.endswith("finished with state Failed."), what=said)
    return "its trigger sees Failed, and the task fails"


def deferred_operator_polls_a_hidden_run(day: str) -> str:
    """Upon an error the trigger would cancel the run."""
    with setting("invisibleSeconds", 4.0):
        hidden = deferred(day)
        expect(holds=hook().get_pipeline_run_status(hidden.trigger.run_id) == "Queued", what=day)
        outcome = fire(hidden)
    expect(holds=states_of(day) == ["Succeeded"], what=(outcome, states_of(day)))
    return "Queued until Synapse shows the run, then Succeeded; nothing is cancelled"


def deferred_operator_polls_while_synapse_is_away(day: str) -> str:
    waiting = deferred(day)
    fault(UNAVAILABLE, "received", times=3, operation="getRun")
    outcome = fire(waiting)
    expect(holds=states_of(day) == ["Succeeded"], what=(outcome, states_of(day)))
    return "a look that gets 503 is repeated by the SDK; nothing is cancelled"


def states_of(day: str) -> list[str]:
    return [run["status"] for run in control("runs") if run["parameters"].get("day") == day]


@contextmanager
def setting(name: str, value: Any) -> Iterator[None]:
    before = control("settings")[name]
    control("settings", {name: value}, "PATCH")
    try:
        yield
    finally:
        control("settings", {name: before}, "PATCH")


def dag_waits_for_the_outcome(day: str) -> str:
    state, _ = play_dag(day, PIPELINE)
    expect(holds=(state, states_of(day)) == ("success", ["Succeeded"]), what=(state, day))
    return "HttpOperator starts one run, HttpSensor pokes until it has succeeded"


def dag_fails_as_the_run_does(day: str) -> str:
    state, tries = play_dag(day, "failsLater")
    expect(holds=(state, tries) == ("failed", {"start_copy": 1, "wait_for_copy": 1}), what=tries)
    return "424: the sensor's task fails, without another try"


def sensor_ends_as_the_run_does(day: str) -> str:
    """By itself, without the sample: what it takes for success, for failure, and for not yet."""
    connect()
    body = {"pipelineName": "failsLater", "requestId": day}
    HttpHook("POST", CONNECTION).run("/api/runs?until=outcome", json.dumps(body), JSON)
    common = {"task_id": "wait", "http_conn_id": CONNECTION, "endpoint": f"/api/runs/{day}/outcome"}
    too_early = HttpSensor(**common).poke({})
    checked = HttpSensor(
        **common,
        response_check=lambda answer: answer.status_code == 200,
        response_error_codes_allowlist=[],
    )
    said = ""
    while not said:
        try:
            expect(holds=not checked.poke({}), what="a failed run was a success")
        except AirflowException as failed:
            said = str(failed)
        time.sleep(0.5)
    expect(holds=too_early is True and said.startswith("424:"), what=(too_early, said))
    return (
        "without a response_check 202 is a success; with one 202 is not yet, and 424 fails the task"
    )


def play_dag(day: str, pipeline: str) -> tuple[str, dict[str, int]]:
    """Play the sample's DAG as `airflow dags test` does; give its state, and each task's tries."""
    connect()
    dag.task_dict["wait_for_copy"].poke_interval = 1  # a minute in the sample
    run = dag.test(run_conf={"day": day, "pipeline": pipeline})
    return str(run.state), {ti.task_id: ti.try_number for ti in run.get_task_instances()}


def connect() -> None:
    """Make the connection of Airflow's HTTP provider, with a token of now."""
    token = ManagedIdentityCredential().get_token("https://dev.azuresynapse.net/.default").token
    os.environ["AIRFLOW_CONN_RUN_GATEWAY"] = json.dumps(
        {"conn_type": "http", "host": GATEWAY, "extra": {"Authorization": f"Bearer {token}"}}
    )


def deferred(day: str) -> Any:
    """Start a run by the deferrable operator; give what it defers to."""
    task, context, _ = an_instance(AzureSynapseRunPipelineOperator, day, deferrable=True)
    try:
        task.execute(context)
    except TaskDeferred as deferral:
        return deferral
    return None


def fire(deferral: Any) -> dict[str, Any]:
    """Run the trigger, as Airflow's triggerer does, to its event."""

    async def first() -> Any:
        return (await anext(deferral.trigger.run())).payload

    return dict(asyncio.run(first()))


def execute(
    operator: Any, day: str, try_number: int, pipeline: str = PIPELINE, *, deferrable: bool = False
) -> str:
    task, context, pushed = an_instance(operator, day, try_number, pipeline, deferrable=deferrable)
    try:
        task.execute(context)
    except TaskDeferred as deferral:
        task.execute_complete(context, fire(deferral))
    return pushed["run_id"]


def an_instance(
    operator: Any, day: str, try_number: int = 1, pipeline: str = PIPELINE, **options: Any
) -> tuple[Any, dict[str, Any], dict[str, str]]:
    """Make a task and its context; the last has what it pushes to XCom."""
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
        **options,
    )
    return task, {"ti": ti}, pushed


TRIED: dict[str, Callable[[str], str]] = {
    "AzureSynapsePipelineHook: run and wait": runs_waits_and_succeeds,
    "AzureSynapsePipelineHook: cancel": is_cancelled,
    "AzureSynapsePipelineHook: createRun's answer is cut": answer_is_cut,
    "AzureSynapsePipelineHook: the workspace is throttled": workspace_is_throttled,
    "AzureSynapseRunPipelineOperator": operator_runs,
    "AzureSynapseRunPipelineOperator(deferrable=True)": operator_defers,
    "AzureSynapseRunPipelineOperator(deferrable=True): the run fails": deferred_operator_fails,
    "AzureSynapseRunPipelineOperator(deferrable=True): Synapse does not show the run yet": deferred_operator_polls_a_hidden_run,
    "AzureSynapseRunPipelineOperator(deferrable=True): Synapse is away": deferred_operator_polls_while_synapse_is_away,
    "HttpOperator, HttpSensor (samples/clients/airflow_outcome.py)": dag_waits_for_the_outcome,
    "HttpOperator, HttpSensor (samples/clients/airflow_outcome.py): the run fails": dag_fails_as_the_run_does,
    "HttpSensor": sensor_ends_as_the_run_does,
    "SynapseRunOnce (samples/clients): parameters with templates": parameters_are_templates,
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
