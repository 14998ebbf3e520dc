"""The crash harness ends the runs that wait for it."""

from local.synapse.faults import Live
from local.synapse.in_process import simulating
from local.synapse.pipelines import Pipeline
from tests.crash import lives


async def test_runs_end_also_where_another_has_ended_by_itself_since_they_were_seen() -> None:
    async with simulating(Pipeline(name="copy")) as synapse:
        ids = [await synapse.start_other("copy", life=Live(run_seconds=None)) for _ in range(4)]
        seen = await synapse.runs()
        await synapse.end(ids[1])

        await lives.end(synapse, seen)

        ended = {run.run_id: run.status for run in await synapse.runs()}
    assert [ended[run_id] for run_id in ids] == ["Failed", "Succeeded", "Succeeded", "Failed"]
