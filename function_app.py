"""The triggers: decode, submit, encode, return. `shared/gateway/gateway.py` does the work in between."""

import azure.functions as func

from shared import wiring
from shared.triggers import api_document, health, outbox, queue

app = func.FunctionApp(http_auth_level=wiring.http_auth_level())
OPEN = func.AuthLevel.ANONYMOUS


@app.queue_trigger("message", queue_name=wiring.requests_queue(), connection=wiring.STORAGE)
async def start_from_queue(message: func.QueueMessage) -> None:
    """Take one message of the requests queue."""
    app = wiring.app()
    await queue.receive(app.gateway, message, app.follow, app.take_event)


@app.queue_trigger(
    "message", queue_name=f"{wiring.requests_queue()}-poison", connection=wiring.STORAGE
)
async def answer_poison(message: func.QueueMessage) -> None:
    """Answer one message that the platform gave up on."""
    app = wiring.app()
    await queue.receive_poisoned(app.poison, message, app.take_event)


async def post_event(message: func.QueueMessage) -> None:
    """Post one event of the outbox queue to the Event Grid topic."""
    await outbox.post(wiring.app().event_post, message)


async def return_event(message: func.QueueMessage) -> None:
    """Put one event back that the platform gave up on."""
    await outbox.put_back(wiring.app().event_post, message)


if box := wiring.outbox_queue():
    for each, name in ((post_event, box), (return_event, f"{box}-poison")):
        app.queue_trigger("message", queue_name=name, connection=wiring.STORAGE)(each)


@app.timer_trigger("timer", schedule="0 17 * * * *")
async def forget(timer: func.TimerRequest) -> None:  # noqa: ARG001 (the platform binds it by name)
    """Log what keeps the app from working, follow lost runs, and delete what is older than RETENTION_DAYS, each hour."""
    await wiring.readiness()()
    await wiring.app().follower.revive()
    await wiring.app().retention.sweep(budget=300.0)


@app.event_grid_trigger("event")
async def start_from_event(event: func.EventGridEvent) -> None:
    """Take one event that an Event Grid subscription delivers."""
    await wiring.app().events.receive(event)


