"""What a collector gets of a run's end and of the events about it: the trace of its request, to the last."""

from local import event_grid_topic, stack
from local.collector import Span
from tests.e2e.test_telemetry import Traced, a_trace, eventually, points, traced


async def named(host: Traced, trace_id: str, name: str, expected: int = 1) -> list[Span]:
    """Wait for so many spans of this name in a trace."""

    def look() -> list[Span]:
        found = [span for span in host.collector.trace(trace_id) if span.name == name]
        return found if len(found) >= expected else []

    return await eventually(look, lambda: f"{name} in {host.collector.trace(trace_id)}")


async def test_a_run_is_one_trace_to_its_end_and_to_the_posts_of_its_events(
    running: stack.Stack,
) -> None:
    trace_id, traceparent = a_trace()
    producer = traceparent.split("-")[2]
    async with event_grid_topic.serving() as topic:
        env = {
            "FOLLOW_SECONDS": "1",
            "OUTCOME_TOPIC_ENDPOINT": topic.url,
            "RUN_OUTBOX_QUEUE": "traced-outbox",
            "RUNS_TABLE": "tracedruns",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
        }
        async with traced(running, "traced-outcomes", **env) as host:
            await host.put(requestId="t-outcome", traceparent=traceparent)
            (result,) = await host.world.results("t-outcome")
            await host.world.synapse.end(result["runId"], outcome="Failed")

            (told,) = await named(host, trace_id, "outcome queue")
            assert told.attributes["run_gateway.outcome"] == "Failed"
            assert (told.error, told.parent_id) == ("RunFailed", producer)
            (sent,) = await named(host, trace_id, "send run-outcomes")
            assert sent.parent_id == told.span_id

            (link,) = told.links
            assert link.attributes["run_gateway.link"] == "follower"
            assert link.trace_id != trace_id
            (follow,) = await named(host, link.trace_id, "follow queue")
            assert follow.span_id == link.span_id

            posts = await named(host, trace_id, "post event", 2)
            assert {one.parent_id for one in posts} == {producer}
            assert {one.attributes["run_gateway.event_type"] for one in posts} == {
                "SynapseRunGateway.RunStarted",
                "SynapseRunGateway.RunFailed",
            }
            await eventually(
                lambda: [
                    one
                    for one in host.collector.lines
                    if one.trace_id == trace_id and "outcome_ended" in one.body
                ],
                lambda: "no line on the run's end is in its trace",
            )
            counted = await eventually(
                lambda: points(host, "run_gateway.runs.ended"), lambda: "no run was counted"
            )
            assert {one["run_gateway.outcome"] for one in counted} == {"Failed"}
