"""The traced ports give what the ports behind them give."""

from datetime import timedelta

import pytest

from shared.adapters.telemetry import metrics, spans
from shared.adapters.telemetry.storage import TracedAudit, TracedRecords, TracedRequests
from shared.adapters.telemetry.synapse import TracedPipelines
from shared.ports import Conflict, Echo, VersionedRecord
from shared.runs import audit_entry
from shared.runs.audit_query import Wanted
from shared.runs.record import reject
from shared.runs.request import Resume
from shared.synapse.reply import Answer, Forbidden, Unreachable
from tests.fakes.audit import FakeAudit
from tests.fakes.clock import FakeClock
from tests.fakes.pipelines import FakePipelines
from tests.fakes.queues import FakeRequests
from tests.fakes.records import FakeRecords
from tests.unit.adapters.telemetry.conftest import Seen
from tests.unit.builders import DELIVERY, ERROR, NOW, PLACE, a_record

WORKSPACE = PLACE.endpoint


async def test_records(seen: Seen) -> None:
    records = TracedRecords(FakeRecords(FakeClock()), "runs")

    with spans.visiting("test", producer=None, seed="x"):
        stored = await records.insert(a_record())
        again = await records.insert(a_record())
    assert isinstance(stored, VersionedRecord)
    assert isinstance(again, Conflict)
    assert seen.spans[1].attributes is not None
    assert seen.spans[1].attributes["run_gateway.outcome"] == "Conflict"
    await records.note_echo(WORKSPACE, echoed=True)
    assert await records.echo(WORKSPACE) is Echo.CONFIRMED
    assert await records.delete(stored)
    assert isinstance(await records.update(stored, a_record()), Conflict)


async def test_the_audit(seen: Seen) -> None:
    audit = TracedAudit(FakeAudit(), "runaudit", frozenset({"default"}))
    ended = reject(a_record(), ERROR, NOW)
    entry = audit_entry.of_answer(ended, DELIVERY, "queue", NOW, parameters=True)

    await audit.append(entry)

    page = await audit.page(Wanted(since=NOW - timedelta(days=1), until=NOW + timedelta(days=1)))
    assert [one.request_id for one in page.entries] == ["order-17"]
    keys = [key async for keys in audit.oldest(NOW + timedelta(days=1)) for key in keys]
    await audit.delete(keys)
    assert len(keys) == 1
    ended_points = [dict(found) for found, _ in seen.points("run_gateway.requests.ended")]
    assert {
        "run_gateway.source": "queue",
        "run_gateway.workspace": "default",
        "run_gateway.status": "Rejected",
        "run_gateway.code": "BadThing",
    } in ended_points


async def test_the_requests_queue(seen: Seen) -> None:
    fake = FakeRequests(FakeClock())
    requests = TracedRequests(fake, "run-requests")

    receipt = await requests.enqueue(Resume(resume="a"), 10.0)

    (message,) = fake.messages
    assert message.resume.deferred_by is None  # no visit put it there
    assert await requests.postpone(receipt, 20.0)
    await requests.withdraw(fake.messages[0].receipt)
    assert not fake.messages


async def test_synapse(seen: Seen) -> None:
    fake = FakePipelines(clock=FakeClock())
    pipelines = TracedPipelines(fake)
    fake.may_look = False

    with spans.visiting("test", producer=None, seed="x"):
        assert await pipelines.authorize(WORKSPACE) is None
        look = await pipelines.find_run(WORKSPACE, "r")
        run = await pipelines.get_run(WORKSPACE, "r")
        pipeline = await pipelines.get_pipeline(WORKSPACE, "copy")
        cancelled = await pipelines.cancel_run(WORKSPACE, "r")
        listed = await pipelines.query_runs(WORKSPACE, b"{}")
        recent = await pipelines.recent_runs(WORKSPACE, "copy", NOW, NOW)

    assert isinstance(look, Forbidden)
    assert all(isinstance(one, Answer) for one in (run, pipeline, cancelled, listed))
    assert isinstance(recent, Unreachable | tuple)
    assert pipelines.started(WORKSPACE) == fake.evidence
    assert await pipelines.identity(WORKSPACE) == fake.who
    names = [span.name for span in seen.spans]
    assert names == [
        "GET /pipelineruns/{runId}",
        "GET /pipelineruns/{runId}",
        "GET /pipelines/{pipelineName}",
        "POST /pipelineruns/{runId}/cancel",
        "POST /queryPipelineRuns",
        "POST /queryPipelineRuns",
        "test",
    ]


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (None, "None"),
        ("BadRequest", "BadRequest"),
        ("a text with a secret", "Other"),
        ("x" * 65, "Other"),
        ("2x", "Other"),
    ],
)
def test_a_code_is_a_dimension_only_in_the_form_of_one(found: str | None, shown: str) -> None:
    assert metrics.code(found) == shown