@app.route("api/events", methods=["POST", "OPTIONS"], auth_level=func.AuthLevel.FUNCTION)
async def take_events(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Serve POST and OPTIONS /api/events: Event Grid's and CloudEvents' webhook, always authenticated by key."""
    return await wiring.take_in(lambda app: app.webhooks.events(req, context.invocation_id))


@app.route("api/hooks/{name}", methods=["POST"], auth_level=OPEN)
async def take_hook(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Serve POST /api/hooks/{name}: a signed webhook, authenticated by its signature."""
    return await wiring.take_in(lambda app: app.webhooks.hook(req, context.invocation_id))


@app.route("api/runs", methods=["POST"])
async def start_from_http(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Serve POST /api/runs."""
    return await wiring.serve(req, lambda app, who: app.runs.start(req, who, context.invocation_id))


@app.route("api/runs", methods=["GET"])
async def list_runs(req: func.HttpRequest) -> func.HttpResponse:
    """Serve GET /api/runs: the audit, newest first."""
    return await wiring.serve(req, lambda app, who: app.runs.list(req, who))


@app.route("api/runs/{requestId}", methods=["GET"])
async def show_request(req: func.HttpRequest) -> func.HttpResponse:
    """Serve GET /api/runs/{requestId}: the record with its history."""
    return await wiring.serve(req, lambda app, who: app.runs.show(req, who))


@app.route("api/runs/{requestId}/run", methods=["GET"])
async def show_run(req: func.HttpRequest) -> func.HttpResponse:
    """Serve GET /api/runs/{requestId}/run: Synapse's own view of the run."""
    return await wiring.serve(req, lambda app, who: app.run_operations.show_run(req, who))


@app.route("api/runs/{requestId}/outcome", methods=["GET"])
async def show_outcome(req: func.HttpRequest) -> func.HttpResponse:
    """Serve GET /api/runs/{requestId}/outcome: how the request, or its run, ended."""
    return await wiring.serve(req, lambda app, who: app.outcomes.of_request(req, who))


@app.route("api/outcomes/{ticket}", methods=["GET"], auth_level=OPEN)
async def show_awaited(req: func.HttpRequest) -> func.HttpResponse:
    """Serve GET /api/outcomes/{ticket}: the one outcome that the ticket opens."""
    return await wiring.serve_ticket(lambda app: app.outcomes.of_ticket(req))


@app.route("api/operations/{ticket}", methods=["GET"], auth_level=OPEN)
async def show_operation(req: func.HttpRequest) -> func.HttpResponse:
    """Serve GET /api/operations/{ticket}: the same as a long-running operation of Azure."""
    return await wiring.serve_ticket(lambda app: app.outcomes.operation(req))


@app.route("api/runs/{requestId}/cancel", methods=["POST"])
async def cancel(req: func.HttpRequest) -> func.HttpResponse:
    """Serve POST /api/runs/{requestId}/cancel."""
    return await wiring.serve(req, lambda app, who: app.run_operations.cancel(req, who))


@app.route("api/runs/{requestId}/rerun", methods=["POST"])
async def rerun(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Serve POST /api/runs/{requestId}/rerun."""
    call_id = context.invocation_id
    return await wiring.serve(req, lambda app, who: app.run_operations.rerun(req, who, call_id))


@app.route("api/runs/{requestId}/resolve", methods=["POST"])
async def resolve(req: func.HttpRequest) -> func.HttpResponse:
    """Serve POST /api/runs/{requestId}/resolve."""
    return await wiring.serve(req, lambda app, who: app.run_operations.resolve(req, who))


@app.route("pipelines/{pipelineName}/createRun", methods=["POST"])
async def create_run(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Serve Synapse's own POST /pipelines/{pipelineName}/createRun."""
    call_id = context.invocation_id
    return await wiring.serve_wire(
        req, context, lambda app, who: app.wire.create_run(req, who, call_id)
    )


@app.route("pipelineruns/{runId}", methods=["GET"])
async def get_pipeline_run(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Serve Synapse's own GET /pipelineruns/{runId}."""
    return await wiring.serve_wire(req, context, lambda app, who: app.wire.show(req, who))


@app.route("pipelineruns/{runId}/cancel", methods=["POST"])
async def cancel_pipeline_run(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Serve Synapse's own POST /pipelineruns/{runId}/cancel."""
    return await wiring.serve_wire(req, context, lambda app, who: app.wire.cancel(req, who))


@app.route("queryPipelineRuns", methods=["POST"])
async def query_pipeline_runs(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Serve Synapse's own POST /queryPipelineRuns."""
    return await wiring.serve_wire(req, context, lambda app, who: app.wire.query(req, who))


@app.route("api/openapi.json", methods=["GET"], auth_level=OPEN)
async def openapi(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 (the platform binds it by name)
    """Serve GET /api/openapi.json: the OpenAPI document."""
    return api_document.show()


@app.route("api/health/live", methods=["GET"], auth_level=OPEN)
async def live(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 (the platform binds it by name)
    """Serve GET /api/health/live: whether the process is alive."""
    return health.live()


@app.route("api/health/ready", methods=["GET"], auth_level=OPEN)
async def ready(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 (the platform binds it by name)
    """Serve GET /api/health/ready: whether the app is ready, for probes."""
    return health.ready(await wiring.readiness()())


@app.route("api/health/settings", methods=["GET"])
async def settings(req: func.HttpRequest) -> func.HttpResponse:
    """Serve GET /api/health/settings: invalid settings and rights, for an authenticated caller."""
    return await wiring.admit(
        req,
        lambda who: health.settings(wiring.readiness()(), wiring.rights(who), wiring.notices()),
    )
