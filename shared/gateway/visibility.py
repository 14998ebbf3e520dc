"""What a caller may see: the requests, and their audit entries, of pipelines that it may start."""

from collections.abc import Callable

from shared.auth.policy import Policy
from shared.kernel.cloud_error import CloudError, Code
from shared.ports import Records, VersionedRecord
from shared.runs.audit_entry import AuditEntry


async def find(
    records: Records, policy: Policy, request_id: str, principal: str
) -> VersionedRecord | CloudError:
    """Find a request by its id. `NotFound` also for one that the caller may not see: it does not learn that it exists."""
    stored = await records.get(request_id)
    if stored is not None:
        record = stored.record
        if policy.permits(principal, record.pipeline_name, record.workspace):
            return stored
    return not_found(request_id)


def not_found(request_id: str) -> CloudError:
    """Return the error for a request that is not recorded."""
    return CloudError(code=Code.NOT_FOUND, message=f"No request {request_id!r} is recorded.")


def of_audit(policy: Policy, principal: str) -> Callable[[AuditEntry], bool]:
    """Return which audit entries a caller may see."""

    def may_see(entry: AuditEntry) -> bool:
        # A message that could not be read names no pipeline: only a caller who may start any sees its entry.
        name = entry.pipeline_name or ""
        workspace = entry.workspace or policy.default_workspace
        return policy.permits(principal, name, workspace)

    return may_see
