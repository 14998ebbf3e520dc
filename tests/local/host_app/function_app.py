"""A small app whose functions show what the local host hands them and does with them."""

import asyncio
import json
import logging
import os
import sys
import time
from contextlib import suppress
from typing import Any

import azure.functions as func
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
STORAGE = "TestStorage"
LOG = logging.getLogger("host_app")
WORKING: set[str | None] = set()
sys.stdout.write("printed at import\n")
sys.stdout.flush()


async def tell(queue: str, content: Any) -> None:
    """Put on a queue what a test is to see."""
    async with QueueClient.from_connection_string(os.environ[STORAGE], queue) as client:
        with suppress(ResourceExistsError):
            await client.create_queue()
        await client.send_message(json.dumps(content))


@app.queue_trigger(arg_name="msg", queue_name="%TASKS_QUEUE%", connection=STORAGE)
async def on_task(msg: func.QueueMessage) -> None:
    """Tell what was received; `fail`, `hang` and `sleep` say what else to do."""
    WORKING.add(msg.id)
    at_once = len(WORKING)
    try:
        wanted: dict[str, Any] = json.loads(msg.get_body())
        hangs = (msg.dequeue_count or 0) <= wanted.get("hang", 0)
        await asyncio.sleep(60 if hangs else wanted.get("sleep", 0))
        if (msg.dequeue_count or 0) <= wanted.get("fail", 0):
            raise ValueError(f"told to fail: {wanted}")
        seen = {
            "wanted": wanted,
            "id": msg.id,
            "count": msg.dequeue_count,
            "inserted": str(msg.insertion_time),
            "expires": str(msg.expiration_time),
            "visible": str(msg.time_next_visible),
            "receipt": msg.pop_receipt,
            "at_once": at_once,
        }
        await tell("told", seen)
    finally:
        WORKING.discard(msg.id)


@app.queue_trigger(arg_name="msg", queue_name="other-poison", connection=STORAGE)
async def on_poison(msg: func.QueueMessage) -> None:
    """Fail for ever."""
    raise RuntimeError("no poison queue of a poison queue")


@app.route(route="echo/{name}", methods=["POST", "GET"])
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answer with what was seen."""
    LOG.info(
        "echoed",
        extra={"length": len(req.get_body()), "status": int(req.params.get("status", 200))},
    )
    seen = {
        "method": req.method,
        "url": req.url,
        "name": req.route_params["name"],
        "query": dict(req.params),
        "headers": dict(req.headers),
        "body": req.get_body().hex(),
        "trace": context.trace_context.trace_parent,
        "function": context.function_name,
    }
    headers = {
        "X-Answer": "yes",
        "Set-Cookie": "seen=1; Path=/; HttpOnly; SameSite=Lax; Max-Age=60",
    }
    return func.HttpResponse(
        json.dumps(seen),
        status_code=int(req.params.get("status", 200)),
        mimetype="application/json",
        headers=headers,
    )


@app.route(route="items/first", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def first_item(req: func.HttpRequest) -> func.HttpResponse:
    """A literal route."""
    return func.HttpResponse("the first")


@app.route(route="items/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def any_item(req: func.HttpRequest) -> func.HttpResponse:
    """A free route, behind the literal one."""
    return func.HttpResponse(f"any {req.route_params['id']}")


@app.route(route="files/{path}", auth_level=func.AuthLevel.ANONYMOUS)
def files(req: func.HttpRequest) -> func.HttpResponse:
    """A function that is not async."""
    return func.HttpResponse(f"file {req.route_params['path']}")


@app.route(route="broken", auth_level=func.AuthLevel.ANONYMOUS)
async def broken(req: func.HttpRequest) -> func.HttpResponse:
    """Fail."""
    raise LookupError("broken as told")


@app.route(route="slow", auth_level=func.AuthLevel.ANONYMOUS)
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Answer late."""
    await asyncio.sleep(float(req.params["seconds"]))
    return func.HttpResponse("late")


@app.route(route="blocked", auth_level=func.AuthLevel.ANONYMOUS)
def blocked(req: func.HttpRequest) -> func.HttpResponse:
    """Hold a thread."""
    time.sleep(float(req.params["seconds"]))
    return func.HttpResponse("late")


@app.route(route="setting/{name}", auth_level=func.AuthLevel.ANONYMOUS)
async def setting(req: func.HttpRequest) -> func.HttpResponse:
    """Show one of the app's settings."""
    return func.HttpResponse(os.environ.get(req.route_params["name"], ""))


@app.event_grid_trigger(arg_name="event")
async def on_event(event: func.EventGridEvent) -> None:
    """Tell which event came."""
    if "refuse" in (event.subject or ""):
        raise ValueError("refused as told")
    await tell("told", {"event": event.id, "class": type(event).__name__})


@app.timer_trigger(arg_name="timer", schedule="%TIMER%")
async def on_timer(timer: func.TimerRequest) -> None:
    """Tell that the timer fired."""
    await tell("ticks", {"past_due": timer.past_due})
