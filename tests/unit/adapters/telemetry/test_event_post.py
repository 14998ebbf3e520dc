"""The post of an event in the trace that the event names, on the fakes."""

from opentelemetry.trace import StatusCode

from shared.adapters.telemetry.event_post import TracedEventPost
from shared.runs.cloud_event import CloudEvent
from shared.synapse.reply import Answer
from tests.fakes.clock import FakeClock
from tests.fakes.topic import FakeOutbox, FakeTopic
from tests.unit.adapters.telemetry.conftest import Seen
from tests.unit.adapters.telemetry.test_visits import PRODUCER, attributes

EVENT: CloudEvent = {
    "id": "e-1",
    "type": "SynapseRunGateway.RunStarted",
    "subject": "order-17",
    "traceparent": PRODUCER,
    "data": {"secret": "hunter2"},
}


async def post(event: CloudEvent, *answers: Answer) -> None:
    clock = FakeClock()
    topic = FakeTopic(*answers)
    await TracedEventPost(clock=clock, outbox=FakeOutbox(clock), topic=topic).post(event)


async def test_an_event_is_posted_in_its_trace(seen: Seen) -> None:
    await post(EVENT)

    (span,) = seen.spans
    assert span.parent
    assert span.parent.span_id == int("cd" * 8, 16)
    found = attributes(span)
    assert (found["run_gateway.event_id"], found["run_gateway.request_id"]) == ("e-1", "order-17")
    assert "hunter2" not in str(found)


async def test_an_event_that_the_topic_does_not_take_is_a_failed_span(seen: Seen) -> None:
    await post(EVENT, Answer(status=401, headers={}, body=b""))

    (span,) = seen.spans
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "unauthorized")
    assert attributes(span)["run_gateway.http_status"] == 401


async def test_an_event_without_a_trace_or_subject_begins_one(seen: Seen) -> None:
    await post({"id": "e-1", "type": "t"})

    (span,) = seen.spans
    assert span.parent is None
    assert "run_gateway.request_id" not in attributes(span)
