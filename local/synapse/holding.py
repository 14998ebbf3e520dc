"""A call that stands still until it is released, and what is shown of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.synapse.calls import Call
from local.synapse.faults import Point


@dataclass(slots=True, kw_only=True)
class Waiting:
    call: Call
    point: Point
    gone: Callable[[], bool]
    since: float = field(default_factory=time.monotonic)

    def shown(self) -> dict[str, Any]:
        return {
            "seq": self.call.seq,
            "operation": self.call.target.operation,
            "pipeline": self.call.target.pipeline,
            "clientRequestId": self.call.client_request_id,
            "body": None if self.call.body is None else self.call.body.decode(errors="replace"),
            "runId": self.call.run_id or self.call.target.run_id,
            "point": self.point,
            "seconds": time.monotonic() - self.since,
            "clientGone": self.gone(),
        }
