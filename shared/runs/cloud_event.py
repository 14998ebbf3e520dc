"""Results as CloudEvents 1.0, for an Event Grid topic, and the message on the outbox queue that carries one there.

The attributes are those of cloudevents/spec v1.0 (spec.md, formats/json-format.md); `traceparent` is its distributed
tracing extension: the trace in which the request began.
"""

import json
from datetime import datetime
from typing import Final, Protocol, Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from shared.kernel import strict_json
from shared.runs.outcome import RunOutcome
from shared.runs.result import ResultStatus, RunResult

type CloudEvent = dict[str, JsonValue]

#: The `source` of events of an app that has no public address.
NAMELESS: Final = "synapse-run-gateway"
_PREFIX: Final = "SynapseRunGateway"
_TYPES: Final = {
    ResultStatus.STARTED: "RunStarted",
    ResultStatus.REJECTED: "RequestRejected",
    ResultStatus.FAILED: "RequestFailed",
}


class _News(Protocol):
    """What a message on one of the output queues has, whatever it reports."""

    @property
    def request_id(self) -> str | None: ...

    @property
    def traceparent(self) -> str | None: ...

    def to_json(self) -> str: ...


def of_result(result: RunResult, source: str) -> CloudEvent:
    """Return a result as an event. Its data is the message on the results queue, cut to 48 KiB as that one is.

    Event Grid takes events of at most 1 MB and charges for each 64 KB begun (azure-docs, event-grid/quotas-limits):
    with its attributes, which are shorter than 2 KiB, such an event counts as one.
    """
    return _event(_TYPES[result.status], result.result_id, result.finished_at, result, source)


def of_outcome(outcome: RunOutcome, source: str) -> CloudEvent:
    """Return how a run ended as an event. Its data is the message on the outcomes queue, cut as a result is."""
    kind = f"Run{outcome.outcome}"
    return _event(kind, outcome.outcome_id, outcome.run_end, outcome, source)


def _event(kind: str, news_id: str, time: datetime | None, news: _News, source: str) -> CloudEvent:
    attributes: dict[str, JsonValue] = {
        "specversion": "1.0",
        "type": f"{_PREFIX}.{kind}",
        "source": source,
        "id": news_id,
        "time": None if time is None else time.isoformat(),
        "subject": news.request_id,
        "traceparent": news.traceparent,
        "datacontenttype": "application/json",
    }
    given = {name: value for name, value in attributes.items() if value is not None}
    return given | {"data": json.loads(news.to_json())}


class OutboxMessage(BaseModel):
    """A message on the outbox queue: plain JSON."""

    # What a newer version of the app adds must not make an older one drop the event.
    model_config = ConfigDict(frozen=True, extra="ignore")

    event: CloudEvent
    rounds: int = 0  #: how often it went back to the queue

    def to_json(self) -> str:
        """Return the message, of at most 64 KiB."""
        return strict_json.for_xml(self.model_dump_json())

    def next_round(self) -> Self:
        """Return the message that takes this one's place on the queue."""
        return self.model_copy(update={"rounds": self.rounds + 1})


def read(body: bytes) -> OutboxMessage | None:
    """Read a message of the outbox queue; None if it is not one of ours."""
    try:
        return OutboxMessage.model_validate(strict_json.parse(body))
    except (strict_json.Unreadable, ValidationError):
        return None
