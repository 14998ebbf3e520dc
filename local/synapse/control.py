"""The routes with which tests see and steer the simulator, under /_sim/, without a token.

GET  calls[?since=N&operation=O] · stats · runs[?runId=R] · held · faults · settings
POST runs {"pipeline", "parameters"?, "runId"?, "life"?: {"runSeconds": 5, …}}: somebody else starts a run (pipelines.Life)
POST runs {"referenceRunId"}: somebody reruns one in Studio: a new run of the first one's group
PATCH runs {"runIds", "outcome"?, "message"?, "activities"?, "inSeconds"?, "everySeconds"?}: runs end, one after another
POST faults (see local/faults.py): also {"match": {"operation": "createRun", …}, "act": {"do": "live", "runSeconds": 5, …}}
POST release {"seq"?, "cut"?} · reset {} · tokens (see identity.TokenOrder) · disconnect: close idle connections
POST keys {"keep": true}: sign with a new key
PATCH settings {changes} · DELETE faults[?id=N] · runs?runId=R: the workspace forgets a run
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from local.synapse.activity import Activity
from local.synapse.faults import Fault, Live
from local.synapse.identity import TokenOrder
from local.synapse.pipelines import Outcome, Pipeline
from local.synapse.routes import Operation
from local.synapse.runs import Run, wire
from local.synapse.simulation import Simulation
from local.synapse.wire import json_reply
from local.synapse.workspace import Ending, Order, dashed
from local.wire import Wire

type Handler = Callable[[Simulation, web.BaseRequest], Awaitable[Any]]


class OtherRun(Wire):
    #: needed unless there is a reference
    pipeline: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    run_id: str | None = None
    reference_run_id: str | None = None
    life: Live = Live()


class Endings(Wire):
    run_ids: tuple[str, ...]
    outcome: Outcome = "Succeeded"
    message: str = ""  #: of a failure; if empty, what its activities make it say
    activities: tuple[Activity, ...] | None = None  #: null: as planned
    in_seconds: float = 0.0  #: the first
    every_seconds: float = 0.0  #: each further one so much after the one before


class Release(Wire):
    seq: int | None = None
    cut: bool = False  #: let them end here instead, as calls whose connection broke


class Rotation(Wire):
    keep: bool = True


class NoSuch(Exception):
    """The control call names something that isn't there."""


async def handle(sim: Simulation, request: web.BaseRequest) -> web.Response:
    name = request.path.removeprefix("/_sim/").strip("/")
    handler = HANDLERS.get((request.method, name))
    try:
        value = await (handler or _nothing)(sim, request)
        reply = json_reply(200, value)
    except NoSuch as fault:
        reply = json_reply(404, {"error": str(fault)})
    except ValueError as fault:  # pydantic's ValidationError is one
        reply = json_reply(400, {"error": str(fault)})
    return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


async def _read[T: BaseModel](request: web.BaseRequest, kind: type[T]) -> T:
    return kind.model_validate_json(await request.read() or b"{}")


async def _nothing(_: Simulation, request: web.BaseRequest) -> Any:
    msg = f"{request.method} {request.path}"
    raise NoSuch(msg)


async def _calls(sim: Simulation, request: web.BaseRequest) -> Any:
    asked = request.query.get("operation")
    since = int(request.query.get("since", "0"))
    return sim.calls.since(since, Operation(asked) if asked else None)


async def _stats(sim: Simulation, _: web.BaseRequest) -> Any:
    return {"calls": sim.calls.counted(), "runs": len(sim.workspace.runs)}


async def _runs(sim: Simulation, request: web.BaseRequest) -> Any:
    """Every run, or one, also if it is not visible yet, with what the wire doesn't show of it."""
    now, resource = sim.workspace.clock(), sim.catalogue.resource_id
    asked = request.query.get("runId")
    runs = sim.workspace.runs.values() if asked is None else [_found(sim, asked)]
    return [
        {
            **wire(run, now, resource),
            "origin": run.origin,
            "clientRequestId": run.client_request_id,
            "referenceRunId": run.reference,
            "startActivityName": run.start_activity,
            "visible": run.visible <= now,
        }
        for run in runs
    ]


