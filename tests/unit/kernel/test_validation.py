"""How the faults of something that a caller wrote are reported."""

import pytest
from pydantic import ValidationError

from shared.gateway.operation_request import Rerun
from shared.kernel import validation
from shared.runs.request import RunRequest


def report(name: str) -> str:
    with pytest.raises(ValidationError) as caught:
        RunRequest.model_validate({"pipelineName": "copy", "requestId": "r", name: "x"})
    (found,) = validation.of(caught.value, RunRequest)
    assert found.target == f"$.{name}"
    return found.message


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("parameter", "parameters"),
        ("pipelinName", "pipelineName"),
        ("correlationID", "correlationId"),
        ("not_before", "notBefore"),
    ],
)
def test_a_field_that_is_nearly_another_is_reported_with_it(name: str, meant: str) -> None:
    assert report(name) == f"There is no such field here. Did you mean {meant}?"


def test_a_field_that_is_like_no_other_is_reported_with_all_that_there_are() -> None:
    message = report("zzz")

    assert message.startswith("There is no such field here. Known here: pipelineName, requestId, ")
    assert message.endswith(", traceparent, tracestate.")


def test_a_field_within_a_field_is_not_compared_with_those_around_it() -> None:
    with pytest.raises(ValidationError) as caught:
        Rerun.model_validate({"recovery": {"generations": 2}})

    (found,) = validation.of(caught.value, Rerun)
    assert (found.target, found.message) == (
        "$.recovery.generations",
        "There is no such field here.",
    )


def test_one_fault_alone_is_in_the_message_itself() -> None:
    one = validation.fault("$.workspace", "Input should be a valid string.")

    error = validation.invalid([one])

    assert (
        error.message == "The request has a fault at $.workspace: Input should be a valid string."
    )
    assert error.details == (one,)


def test_several_faults_are_counted() -> None:
    one = validation.fault("$.workspace", "Input should be a valid string.")

    assert validation.invalid([one, one]).message == "The request has 2 faults."
