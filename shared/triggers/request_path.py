"""Finds the request that a path names."""

import re
from typing import Final

import azure.functions as func

from shared.auth.policy import Policy
from shared.gateway import visibility
from shared.kernel import validation
from shared.kernel.cloud_error import CloudError
from shared.ports import Records, VersionedRecord
from shared.runs.caller import Caller
from shared.runs.request import REQUEST_ID

_REQUEST_ID: Final = re.compile(REQUEST_ID.strip("^$"))


async def find(
    request: func.HttpRequest, records: Records, policy: Policy, caller: Caller
) -> VersionedRecord | CloudError:
    """Find the request that a path names, if the caller may see it."""
    request_id = request.route_params.get("requestId", "")
    if not _REQUEST_ID.fullmatch(request_id):
        bad = validation.fault("$.path.requestId", "The path should name a requestId.")
        return validation.invalid([bad])
    return await visibility.find(records, policy, request_id, caller.principal)
