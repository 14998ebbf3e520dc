"""A delivery: one arrival of a request at one entry point, which is owed an answer."""

from enum import StrEnum

from pydantic import Field

from shared.kernel.camel_model import CamelModel
from shared.redaction import patterns


class Source(StrEnum):
    """The entry point through which a delivery came."""

    QUEUE = "queue"  #: a message on run-requests
    HTTP = "http"  #: POST /api/runs or Synapse's own wire route
    EVENT = "event"  #: an Event Grid event or a CloudEvent
    HOOK = "hook"  #: a signed webhook
    POISON = "poison"  #: a message that came back from run-requests-poison


class Delivery(CamelModel):
    """One delivery, by its id at the entry point (message id, invocation id, event id).

    The gateway's own `resume` messages carry it, so that the process that resumes the request can answer it.
    """

    id: str = Field(max_length=400)
    source: Source
    correlation_id: str | None = Field(default=None, max_length=200)
    traceparent: str | None = Field(default=None, max_length=200)
    duplicate: bool = False  #: another delivery of the same request came first

    def about(self, correlation_id: str | None, traceparent: str | None) -> "Delivery":
        """Return the delivery with the ids from its content, without what looks like a secret."""
        safe_id = patterns.cut_optional(correlation_id)
        return self.model_copy(update={"correlation_id": safe_id, "traceparent": traceparent})

    def is_same(self, other: "Delivery") -> bool:
        """Return whether both are the same arrival, possibly redelivered."""
        return (self.source, self.id) == (other.source, other.id)
