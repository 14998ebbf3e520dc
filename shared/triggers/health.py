"""Health checks: whether the app is alive and ready, which settings are invalid, which rights are missing."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Final

import azure.functions as func

from shared.kernel.cloud_error import CloudError
from shared.triggers import responses

if TYPE_CHECKING:
    from shared.gateway.rights import Statement

#: How long the faults are cached: each check calls the storage and may ask for a token.
KEPT_SECONDS: Final = 5.0


def live() -> func.HttpResponse:
    """Report that the process is alive."""
    return _json({"status": "live"}, 200)


def ready(faults: Sequence[CloudError]) -> func.HttpResponse:
    """Report whether the app is ready, without details: the route is open."""
    return _json({"status": "not ready" if faults else "ready"}, 503 if faults else 200)


async def settings(
    looking: Awaitable[Sequence[CloudError]],
    lookup: Awaitable["Statement | None"],
    notices: Sequence[CloudError],
) -> func.HttpResponse:
    """Report every fault and every right to an authenticated caller; no setting's value is quoted.

    Args:
        looking: the faults that keep the app from working.
        lookup: the rights; None while settings are invalid, and for a caller whom `access` does not name.
        notices: what the app does not offer with these settings.
    """
    faults, rights = await asyncio.gather(looking, lookup)
    is_complete = rights is None or rights.is_complete
    body = {
        "status": "not ready" if faults else "ready" if is_complete else "incomplete",
        "faults": [fault.model_dump() for fault in faults],
        "notices": [notice.model_dump() for notice in notices],
    }
    if rights is not None:
        body |= rights.model_dump(mode="json", by_alias=True, exclude_none=True)
    return _json(body, 503 if faults else 200)


def _json(body: object, status: int) -> func.HttpResponse:
    return responses.written(responses.dump(body), status)