async def _start_other(sim: Simulation, request: web.BaseRequest) -> Any:
    asked = await _read(request, OtherRun)
    reference = _found(sim, asked.reference_run_id) if asked.reference_run_id else None
    name = reference.pipeline if reference else asked.pipeline
    order = Order(
        pipeline=asked.life.changed(_pipeline(sim, name)),
        parameters=asked.parameters,
        client_request_id=dashed(asked.run_id),
        reference=reference,
        origin="others",
    )
    return {"runId": sim.workspace.start(order).run_id}


def _pipeline(sim: Simulation, name: str | None) -> Pipeline:
    pipeline = sim.catalogue.by_name.get(name or "")
    if pipeline is None:
        raise NoSuch(name)
    return pipeline


def _found(sim: Simulation, run_id: str | None) -> Run:
    run = sim.workspace.find(run_id or "", unseen=True)
    if run is None:
        raise NoSuch(run_id)
    return run


async def _end_runs(sim: Simulation, request: web.BaseRequest) -> Any:
    asked = await _read(request, Endings)
    for place, run in enumerate([_found(sim, run_id) for run_id in asked.run_ids]):
        ending = Ending(
            outcome=asked.outcome,
            message=asked.message,
            activities=asked.activities,
            seconds=asked.in_seconds + place * asked.every_seconds,
        )
        sim.workspace.end(run, ending)
    return {}


async def _forget_run(sim: Simulation, request: web.BaseRequest) -> Any:
    sim.workspace.forget(_found(sim, request.query.get("runId")))
    return {}


async def _settings(sim: Simulation, _: web.BaseRequest) -> Any:
    return sim.settings.model_dump(mode="json", by_alias=True)


async def _change(sim: Simulation, request: web.BaseRequest) -> Any:
    changed = sim.change(await request.json())
    return changed.model_dump(mode="json", by_alias=True)


async def _faults(sim: Simulation, _: web.BaseRequest) -> Any:
    return [one.shown() for one in sim.faults.standing]


async def _add_fault(sim: Simulation, request: web.BaseRequest) -> Any:
    return {"id": sim.faults.add(await _read(request, Fault))}


async def _remove_faults(sim: Simulation, request: web.BaseRequest) -> Any:
    number = request.query.get("id")
    sim.faults.remove(int(number) if number else None)
    return {}


async def _held(sim: Simulation, _: web.BaseRequest) -> Any:
    return [waiting.shown() for waiting in sim.held.calls()]


async def _release(sim: Simulation, request: web.BaseRequest) -> Any:
    asked = await _read(request, Release)
    return {"released": sim.held.release(asked.seq, cut=asked.cut)}


async def _reset(sim: Simulation, _: web.BaseRequest) -> Any:
    sim.reset()
    return {}


async def _token(sim: Simulation, request: web.BaseRequest) -> Any:
    order = await _read(request, TokenOrder)
    return {"access_token": sim.identity.mint(order, time.time())}


async def _rotate(sim: Simulation, request: web.BaseRequest) -> Any:
    kid = sim.identity.keys.rotate(keep=(await _read(request, Rotation)).keep)
    sim.identity.verifier.forget()
    return {"kid": kid}


HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "calls"): _calls,
    ("GET", "stats"): _stats,
    ("GET", "runs"): _runs,
    ("POST", "runs"): _start_other,
    ("PATCH", "runs"): _end_runs,
    ("DELETE", "runs"): _forget_run,
    ("GET", "settings"): _settings,
    ("PATCH", "settings"): _change,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _remove_faults,
    ("GET", "held"): _held,
    ("POST", "release"): _release,
    ("POST", "reset"): _reset,
    ("POST", "tokens"): _token,
    ("POST", "keys"): _rotate,
}
