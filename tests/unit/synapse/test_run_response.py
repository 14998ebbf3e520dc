"""What is told of a look at a run."""

import json

import pytest

from shared.kernel.cloud_error import CloudError
from shared.synapse import run_response
from shared.synapse.reply import Answer, Lost
from shared.synapse.response_filter import RunShown

RUN = {"runId": "r-1", "pipelineName": "copy", "status": "Failed"}
ERROR = CloudError(code="BadThing", message="It went wrong.")


def answer(status: int = 200, content: object = RUN) -> Answer:
    return Answer(status=status, headers={}, body=json.dumps(content).encode())


def code(outcome: RunShown | CloudError | None) -> str:
    assert isinstance(outcome, CloudError), outcome
    return outcome.code


def test_a_run_is_told_as_it_is() -> None:
    run = run_response.read(answer(), "r-1")

    assert isinstance(run, RunShown)
    assert (run.pipeline_name, run.content) == ("copy", RUN)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "GatewayUnavailable"),
        (403, "GatewayUnavailable"),
        (429, "Throttled"),
        (400, "GatewayUnavailable"),
        (302, "GatewayUnavailable"),
        (500, "GatewayUnavailable"),
    ],
)
def test_a_refusal_is_told_with_synapses_own_words_in_it(status: int, told: str) -> None:
    outcome = run_response.read(answer(status, {"error": ERROR.model_dump()}), "r-1")

    assert code(outcome) == told
    assert isinstance(outcome, CloudError)
    assert outcome.details == (ERROR,)


@pytest.mark.parametrize("status", [400, 404])
def test_a_run_that_synapse_has_forgotten_is_none(status: int) -> None:
    """It is a 400 there (azure-powershell, TestCancelRunNegativeV2.json), and no outage."""
    absent = {"error": {"code": "ReferencedPipelineRunNotFound", "message": "It does not exist."}}

    assert code(run_response.read(answer(status, absent), "r-1")) == "NotFound"


def test_a_404_of_a_gateway_in_between_is_an_outage() -> None:
    page = Answer(status=404, headers={}, body=b"<h1>404 Not Found</h1>")

    assert code(run_response.read(page, "r-1")) == "GatewayUnavailable"


def test_an_answer_that_did_not_come_is_told() -> None:
    assert code(run_response.read(Lost(sent=True, error=ERROR), "r-1")) == "GatewayUnavailable"


@pytest.mark.parametrize("content", [[], "x", {"runId": "r-2", "pipelineName": "copy"}, {}])
def test_what_is_not_that_run_is_not_told(content: object) -> None:
    assert code(run_response.read(answer(200, content), "r-1")) == "UnreadableResponse"


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_cancel_that_synapse_takes_has_no_error(status: int) -> None:
    assert run_response.read_cancel(Answer(status=status, headers={}, body=b"")) is None


@pytest.mark.parametrize(
    ("status", "named", "told"),
    [
        (400, "PipelineRunNotRunning", "InvalidState"),
        (409, "PipelineRunNotRunning", "InvalidState"),
        (400, "ReferencedPipelineRunNotFound", "NotFound"),
        (401, "Unauthorized", "GatewayUnavailable"),
        (403, "AccessControlUnauthorized", "GatewayUnavailable"),
        (429, "TooManyRequests", "Throttled"),
        (500, "InternalServerError", "GatewayUnavailable"),
    ],
)
def test_a_cancel_that_synapse_does_not_take_says_why(status: int, named: str, told: str) -> None:
    error = {"error": {"code": named, "message": "No."}}

    assert code(run_response.read_cancel(answer(status, error))) == told


def test_a_cancel_without_an_answer_may_be_asked_again() -> None:
    """Cancelling twice does no harm."""
    assert code(run_response.read_cancel(Lost(sent=True, error=ERROR))) == "GatewayUnavailable"
