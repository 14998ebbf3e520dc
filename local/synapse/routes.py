"""Reads which operation a request asks for.

Paths: Azure/azure-rest-api-specs, specification/synapse/data-plane/Microsoft.Synapse/stable/2020-12-01/pipelines.json.
"""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote


class Operation(StrEnum):
    CREATE_RUN = "createRun"
    GET_RUN = "getRun"
    QUERY_RUNS = "queryRuns"
    CANCEL_RUN = "cancelRun"
    GET_PIPELINE = "getPipeline"
    QUERY_ACTIVITY_RUNS = "queryActivityRuns"
    TOKEN = "token"  #: the managed identity endpoint
    KEYS = "keys"  #: the identity provider's key set
    DISCOVERY = "discovery"  #: the identity provider's openid-configuration
    CONNECTION = "connection"  #: a connection that was refused before any request was read
    UNKNOWN = "unknown"


#: what takes Synapse Monitoring Operator, and counts against the limit of monitoring queries
MONITORING = frozenset({Operation.GET_RUN, Operation.QUERY_RUNS, Operation.QUERY_ACTIVITY_RUNS})


@dataclass(frozen=True, slots=True)
class Target:
    operation: Operation
    pipeline: str | None = None
    run_id: str | None = None


FIXED = {
    ("POST", "queryPipelineRuns"): Operation.QUERY_RUNS,
    ("GET", "identity"): Operation.TOKEN,
    ("GET", "identity/keys"): Operation.KEYS,
}
UNKNOWN = Target(Operation.UNKNOWN)


def target(method: str, raw_path: str) -> Target:
    """Classify by method and percent-encoded path."""
    operation = FIXED.get((method, raw_path.strip("/")))
    if operation is not None:
        return Target(operation)
    parts = [unquote(part) for part in raw_path.strip("/").split("/")]
    match method, parts:
        case "POST", ["pipelines", name, "createRun"]:
            return Target(Operation.CREATE_RUN, pipeline=name)
        case "GET", ["pipelineruns", run_id]:
            return Target(Operation.GET_RUN, run_id=run_id)
        case "POST", ["pipelineruns", run_id, "cancel"]:
            return Target(Operation.CANCEL_RUN, run_id=run_id)
        case _:
            return _rarer(method, parts)


def _rarer(method: str, parts: list[str]) -> Target:
    match method, parts:
        case "GET", ["pipelines", name]:
            return Target(Operation.GET_PIPELINE, pipeline=name)
        # The spec's own spelling is queryActivityruns, with a small r.
        case "POST", ["pipelines", name, "pipelineruns", run_id, "queryActivityruns"]:
            return Target(Operation.QUERY_ACTIVITY_RUNS, pipeline=name, run_id=run_id)
        case "GET", [_, "v2.0", ".well-known", "openid-configuration"]:
            return Target(Operation.DISCOVERY)
        case "GET", [_, "discovery", "v2.0", "keys"]:
            return Target(Operation.KEYS)
        case _:
            return UNKNOWN
