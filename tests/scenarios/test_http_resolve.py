"""`POST /api/runs/{requestId}/resolve`: what an operator may say about an unknown outcome."""

import pytest

from shared.runs.record import Status
from shared.synapse.reply import Unreachable
from tests.scenarios.api import Api
from tests.scenarios.test_http_operations import ERROR, RUN, finished, unresolved


async def test_an_operator_names_the_run_that_was_found() -> None:
    world = await unresolved()

    answer = await Api(world).resolve({"runId": RUN})

    assert (answer.status, answer.body["status"], answer.body["runId"]) == (200, "Started", RUN)
    assert world.record.status is Status.STARTED


@pytest.mark.parametrize("pipelines", [None, {"copy"}])
async def test_another_pipeline_s_run_is_refused(pipelines: set[str] | None) -> None:
    """Cancelling and looking by requestId would reach it otherwise."""
    world = await unresolved()
    await world.deliver("m-2", requestId="order-18", pipelineName="secret")
    run = world.pipelines.runs[-1].run_id

    answer = await Api(world, pipelines).resolve({"runId": run})

    assert (answer.status, answer.code) == (409, "InvalidState")
    assert "secret" not in answer.text


@pytest.mark.parametrize("pipelines", [None, {"copy"}])
async def test_an_operator_s_word_counts_where_nothing_is_kept_from_it(
    pipelines: set[str] | None,
) -> None:
    world = await unresolved()
    world.pipelines.may_look = False

    answer = await Api(world, pipelines).resolve({"runId": RUN})

    assert answer.status == (200 if pipelines is None else 409)
    assert ("unseen" in answer.text) is (pipelines is None)


@pytest.mark.parametrize(("seconds", "pause"), [(None, "5"), (20.0, "20")])
async def test_nothing_is_resolved_while_synapse_can_t_be_asked(
    seconds: float | None, pause: str
) -> None:
    world = await unresolved()
    world.pipelines.unreachable = Unreachable(error=ERROR, retry_after=seconds)

    answer = await Api(world).resolve({"runId": RUN})

    assert (answer.status, answer.headers["Retry-After"]) == (503, pause)


async def test_an_operator_says_that_there_is_none() -> None:
    answer = await Api(await unresolved()).resolve({"runId": None})

    assert (answer.status, answer.body["error"]["code"]) == (200, "RetriesExhausted")


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"runId": ""}', b'{"runId": "../x"}', b'{"runId": 1}', b'{"runId": null, "x": 1}'],
)
async def test_only_a_guid_names_a_run(body: bytes) -> None:
    world = await unresolved()

    answer = await Api(world).resolve(body)

    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert world.record.status is Status.FAILED


async def test_only_an_unknown_outcome_is_resolved() -> None:
    answer = await Api(await finished()).resolve({"runId": RUN})

    assert (answer.status, answer.code) == (409, "InvalidState")
