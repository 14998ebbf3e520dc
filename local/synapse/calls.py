"""Records what the workspace was asked, in what order, and what it answered, for tests to read."""

import itertools
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from local.synapse.faults import Live
from local.synapse.routes import Operation, Target
from local.synapse.wire import stamp, wall_clock
from local.synapse.workspace import dashed

SECRET_HEADERS = {"authorization", "x-identity-header"}


def _no_headers() -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict())


@dataclass(slots=True, kw_only=True)
class Call:
    """One request. Written to while it goes on: status, cut and run_id are its end."""

    seq: int
    target: Target
    method: str = ""
    path: str = ""
    query: str = ""
    headers: CIMultiDictProxy[str] = field(default_factory=_no_headers)
    body: bytes | None = None
    claims: Mapping[str, Any] | None = None
    status: int | None = None
    cut: str | None = None
    run_id: str | None = None
    lives: list[Live] = field(default_factory=list)
    wall: int = field(default_factory=wall_clock)
    monotonic: float = field(default_factory=time.monotonic)
    ended: float | None = None

    @property
    def client_request_id(self) -> str | None:
        return dashed(self.headers.get("x-ms-client-request-id"))

    def shown(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "operation": self.target.operation,
            "pipeline": self.target.pipeline,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": {n: v for n, v in self.headers.items() if n.lower() not in SECRET_HEADERS},
            "claims": self.claims,
            "clientRequestId": self.client_request_id,
            "body": None if self.body is None else self.body.decode(errors="replace"),
            "status": self.status,
            "cut": self.cut,
            "runId": self.run_id or self.target.run_id,
            "time": stamp(self.wall),
            "monotonic": self.monotonic,
            "seconds": None if self.ended is None else self.ended - self.monotonic,
        }


class Calls:
    """The log. Only the last ones are kept, all are counted."""

    def __init__(self, keep: int) -> None:
        self.kept: deque[Call] = deque(maxlen=keep)
        self.counts: Counter[tuple[str, str]] = Counter()
        self._seqs = itertools.count(1)

    def begin(self, target: Target, **request: Any) -> Call:
        call = Call(seq=next(self._seqs), target=target, **request)
        self.kept.append(call)
        return call

    def end(self, call: Call) -> None:
        """Count it, and forget its secrets: a token is a kilobyte, too."""
        call.ended = time.monotonic()
        kept = CIMultiDict(call.headers)
        for name in SECRET_HEADERS:
            kept.popall(name, None)
        call.headers = CIMultiDictProxy(kept)
        self.counts[call.target.operation, call.cut or str(call.status)] += 1

    def keep(self, number: int) -> None:
        self.kept = deque(self.kept, maxlen=number)

    def since(self, seq: int, operation: Operation | None) -> list[dict[str, Any]]:
        return [
            call.shown()
            for call in self.kept
            if call.seq > seq and operation in (None, call.target.operation)
        ]

    def counted(self) -> dict[str, dict[str, int]]:
        counted: dict[str, dict[str, int]] = {}
        for (operation, outcome), number in sorted(self.counts.items()):
            counted.setdefault(operation, {})[outcome] = number
        return counted
