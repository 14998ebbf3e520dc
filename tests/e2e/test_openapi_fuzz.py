"""schemathesis over the OpenAPI document against the local stack: the short form; `make fuzz` is the long one."""

import pytest

from local import fuzz


@pytest.mark.slow
async def test_every_answer_is_as_the_document_says() -> None:
    """No check fails, no answer is an error of the server's."""
    verdict = await fuzz.fuzz(5, seed=5)

    assert verdict.passed, verdict.output
    assert verdict.cases > 150
    assert not [
        (operation, status)
        for operation, statuses in verdict.answers.items()
        for status in statuses
        if not 200 <= status < 500
    ]
