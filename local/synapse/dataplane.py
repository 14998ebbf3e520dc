"""The workspace's answers to calls of its data plane.

Response headers of a success: TestCancelRun.json (Azure/azure-sdk-for-net, api-version 2019-06-01-preview) and
test_pipeline.yaml (Azure/azure-cli, 2020-12-01). No x-ms-ratelimit header is among them.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import formatdate
from typing import Any

from local.synapse import access, errors, monitoring
from local.synapse.admission import retry_headers
from local.synapse.calls import Call
from local.synapse.pipelines import RESOURCE_GROUP, SUBSCRIPTION, FixedError, Pipeline
from local.synapse.routes import Operation
from local.synapse.runs import Run, status
from local.synapse.simulation import Simulation
from local.synapse.tokens import AudienceRefused, TokenRefused
from local.synapse.wire import SECOND, Reply, dump, json_object, json_reply
from local.synapse.workspace import Order, dashed

API_VERSION = "2020-12-01"
RECORDED_HEADERS = {
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
    "Server": "Microsoft-IIS/10.0 Microsoft-HTTPAPI/2.0",
    "Strict-Transport-Security": "max-age=15724800; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Powered-By": "ASP.NET",
}
type Query = Mapping[str, str]


def answer(sim: Simulation, call: Call, query: Query) -> Reply:
    """Answer one call, with the headers that every answer has."""
    operation = OPERATIONS.get(call.target.operation)
    if operation is None:
        reply = errors.flat(404, "NotFound", "No such operation.")
    else:
        refused = _refusal(sim, call, query) or monitoring.throttled(sim, call)
        reply = refused or operation(sim, call, query)
    headers = {
        **RECORDED_HEADERS,
        **reply.headers,
        "x-ms-request-id": str(uuid.uuid4()),
        "x-ms-correlation-request-id": str(uuid.uuid4()),
    }
    if sim.settings.date_off_seconds:
        now = sim.workspace.clock() // SECOND + sim.settings.date_off_seconds
        headers["Date"] = formatdate(now, usegmt=True)
    echoed = call.headers.get("x-ms-client-request-id")
    if echoed is not None:
        headers["x-ms-client-request-id"] = echoed
    return replace(reply, headers=headers)


def _refusal(sim: Simulation, call: Call, query: Query) -> Reply | None:
    scheme, _, token = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return errors.no_token()
    settings = sim.settings
    try:
        now = sim.workspace.clock() / SECOND
        claims = call.claims = sim.identity.verifier.claims(token, settings.audience, now)
    except TokenRefused:
        return errors.token_refused()
    except AudienceRefused:
        return errors.audience_refused()
    revoked = sim.refused_serial and int(claims.get("uti") or 0) <= sim.refused_serial
    if settings.refuse_tokens == "all" or revoked:
        return errors.token_refused()
    version = query.get("api-version")
    if version != API_VERSION:
        return (
            errors.api_version_unknown(version, API_VERSION)
            if version
            else errors.api_version_missing()
        )
    return access.refusal(call.target.operation, claims, settings, sim.catalogue.workspace)


def _create_run(sim: Simulation, call: Call, query: Query) -> Reply:
    if sim.bucket is not None and not sim.bucket.admits(now := sim.workspace.clock()):
        return errors.too_many_requests(retry_headers(sim.bucket.limit, now))
    pipeline = _pipeline(sim, call)
    if isinstance(pipeline, Reply):
        return pipeline
    try:
        parameters = json_object(call.body)
    except ValueError as fault:
        return errors.body_not_read(str(fault))
    quoted = f" Parameters: {dump(parameters).decode()}" if sim.settings.echo_values else ""
    if pipeline.error is not None:
        return _always(pipeline, call, quoted)
    for life in call.lives:
        pipeline = life.changed(pipeline)
    order = Order(
        pipeline=pipeline,
        parameters=parameters,
        client_request_id=call.client_request_id,
        start_activity=query.get("startActivityName"),
        quoted=quoted,
    )
    return _start(sim, call, order, query.get("referencePipelineRunId"))


def _start(sim: Simulation, call: Call, order: Order, asked: str | None) -> Reply:
    reference = None if asked is None else _reference(sim, asked, order.pipeline)
    if isinstance(reference, Reply):
        return reference
    settings = sim.settings
    order = replace(order, reference=reference)
    run = sim.workspace.start(order, echo=settings.echo, invisible=settings.invisible_seconds)
    call.run_id = run.run_id
    return json_reply(202, {"runId": run.run_id})


def _always(pipeline: Pipeline, call: Call, quoted: str) -> Reply:
    if isinstance(pipeline.error, FixedError):
        return json_reply(pipeline.error.status, pipeline.error.body)
    message = pipeline.message or "Unable to parse expression '_c1'"
    run_id = call.client_request_id or str(uuid.uuid4())
    return errors.invalid_template(pipeline.name, run_id, message + quoted)


def _reference(sim: Simulation, asked: str, pipeline: Pipeline) -> Run | Reply:
    if dashed(asked) is None:
        return errors.reference_not_valid(asked, pipeline.name)
    return sim.workspace.find(asked, unseen=True) or errors.run_not_found(asked)


def _cancel_run(sim: Simulation, call: Call, _: Query) -> Reply:
    run_id = call.target.run_id or ""
    run = sim.workspace.find(run_id)
    if run is None:
        return errors.run_not_found(run_id)
    now = sim.workspace.clock()
    if run.final <= now and sim.settings.cancel_ended == "refused":
        return errors.run_not_running(run_id, status(run, now))
    sim.workspace.cancel(run)  # isRecursive changes nothing: no run here has children
    return Reply(status=200)


def _get_pipeline(sim: Simulation, call: Call, _: Query) -> Reply:
    pipeline = _pipeline(sim, call)
    if isinstance(pipeline, Reply):
        return pipeline
    optional: dict[str, Any] = {}
    if pipeline.declared:
        optional["parameters"] = pipeline.declared
    if pipeline.concurrency is not None:
        optional["concurrency"] = pipeline.concurrency
    published = {"lastPublishTime": "2021-09-14T07:15:19Z"}
    resource = {
        "id": f"{sim.catalogue.resource_id}/pipelines/{pipeline.name}",
        "name": pipeline.name,
        "type": "Microsoft.Synapse/workspaces/pipelines",
        "properties": {"activities": [], **optional, "annotations": [], **published},
        "etag": "0900726f-0000-0100-0000-61404c070000",
    }
    return json_reply(200, resource)


def _pipeline(sim: Simulation, call: Call) -> Pipeline | Reply:
    name = call.target.pipeline or ""
    found = sim.catalogue.by_name.get(name)
    if found is not None:
        return found
    return errors.pipeline_not_found(
        name,
        subscription=SUBSCRIPTION,
        resource_group=RESOURCE_GROUP,
        workspace=sim.catalogue.workspace,
    )


OPERATIONS: dict[Operation, Callable[[Simulation, Call, Query], Reply]] = {
    Operation.CREATE_RUN: _create_run,
    Operation.GET_RUN: monitoring.get_run,
    Operation.QUERY_RUNS: monitoring.query_runs,
    Operation.CANCEL_RUN: _cancel_run,
    Operation.GET_PIPELINE: _get_pipeline,
    Operation.QUERY_ACTIVITY_RUNS: monitoring.query_activity_runs,
}
