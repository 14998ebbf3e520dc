"""Reads Synapse's answer about a request's run: the run, or why it can't be shown."""

from typing import Final

from shared.kernel import cloud_error
from shared.kernel.cloud_error import CloudError, Code
from shared.synapse import response_filter
from shared.synapse.reply import Answer, Lost, is_absent
from shared.synapse.response_filter import NotPassed, RunShown

# Of Data Factory (apache/airflow, pull 56350); Synapse once answered 200 to the same (azure-sdk-for-net, TestCancelRun.json).
_NOT_RUNNING: Final = "PipelineRunNotRunning"


def read(outcome: Answer | Lost, run_id: str) -> RunShown | CloudError:
    """Read the outcome of getting the run with this id.

    A 401 or 403 of Synapse is not passed on as such: it refers to the gateway's identity, not the caller's.
    """
    if isinstance(outcome, Lost):
        return _unreached(outcome)
    if outcome.status == 200:
        run = response_filter.read_run(outcome, run_id)
        return run.error if isinstance(run, NotPassed) else run
    return _refusal(outcome, "may not see runs: it needs Synapse Monitoring Operator")


def read_cancel(outcome: Answer | Lost) -> CloudError | None:
    """Read the outcome of cancelling a run: None if Synapse will cancel it."""
    if isinstance(outcome, Lost):
        return _unreached(outcome)
    if 200 <= outcome.status < 300:
        return None
    refusal = cloud_error.read(outcome.body, http_status=outcome.status)
    if refusal.code == _NOT_RUNNING:
        return ended(refusal)
    role = "Synapse Compute Operator in the workspace"
    return _refusal(outcome, f"may not cancel runs: it needs {role}")


def ended(*details: CloudError, status: str = "") -> CloudError:
    """Return the error for a run that can't be cancelled because it has ended."""
    how = f": it is {status}" if status else ""
    message = f"The run has ended already{how}."
    return CloudError(code=Code.INVALID_STATE, message=message, details=details)


def absent() -> CloudError:
    """Return the error for a run that does not exist, or that the caller may not read."""
    return CloudError(code=Code.NOT_FOUND, message="Synapse has no such run.")


def _unreached(outcome: Lost) -> CloudError:
    return _unavailable("Synapse could not be reached.", outcome.error)


def _refusal(answer: Answer, forbidden: str) -> CloudError:
    error = cloud_error.read(answer.body, http_status=answer.status)
    match answer.status:
        case _ if is_absent(answer):
            return absent()
        case 401 | 403:
            return _unavailable(f"The gateway's identity {forbidden}.", error)
        case 429:
            message = "The workspace is throttled."
            return CloudError(code=Code.THROTTLED, message=message, details=(error,))
        case _:
            return _unavailable(f"Synapse answered HTTP {answer.status}.", error)


def _unavailable(message: str, error: CloudError) -> CloudError:
    return CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message, details=(error,))
