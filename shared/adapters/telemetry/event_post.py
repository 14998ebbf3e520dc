"""The post of an event to the topic as one span of the trace that the event names."""

from typing import override
from urllib.parse import urlsplit

from shared.adapters.telemetry import quiet, spans
from shared.gateway.event_post import EventPost, NotPosted
from shared.runs.cloud_event import CloudEvent


class TracedEventPost(EventPost):
    """Posts events as `EventPost` does."""

    @override
    async def post(self, event: CloudEvent) -> NotPosted | None:
        trace = event.get("traceparent")
        known = {
            "run_gateway.event_type": str(event.get("type")),
            "run_gateway.event_id": str(event.get("id")),
            "server.address": urlsplit(self._topic.url).hostname or "",
            **({"run_gateway.request_id": str(event["subject"])} if "subject" in event else {}),
        }
        with (
            quiet.busy(),
            spans.visiting(
                "post event",
                producer=spans.remote(trace if isinstance(trace, str) else None),
                seed=f"event {event.get('id')}",
                attributes=known,
            ) as span,
        ):
            failure = await super().post(event)
            if failure is not None:
                spans.fail(span, failure.reason)
                if failure.status is not None:
                    span.set_attribute("run_gateway.http_status", failure.status)
        return failure
