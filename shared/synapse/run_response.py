"""Reads Synapse's answer about a request's run: the run, or why it can't be shown."""

from shared.kernel import cloud_error
from shared.kernel.cloud_error import CloudError, Code
from shared.synapse import response_filter
from shared.synapse.reply import Answer, Lost, is_absent
from shared.synapse.response_filter import NotPassed, RunShown


def read(outcome: Answer | Lost, run_id: str) -> RunShown | CloudError:
    """Read the outcome of getting the run with this id.

    A 401 or 403 of Synapse is not passed on as such: it refers to the gateway's identity, not the caller's.
    """
    if isinstance(outcome, Lost):
        return _unavailable("Synapse could not be reached.", outcome.error)
    if outcome.status == 200:
        run = response_filter.read_run(outcome, run_id)
        return run.error if isinstance(run, NotPassed) else run
    error = cloud_error.read(outcome.body, http_status=outcome.status)
    match outcome.status:
        case _ if is_absent(outcome):
            return absent()
        case 401 | 403:
            role = "Synapse Monitoring Operator"
            return _unavailable(f"The gateway's identity may not see runs: it needs {role}.", error)
        case 429:
            return CloudError(
                code=Code.THROTTLED, message="The workspace is throttled.", details=(error,)
            )
        case _:
            return _unavailable(f"Synapse answered HTTP {outcome.status}.", error)


def absent() -> CloudError:
    """Return the error for a run that does not exist, or that the caller may not read."""
    return CloudError(code=Code.NOT_FOUND, message="Synapse has no such run.")


def _unavailable(message: str, error: CloudError) -> CloudError:
    return CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message, details=(error,))
