"""The answers to looks: GET of a run, queryPipelineRuns and queryActivityruns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from local.synapse import activities, errors, queries, runs
from local.synapse.admission import retry_headers
from local.synapse.calls import Call
from local.synapse.queries import ACTIVITIES, RUNS, Operands, Query
from local.synapse.routes import MONITORING
from local.synapse.runs import Status
from local.synapse.simulation import Simulation
from local.synapse.wire import Reply, json_object, json_reply


def throttled(sim: Simulation, call: Call) -> Reply | None:
    """Count a look against the limit, if there is one; it is one for all three, as in Data Factory."""
    bucket, now = sim.monitoring_bucket, sim.workspace.clock()
    if bucket is None or call.target.operation not in MONITORING or bucket.admits(now):
        return None
    a_minute = round(bucket.limit.rate * 60)
    return errors.too_many_queries(
        sim.catalogue.workspace, a_minute, retry_headers(bucket.limit, now)
    )


def get_run(sim: Simulation, call: Call, _: Mapping[str, str]) -> Reply:
    """It is always current, whatever the query lags."""
    run = sim.workspace.find(call.target.run_id or "")
    if run is None:
        return _no_run(sim, call)
    return json_reply(200, runs.wire(run, sim.workspace.clock(), sim.catalogue.resource_id))


def query_runs(sim: Simulation, call: Call, _: Mapping[str, str]) -> Reply:
    resource = sim.catalogue.resource_id

    def listed(query: Query, first: int, last: int) -> list[runs.Run]:
        return sim.workspace.listed(first, last, queries.statuses(query, tuple(Status)))

    def wire(run: runs.Run) -> dict[str, Any]:
        return runs.wire(run, run.shown or 0, resource)

    return _answer(call, RUNS, listed, wire)


def query_activity_runs(sim: Simulation, call: Call, _: Mapping[str, str]) -> Reply:
    """The path names run and pipeline. What a wrong pipeline does is unknown; here it has no such run, and the list is empty."""
    run = sim.workspace.find(call.target.run_id or "")
    if run is None:
        return _no_run(sim, call)
    now = sim.workspace.clock() - run.activity_lag
    rows = activities.rows(run, now) if run.pipeline == call.target.pipeline else []

    def listed(_: Query, first: int, last: int) -> list[activities.Row]:
        return [row for row in rows if first <= row.changed <= last]

    return _answer(call, ACTIVITIES, listed, activities.wire)


def _answer[R](
    call: Call,
    operands: Operands[R],
    listed: Callable[[Query, int, int], Sequence[R]],
    wire: Callable[[R], dict[str, Any]],
) -> Reply:
    try:
        query = Query.model_validate(json_object(call.body))
        window = query.window()
        rows = listed(query, *window) if window else ()
        found, token = queries.page(rows, query, operands)
    except ValidationError as fault:
        return errors.body_not_read(f"The filter is not valid ({fault.error_count()} errors).")
    except ValueError as fault:
        return errors.body_not_read(str(fault))
    value = [wire(row) for row in found]
    return json_reply(200, {"value": value} | ({"continuationToken": token} if token else {}))


def _no_run(sim: Simulation, call: Call) -> Reply:
    settings = sim.settings
    run_id = call.target.run_id or ""
    return errors.run_not_found(run_id, settings.unknown_run, settings.unknown_run_form)
