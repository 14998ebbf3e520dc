"""Runs are followed to their ends: what is told, once, whatever dies or is asked twice."""

from tests.scenarios.world import World


async def test_the_end_of_a_run_is_told_kept_and_audited() -> None:
    world = World()
    await world.deliver()
    world.pipelines.end(world.run_id)

    await world.follow()

    (outcome,) = world.outcome_messages.published
    assert (outcome.request_id, outcome.outcome, outcome.run_id) == (
        "order-17",
        "Succeeded",
        world.run_id,
    )
    assert world.open_runs.standing == []
    assert world.requests.follows == []
    assert world.chains.standing[0].token == ""
