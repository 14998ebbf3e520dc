"""Derives the run id sent to createRun, the fingerprint that compares requests, and the ids of results."""

import hashlib
import json
import uuid
from typing import Final

from shared.runs.request import RunRequest

# Must never change: another namespace would give requests in flight other run ids.
_NAMESPACE: Final = uuid.UUID("5d0e2f1c-7c1b-5f0e-9a53-0f6f5e0c9c11")


def client_request_id(endpoint: str, request_id: str, generation: int, nonce: str) -> str:
    """Return the x-ms-client-request-id of every send of one generation of a record.

    The first generation is 1; only an explicit rerun raises it. The nonce was drawn when the record was claimed.
    Without it an id that is used again after its record is deleted, or by a second gateway at the same workspace,
    would be answered with the old run.

    In all of Microsoft's recorded traffic Synapse gives the run this id, and a second createRun with it
    returns the existing run (azure-sdk-for-net, SessionRecords/PipelineClientLiveTests; azure-powershell
    #25622). No document promises it, so the gateway watches: see `ports.Echo`.
    """
    return str(uuid.uuid5(_NAMESPACE, f"{endpoint}|{request_id}|{generation}|{nonce}"))


def fingerprint(request: RunRequest, endpoint: str) -> str:
    """Return a hash of what would be run, without times and callers: SHA-256 in hex over canonical JSON."""
    what = {
        "pipelineName": request.pipeline_name,
        "endpoint": endpoint,
        "parameters": request.parameters or {},
        "referencePipelineRunId": request.reference_pipeline_run_id,
        "isRecovery": request.is_recovery,
        "startActivityName": request.start_activity_name,
    }
    canonical = json.dumps(what, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def result_id(request_id: str, generation: int, outcome: str) -> str:
    """Return the id of a result: results with equal ids say the same."""
    return _digest("result", request_id, str(generation), outcome)


def outcome_id(request_id: str, generation: int, run_id: str) -> str:
    """Return the id of the outcome of one generation: a run has one end, so it does not depend on it."""
    return _digest("outcome", request_id, str(generation), run_id)


def workspace_key(endpoint: str) -> str:
    """Return the key of a workspace in tables and in the gateway's own messages: SHA-256 in hex."""
    return hashlib.sha256(endpoint.encode()).hexdigest()


def rejection_id(source: str, delivery_id: str, request_id: str | None, code: str) -> str:
    """Return the id of a rejection for which there is no record; one event's delivery may have several."""
    return _digest("rejection", source, delivery_id, request_id or "", code)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
