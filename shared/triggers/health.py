"""Is the app alive, is it ready, and if not, which setting is wrong?"""

import json
from collections.abc import Awaitable, Sequence

import azure.functions as func

from shared.cloud_error import CloudError


def live() -> func.HttpResponse:
    """Say that the process answers."""
    return _json({"status": "live"}, 200)


def ready(faults: Sequence[CloudError]) -> func.HttpResponse:
    """Say yes or no, and nothing that helps a stranger."""
    return _json({"status": "not ready" if faults else "ready"}, 503 if faults else 200)


async def settings(looking: Awaitable[Sequence[CloudError]]) -> func.HttpResponse:
    """Name every fault, for a caller who is known; no value is quoted."""
    faults = await looking
    body = {"status": "not ready" if faults else "ready"} | {
        "faults": [fault.model_dump() for fault in faults]
    }
    return _json(body, 503 if faults else 200)


def _json(body: object, status: int) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(body), status_code=status, mimetype="application/json")
